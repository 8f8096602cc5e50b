"""Our side of a race: what ``peers.ours`` names, run by ``peer_scripts.rounds``.

Every function opens the snapshot in a folder, reads all of it, compiles on a few orders and
returns the work of a round, as the peers' scripts do.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from restock.benchmarks.growth import orders
from restock.benchmarks.peers import SNAPSHOT, Arrays
from restock.dataset import Interactions
from restock.dataset.interactions import LINE_COLUMNS
from restock.evaluation import Fold, Scorecard, evaluate, last_n, rolling_folds
from restock.evaluation.metrics import columns, metric_name, score_lists
from restock.models import FitContext, Recommendations, Shared, create

JUDGED = ("ndcg", "map", "recall", "precision")
HORIZON_DAYS = 28


def lists(
    folder: Path, model: str, config: dict[str, Any], k: int = 10, csr: bool = False
) -> Callable[[], Arrays]:
    """Fit, and the k best items of every customer, bought ones included.

    csr: the customers' items are there as a sparse matrix, as for a peer that is given one;
    else they are part of the round, as for a peer that is given order lines.
    """
    tiny = few()
    create(model, **config).fit(tiny).recommend(tiny.customers, k)
    opened = touched(Interactions.open(folder / SNAPSHOT))
    if csr:
        _ = opened.pairs

    def work() -> Arrays:
        data = opened if csr else Interactions.open(folder / SNAPSHOT)
        found = create(model, **config).fit(data).recommend(data.customers, k)
        return {"customer": found.customers, "lists": found.items, "scores": found.scores}

    return work


def estimate(folder: Path, model: str, config: dict[str, Any]) -> Callable[[], Arrays]:
    """A fit alone, and the bytes that the model expected of it."""
    create(model, **config).fit(few())
    data = touched(Interactions.open(folder / SNAPSHOT))

    def work() -> Arrays:
        fresh = create(model, **config)
        expected = fresh.memory_bytes(data)
        fresh.fit(data)
        return {"bytes": np.array(expected)}

    return work


def metrics(folder: Path, k: int = 10) -> Callable[[], Arrays]:
    """Judge lists that are there: all metrics in all segments, the four of the peers returned.

    The facts of the fold, the same for all candidates, are made before. map_relevant: map with
    the other divisor.
    """
    fold = newest(Interactions.open(folder / SNAPSHOT))
    items = np.load(folder / "lists.npy")
    nothing = np.zeros(items.shape)
    given = Recommendations(
        fold.customers, items, nothing.astype(np.float32), nothing.astype(np.bool_)
    )
    evaluate(given, fold, k=k)
    values = score_lists(items[:, :k], fold.relevance, fold, map_divisor="relevant")
    theirs = np.nanmean(values[:, columns(k).index(metric_name("map", k))])

    def work() -> Arrays:
        found = four(evaluate(given, fold, k=k), k)
        return {"metrics": np.array(found), "map_relevant": np.array(theirs)}

    return work


def folds(folder: Path, windows: int, read: bool = False) -> Callable[[], Arrays]:
    """Rolling folds of all order lines. read: and every column of each, one after the other."""
    rolling_folds(few(), horizon_days=HORIZON_DAYS, windows=windows)
    data = touched(Interactions.open(folder / SNAPSHOT))

    def work() -> Arrays:
        # opened anew: what a round finds out of the lines must not help the next one
        cut = rolling_folds(replace(data), horizon_days=HORIZON_DAYS, windows=windows)
        if read:
            for fold in cut:
                for name in LINE_COLUMNS:
                    getattr(fold.train, name), getattr(fold.test, name)
        return {"lines": np.array([[len(fold.train), len(fold.test)] for fold in cut])}

    return work


def last_one(folder: Path) -> Callable[[], Arrays]:
    """Each customer's last line apart from the lines before it."""
    last_n(few())
    data = touched(Interactions.open(folder / SNAPSHOT))

    def work() -> Arrays:
        fold = last_n(replace(data))
        return {"lines": np.array([len(fold.train), len(fold.test)])}

    return work


def configs(
    folder: Path, configs: list[dict[str, Any]], shared: bool, k: int = 10
) -> Callable[[], Arrays]:
    """Each configuration of `sar` fitted, listed for the judged customers and judged."""
    trials(newest(few()), configs[:1], shared, k)
    fold = newest(Interactions.open(folder / SNAPSHOT))
    _ = fold.hash, fold.train.pairs
    return lambda: {"metrics": trials(fold, configs, shared, k)}


def trials(fold: Fold, configs: list[dict[str, Any]], shared: bool, k: int) -> Any:
    """The four metrics of each configuration (configurations × 4)."""
    context = FitContext(shared=Shared() if shared else None)
    found = []
    for config in configs:
        model = create("sar", **config).fit(fold.train, context)
        made = model.recommend(fold.customers, k, allowed=fold.candidates)
        found.append(four(evaluate(made, fold, k=k), k))
    return np.array(found)


def newest(data: Interactions) -> Fold:
    """The last four weeks against all before."""
    return rolling_folds(data, horizon_days=HORIZON_DAYS, windows=1)[0]


def four(card: Scorecard, k: int) -> list[float]:
    """The metrics that peers have too."""
    means = card.mean()
    return [means[metric_name(metric, k)] for metric in JUDGED]


def few() -> Interactions:
    """A few orders from a snapshot: kernels are compiled anew for arrays that are read-only."""
    with tempfile.TemporaryDirectory() as folder:
        orders(300, 80).save(Path(folder))
        return Interactions.open(Path(folder))


def touched(data: Interactions) -> Interactions:
    """The same, after every page of the lines was read: data is no memory of a fit."""
    for column in (data.customer, data.item, data.order, data.minute, data.quantity, data.value):
        column.max()
    return data
