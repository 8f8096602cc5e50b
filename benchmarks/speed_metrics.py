"""How fast are lists judged? 100,000 customers × 10.

Peers compute ndcg, map, recall and precision; ours all metrics in all segments, customer by
customer, and their means. What the fold knows is made before on our side, data frames on theirs.

metrics_100k_vs_rectools      seconds of RecTools' calc_metrics over ours
metrics_100k_vs_recommenders  seconds of the four functions of recommenders over ours
metrics_100k_seconds          ours, wall clock

Agreement: the largest difference of a value; the map of RecTools divides by all
relevant items, as ours does when told so.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from restock.benchmarks.figures import Figure
from restock.benchmarks.growth import orders
from restock.benchmarks.own_side import JUDGED, newest
from restock.benchmarks.peers import Result, Side, hand_over, ours, race
from restock.dataset import Interactions
from restock.evaluation import Fold
from restock.models import create

JUDGED_CUSTOMERS = 100_000
CUSTOMERS, ITEMS = 300_000, 5_000
K = 10


def figures() -> Iterator[Figure]:
    """Two ratios and our seconds."""
    data = judged_orders()
    fold = newest(data)
    sides = (
        ours("metrics"),
        Side("rectools", "rectools_metrics", "metrics", {}),
        Side("recommenders", "recommenders_sar", "metrics", {}),
    )
    with hand_over(data, **what_peers_read(fold)) as folder:
        own, rectools, recommenders = race(folder, *sides)
    for name, peer, its_map in (
        ("rectools", rectools, "map_relevant"),
        ("recommenders", recommenders, "map"),
    ):
        yield Figure(
            f"metrics_100k_vs_{name}",
            peer.wall / own.wall,
            "ratio",
            peer=name,
            agreement=difference(own, peer, its_map),
        )
    yield Figure("metrics_100k_seconds", own.wall, "s")


def judged_orders() -> Interactions:
    """Orders of those customers alone who bought before and within the last four weeks."""
    data = orders(CUSTOMERS, ITEMS)
    return data.of_customers(newest(data).customers[:JUDGED_CUSTOMERS])


def what_peers_read(fold: Fold) -> dict[str, NDArray[np.int32]]:
    """The judged customers, what they bought in the window (2 × pairs), and lists of `reorder`."""
    relevance = fold.relevance
    sizes = np.diff(relevance.indptr)
    rows = slice(0, relevance.indptr[fold.customers.size])
    bought = np.stack([np.repeat(relevance.customer, sizes)[rows], relevance.item[rows]])
    model = create("reorder").fit(fold.train)
    lists = model.recommend(fold.customers, K, allowed=fold.candidates).items
    return {"judged": fold.customers, "relevant": bought, "lists": lists}


def difference(own: Result, peer: Result, its_map: str) -> float:
    """The largest difference between the two sides' metrics; its_map: which map of ours."""
    mine = own.arrays["metrics"].copy()
    if its_map == "map_relevant":
        mine[JUDGED.index("map")] = own.arrays[its_map]
    return float(np.abs(mine - peer.arrays["metrics"]).max())
