"""How fast is `item_knn`? Cosine, 100 neighbours, fit and the top 10 of all, bought ones too.

Ten million pairs (300,000 customers, 20,000 items), each bought once; both sides are given a sparse
matrix, in processes of their own, in alternating rounds:

item_knn_10m_vs_implicit  seconds of implicit's CosineRecommender over ours. Agreement: the mean
                          share of the items of a list that both name
item_knn_10m_vs_rusket    seconds of rusket's ItemKNN over ours; its cosine scales customers, not
                          items: time only
item_knn_10m_seconds      ours, wall clock
item_knn_10m_mb           how far our first round rises above the data, megabytes
"""

from collections.abc import Iterator

from restock.benchmarks.figures import Figure
from restock.benchmarks.peers import Side, alone, hand_over, ours, overlap, race
from restock.benchmarks.race_data import pairs_10m

NEIGHBOURS = 100
CONFIG = {"weighting": "cosine", "neighbours": NEIGHBOURS, "half_life_days": None}


def figures() -> Iterator[Figure]:
    """Two ratios, our seconds, our memory."""
    mine = ours("lists", model="item_knn", config=CONFIG, csr=True)
    asked = {"neighbours": NEIGHBOURS}
    implicit = Side("rectools", "implicit_knn", "cosine", asked)
    rusket = Side("rusket", "rusket_knn", "cosine", asked)
    with hand_over(pairs_10m()) as folder:
        first = alone(folder, mine)
        own, theirs, others = race(folder, mine, implicit, rusket, warm=False)
    same = overlap(own.arrays["lists"], theirs.arrays["lists"])
    yield Figure(
        "item_knn_10m_vs_implicit", theirs.wall / own.wall, "ratio", peer="implicit", agreement=same
    )
    yield Figure(
        "item_knn_10m_vs_rusket",
        others.wall / own.wall,
        "ratio",
        peer="rusket",
        agreement="time only",
    )
    yield Figure("item_knn_10m_seconds", own.wall, "s")
    yield Figure("item_knn_10m_mb", first.rise_mb, "MB")
