"""How fast is `sar` with all similarities? Fit and the top 10 of every customer, bought ones too.

Sides run in processes of their own, in alternating rounds (``benchmarks.peers``), on a million
pairs (50,000 customers, 5,000 items) and on the 10,000 most bought products of Dunnhumby:

sar_1m_vs_rusket, sar_dh10k_vs_rusket  seconds of rusket's cosine ItemKNN with 200 neighbours over
                                       those of our jaccard with all: time only
sar_1m_seconds, sar_dh10k_seconds      ours, wall clock; a sparse matrix is there for both sides
sar_1m_mb, sar_dh10k_mb                how far our first round rises above the data, megabytes
"""

from collections.abc import Iterator

from restock.benchmarks.figures import Figure
from restock.benchmarks.peers import Side, alone, hand_over, ours, race
from restock.benchmarks.race_data import dunnhumby_10k, pairs_1m

CONFIG = {"similarity": "jaccard", "half_life_days": None}
NEIGHBOURS = 200


def figures() -> Iterator[Figure]:
    """Ratio, seconds and memory, on both data sets."""
    for name, make in (("1m", pairs_1m), ("dh10k", dunnhumby_10k)):
        mine = ours("lists", model="sar", config=CONFIG, csr=True)
        peer = Side("rusket", "rusket_knn", "cosine", {"neighbours": NEIGHBOURS})
        with hand_over(make()) as folder:
            first = alone(folder, mine)
            own, theirs = race(folder, mine, peer)
        what = "rusket ItemKNN(cosine, k=200)"
        yield Figure(
            f"sar_{name}_vs_rusket",
            theirs.wall / own.wall,
            "ratio",
            peer=what,
            agreement="time only",
        )
        yield Figure(f"sar_{name}_seconds", own.wall, "s")
        yield Figure(f"sar_{name}_mb", first.rise_mb, "MB")
