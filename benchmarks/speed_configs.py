"""What do thirty configurations of `sar` cost? Decay, similarity and threshold drawn at random.

A million pairs, the last four weeks judged: fit, lists of the judged customers, metrics.

sar_30_configs_vs_recommenders  seconds of recommenders, three configurations timed and scaled to
                                thirty, over ours for all of them on the search's own path: one
                                ``Shared``. Agreement: the largest difference of a metric of the
                                three, which ties make
sar_30_configs_vs_refit         seconds of ours when each is fitted alone over ours. Agreement:
                                the largest difference of a metric; it must be 0
sar_30_configs_seconds          ours, wall clock
"""

from collections.abc import Iterator

import numpy as np

from restock.benchmarks.figures import Figure
from restock.benchmarks.growth import orders
from restock.benchmarks.own_side import newest
from restock.benchmarks.peers import Side, hand_over, ours, race
from restock.benchmarks.speed_metrics import what_peers_read
from restock.benchmarks.speed_sharing import sar_configs
from restock.dataset import Interactions

COUNT = 30
TIMED = (0, 1, 2)


def figures() -> Iterator[Figure]:
    """Two ratios and our seconds."""
    data = judged_orders()
    drawn = list(sar_configs(COUNT))
    fold = newest(data)
    with hand_over(data, **what_peers_read(fold)) as folder:
        shared = race(folder, ours("configs", configs=drawn, shared=True), warm=False)[0]
        alone = race(folder, ours("configs", configs=drawn, shared=False), warm=False, rounds=1)[0]
        # the peer reads the training lines alone
        for name in ("customer", "item", "minute"):
            np.save(folder / f"{name}.npy", getattr(fold.train, name))
        asked = {"configs": [drawn[at] for at in TIMED]}
        peer = Side("recommenders", "recommenders_sar", "configs", asked)
        theirs = race(folder, peer, rounds=1, warm=False)[0]
    mine = shared.arrays["metrics"]
    apart = np.abs(mine[list(TIMED)] - theirs.arrays["metrics"]).max()
    yield Figure(
        "sar_30_configs_vs_recommenders",
        theirs.wall / len(TIMED) * COUNT / shared.wall,
        "ratio",
        peer="recommenders SARSingleNode",
        agreement=float(apart),
    )
    yield Figure(
        "sar_30_configs_vs_refit",
        alone.wall / shared.wall,
        "ratio",
        peer="refit",
        agreement=float(np.abs(mine - alone.arrays["metrics"]).max()),
    )
    yield Figure("sar_30_configs_seconds", shared.wall, "s")


def judged_orders() -> Interactions:
    """A million pairs, bought twice on average."""
    return orders()
