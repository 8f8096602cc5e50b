"""Policies whose true worth is known: the world of ``proof_link``.

A few simulated markets with some 36 policies each: recommenders of every kind, worse ones on
purpose (old or no history, places filled at random, only new items, cheap or dear items pushed
up). Each policy has its scorecards on the folds before the end of what is known, as a backtest
gives them, and its true revenue in the four weeks after: the expectation over who visits,
whether they order, what they take because it was shown and how much of it, from the simulator's
own chances and not from draws. Lists stay as they were published at the start of those weeks.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from restock.benchmarks.link_truth import Worth
from restock.dataset import Interactions, simulate
from restock.dataset.catalogue import IntArray
from restock.dataset.simulate import Shoppers, Simulation
from restock.evaluation import Fold, Scorecard, rolling_folds
from restock.evaluation.folds import BoolArray, FloatArray, candidate_items
from restock.evaluation.judging import evaluate
from restock.models import FitContext, Recommender, create
from restock.models.recommendations import Recommendations

HORIZON, WINDOWS, K, DEEP = 28, 3, 10, 50
MARKETS = {"FR": 800, "DE": 800, "ES": 800}
ITEMS, DAYS = 500, 420

Change = Callable[["Shelf", IntArray, FloatArray], IntArray]
"""From the shelf, the best DEEP items and their scores (rows × DEEP) to lists (rows × K)."""


@dataclass(frozen=True, eq=False)
class Shelf:
    """What a change of lists may look at: usual prices, what may be shown, and chance."""

    price: FloatArray
    allowed: BoolArray
    random: np.random.Generator


@dataclass(frozen=True)
class Way:
    """A policy: a recommender, which of a customer's items it may show, and what is done then."""

    label: str
    name: str
    config: tuple[tuple[str, Any], ...] = ()
    history: str = "any"
    change: Change | None = None

    def lists(self, fitted: Recommender[Any], customers: IntArray, shelf: Shelf) -> IntArray:
        """What is shown (int32, customers × K, -1 in empty places)."""
        depth = K if self.change is None else DEEP
        found = fitted.recommend(customers, depth, history=self.history, allowed=shelf.allowed)  # type: ignore[arg-type]
        if self.change is None:
            return found.items
        return self.change(shelf, found.items, found.scores.astype(np.float64))


def tilted(power: float) -> Change:
    """Scores of a list, scaled to 0 … 1, times price to a power: dear or cheap items first."""

    def change(shelf: Shelf, items: IntArray, scores: FloatArray) -> IntArray:
        there = items >= 0
        low = np.where(there, scores, np.inf).min(axis=1, keepdims=True)
        high = np.where(there, scores, -np.inf).max(axis=1, keepdims=True)
        scaled = 0.05 + (scores - low) / np.maximum(high - low, 1e-12)
        worth = np.where(there, scaled * shelf.price[items] ** power, -np.inf)
        order = np.argsort(-worth, axis=1, kind="stable")[:, :K]
        return np.take_along_axis(items, order, axis=1)

    return change


def noisy(share: float) -> Change:
    """Each place is given away with this chance to an item at random."""

    def change(shelf: Shelf, items: IntArray, scores: FloatArray) -> IntArray:
        lists, pool = items[:, :K].copy(), np.flatnonzero(shelf.allowed)
        lost = shelf.random.random(lists.shape) < share
        for row, place in zip(*np.nonzero(lost), strict=True):
            lists[row, place] = shelf.random.choice(np.setdiff1d(pool, lists[row]))
        return lists

    return change


def deep(first: int) -> Change:
    """The list begins further down."""

    def change(shelf: Shelf, items: IntArray, scores: FloatArray) -> IntArray:
        return items[:, first : first + K]

    return change


def _ways() -> Iterator[Way]:
    yield Way("popular", "popular")
    yield Way("popular of the year", "popular", (("half_life_days", 365.0),))
    for weight in (0.0, 0.1, 2.0):
        yield Way(f"reorder, popularity {weight}", "reorder", (("popularity", weight),))
    for days in (10.0, 90.0):
        yield Way(f"sar, half-life {days}", "sar", (("half_life_days", days),))
    yield Way("item_knn", "item_knn")
    yield Way("item_knn, cosine", "item_knn", (("weighting", "cosine"), ("neighbours", 20)))
    for factors in (8, 32):
        yield Way(f"als, {factors} factors", "als", (("factors", factors),))
    for ridge in (10.0, 300.0):
        yield Way(f"ease, ridge {ridge}", "ease", (("regularisation", ridge),))
    yield Way("tifu_knn", "tifu_knn")
    yield Way("up_cf", "up_cf")
    yield Way("blend", "blend")
    for name in ("item_knn", "als", "ease", "popular"):
        yield Way(f"{name}, new only", name, history="new")
    for name in ("item_knn", "reorder"):
        yield Way(f"{name}, bought before only", name, history="repeat")
    for name in ("reorder", "item_knn", "blend"):
        for power in (0.5, -0.5):
            side = "dear" if power > 0 else "cheap"
            yield Way(f"{name}, {side} first", name, change=tilted(power))
    for name, share in (("reorder", 0.2), ("blend", 0.4), ("item_knn", 0.2)):
        yield Way(f"{name}, {share:.0%} at random", name, change=noisy(share))
    for name in ("reorder", "blend"):
        for first in (3, 10):
            yield Way(f"{name}, from place {first + 1}", name, change=deep(first))


WAYS = tuple(_ways())


@dataclass(frozen=True, eq=False)
class Known:
    """A market's policies: scorecards on the folds before, true revenue in the weeks after.

    cards: policy → one scorecard per fold. revenue: for each response of customers that was
    asked for, policy → expected revenue, what they order unasked included.
    """

    market: str
    cards: dict[str, list[Scorecard]]
    revenue: tuple[dict[str, float], ...]


def make(seed: int, responses: Sequence[Shoppers], markets: dict[str, int]) -> list[Known]:
    """A world of this seed, market by market. responses: how customers take what they see."""
    whole = simulate(customers=markets, items=ITEMS, days=DAYS, seed=seed, currency="reporting")
    return [_known(whole, responses, code, seed) for code in markets]


def _known(simulation: Simulation, responses: Sequence[Shoppers], market: str, seed: int) -> Known:
    setting = simulation.setting
    end = setting.start + dt.timedelta(days=DAYS - HORIZON)
    mine = simulation.interactions(everyone=True).of_market(market)
    price = setting.world.list_price.astype(np.float64)
    cards: dict[str, list[Scorecard]] = {way.label: [] for way in WAYS}
    folds = rolling_folds(mine, horizon_days=HORIZON, windows=WINDOWS, as_of=end)
    for at, fold in enumerate(folds):
        for label, lists in _lists(fold.train, fold.customers, fold.candidates, price, seed + at):
            cards[label].append(_judged(fold, lists))
    train = mine.before(end)
    shown = dict(_lists(train, train.customers, candidate_items(train), price, seed + WINDOWS))
    worth = Worth(simulation, train.customers, end)
    return Known(
        market,
        cards,
        tuple(
            {label: worth.of(lists, how.response()) for label, lists in shown.items()}
            for how in responses
        ),
    )


def _lists(
    train: Interactions, customers: IntArray, allowed: BoolArray, price: FloatArray, seed: int
) -> Iterator[tuple[str, IntArray]]:
    fitted: dict[tuple[Any, ...], Recommender[Any]] = {}
    for at, way in enumerate(WAYS):
        key = (way.name, way.config)
        if key not in fitted:
            model = create(way.name, **dict(way.config))
            fitted[key] = model.fit(train, FitContext(seed=seed, threads=1))
        shelf = Shelf(price, allowed, np.random.default_rng([seed, at]))
        yield way.label, way.lists(fitted[key], customers, shelf)


def _judged(fold: Fold, lists: IntArray) -> Scorecard:
    scores = np.zeros(lists.shape, dtype=np.float32)
    return evaluate(Recommendations(fold.customers, lists, scores, lists < 0), fold)
