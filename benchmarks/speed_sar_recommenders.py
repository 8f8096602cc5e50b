"""`sar` beside Microsoft's recommenders, which published it: order lines in, top 10 of all out.

sar_1m_vs_recommenders, sar_dh10k_vs_recommenders  seconds of SARSingleNode (jaccard, decay with a
                               half-life of 30 days) over ours, data as in ``speed_sar``. Agreement:
                               the mean share of the items of a list that both name. What is
                               missing are ties: similarities are float32 there.
sar_1m_peer_mb, sar_dh10k_peer_mb                  how far the peer rises above the data, megabytes
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from restock.benchmarks.figures import Figure
from restock.benchmarks.peers import Arrays, Side, hand_over, ours, overlap, race
from restock.benchmarks.race_data import dunnhumby_10k, pairs_1m
from restock.dataset.catalogue import IntArray

HALF_LIFE = 30.0
PEER = "recommenders SARSingleNode"


def figures() -> Iterator[Figure]:
    """Ratio and the peer's memory, on both data sets."""
    for name, make in (("1m", pairs_1m), ("dh10k", dunnhumby_10k)):
        config = {"similarity": "jaccard", "half_life_days": HALF_LIFE}
        mine = ours("lists", model="sar", config=config)
        peer = Side("recommenders", "recommenders_sar", "sar", {"days": HALF_LIFE})
        with hand_over(make()) as folder:
            own, theirs = race(folder, mine, peer)
        same = overlap(own.arrays["lists"], by_customer(theirs.arrays, own.arrays["customer"]))
        yield Figure(
            f"sar_{name}_vs_recommenders",
            theirs.wall / own.wall,
            "ratio",
            peer=PEER,
            agreement=same,
        )
        yield Figure(f"sar_{name}_peer_mb", theirs.rise_mb, "MB", peer=PEER)


def by_customer(rows: Arrays, customers: NDArray[np.int32], k: int = 10) -> IntArray:
    """Rows of (customer, item), a customer's best first, as lists (customers × k)."""
    place_of = np.searchsorted(customers, rows["customer"])
    order = np.lexsort((-rows["score"], place_of))
    row = place_of[order]
    place = np.arange(row.size) - np.searchsorted(row, row)
    found = np.full((customers.size, k), -1, dtype=np.int32)
    found[row, place] = rows["item"][order]
    return found
