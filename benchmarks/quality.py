"""How good are the models? The quality protocol on Online Retail, and a grocery chain.

Six windows of 28 days, the last one ending with the data; K = 10; what was bought before may be
listed again; candidate items have three order lines or more before the cut-off. Every model is
fitted on all markets at once, with its default configuration: the defaults were chosen on
windows that end before the first cut-off. Means over customer-windows, with bootstrap intervals
(95 %, 2,000 resamples of customers); groups: GB, the ten next largest markets, the rest.

ndcg_at_10.<model>, revenue_share_at_10.<model>  lists of any items.
new_ndcg_at_10.<model>  lists asked for items never bought before, judged on such items.
ndcg_at_10.<model>.<group>  the same by groups of markets.
cpu_seconds.<model>  of all threads together: one fit on the orders before the last cut-off, and
    ten items for every customer. Kernels are compiled and packages imported before.
lift.<model>  ndcg_at_10 over that of ``frequency``, minus 1, paired by customer. ``frequency`` is
    plain personal frequency with ties broken by what sells now, ``frequency_by_code`` by item code.
netted.…  with the cleaning that ``restock`` uses by default (cancellations taken off their
    orders, home market of the last order): not the protocol's.
dunnhumby.…  one window of 28 days of the Complete Journey (see ``benchmarks.dunnhumby``).
"""

import argparse
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restock.benchmarks import dunnhumby
from restock.benchmarks.cost_plot import Point
from restock.benchmarks.cost_plot import draw as draw_cost
from restock.benchmarks.figures import Figure, report
from restock.benchmarks.quality_plot import draw as draw_windows
from restock.dataset import Interactions, load_sample
from restock.evaluation import Fold, Scorecard, evaluate, rolling_folds
from restock.models import FitContext, available, create, preset

K = 10
RESAMPLES = 2000
NEXT_LARGEST = 10
FREQUENCY: dict[str, Any] = {"popularity": 0.01, "half_life_days": None}
"""``reorder`` so configured is plain personal frequency, ties broken by what sells now."""
BY_CODE: dict[str, Any] = {"popularity": 0.0, "half_life_days": None}
"""The same with ties left to the item code, which most customers' lists are full of."""
CONTEXT = FitContext(threads=os.cpu_count() or 1)
FloatArray = NDArray[np.float64]
Configs = dict[str, tuple[str, dict[str, Any]]]


@dataclass
class Judged:
    """A model's scorecards, one per window: for any items, and for new ones."""

    any: list[Scorecard] = field(default_factory=list)
    new: list[Scorecard] = field(default_factory=list)
    seconds: float = 0.0
    """CPU seconds on the last fold."""


def configs(names: Iterable[str]) -> Configs:
    """What is judged, by the name in the figures: models as they are, and two variations."""
    found: Configs = {name: (name, {}) for name in names}
    found["frequency"] = ("reorder", FREQUENCY)
    found["frequency_by_code"] = ("reorder", BY_CODE)
    if "rerank" in found:
        found["rerank_value_aware"] = ("rerank", preset("rerank", "value_aware"))
    return found


def judge(folds: Iterable[Fold], what: Configs) -> dict[str, Judged]:
    """Fit every model on every fold and score its lists."""
    found = {label: Judged() for label in what}
    for fold in folds:
        for label, (name, config) in what.items():
            start = time.process_time()
            model = create(name, **config).fit(fold.train, CONTEXT)
            model.recommend(fold.train.customers, K, allowed=fold.candidates)
            found[label].seconds = time.process_time() - start
            for history in ("any", "new"):
                lists = model.recommend(fold.customers, K, history=history, allowed=fold.candidates)
                getattr(found[label], history).append(evaluate(lists, fold, k=K))
    return found


def figures(names: list[str], plots: Path | None) -> Iterator[Figure]:
    """All of them: by the protocol, with the default cleaning, and for the grocery chain."""
    clean = load_sample(cancellations="drop", home_market="most_frequent")
    interactions = Interactions.from_frame(clean.orders)
    groups = market_groups(interactions)
    judged = judge(windows(interactions), configs(names))
    for label, one in judged.items():
        yield from of_model(label, one)
        for group, markets in groups.items():
            yield from overall(f"{label}.{group}", [in_markets(s, markets) for s in one.any])
    yield from lifts(judged)
    if plots is not None:
        draw_windows({label: one.any for label, one in judged.items()}, f"ndcg_at_{K}", plots)
        draw_cost([point(name, judged[name]) for name in names], plots)
    netted = Interactions.from_frame(load_sample().orders)
    quick = [name for name in names if name in ("reorder", "blend", "rerank")]
    for label, one in judge(windows(netted), {name: (name, {}) for name in quick}).items():
        yield from overall(label, one.any, "netted.")
    groceries = configs(name for name in names if name in dunnhumby.MODELS)
    for label, (name, config) in groceries.items():
        groceries[label] = (name, {**preset(name, "large"), **config})
    for label, one in judge([dunnhumby.fold()], groceries).items():
        yield from overall(label, one.any, "dunnhumby.")


def point(label: str, judged: Judged) -> Point:
    """A model in the picture of accuracy against cost."""
    ndcg = joined(judged.any, f"ndcg_at_{K}")[1]
    return Point(label, float(ndcg.mean()), judged.seconds)


def windows(interactions: Interactions) -> list[Fold]:
    """The six windows of the protocol."""
    return rolling_folds(interactions, horizon_days=28, windows=6, min_item_orders=3)


def earlier_windows(interactions: Interactions) -> list[Fold]:
    """The three windows before them, on which defaults are chosen."""
    first = windows(interactions)[0].cutoff
    return rolling_folds(interactions, horizon_days=28, windows=3, min_item_orders=3, as_of=first)


def market_groups(interactions: Interactions) -> dict[str, list[str]]:
    """The largest market by order lines, the next ten, the rest."""
    markets = interactions.catalogue.markets
    lines = np.bincount(interactions.market, minlength=len(markets))
    largest = [markets[at] for at in np.argsort(-lines, kind="stable")]
    return {
        largest[0]: largest[:1],
        "next_ten": largest[1 : 1 + NEXT_LARGEST],
        "rest": largest[1 + NEXT_LARGEST :],
    }


def in_markets(scorecard: Scorecard, markets: list[str]) -> Scorecard:
    """The scorecard of the customers of some markets."""
    return scorecard.of_customers(np.isin(scorecard.per_customer["market"].to_numpy(str), markets))


def of_model(label: str, judged: Judged) -> Iterator[Figure]:
    """A model's figures over all windows."""
    yield from overall(label, judged.any)
    customers, ndcg = joined(judged.new, f"ndcg_at_{K}_new")
    known = ~np.isnan(ndcg)
    value, low, high = ratio(customers[known], ndcg[known], np.ones(int(known.sum())))
    yield Figure(f"new_ndcg_at_{K}.{label}", value, "ndcg", low, high)
    yield Figure(f"cpu_seconds.{label}", judged.seconds, "CPU s")


def overall(label: str, scorecards: list[Scorecard], prefix: str = "") -> Iterator[Figure]:
    """The two figures of lists of any items."""
    customers, ndcg = joined(scorecards, f"ndcg_at_{K}")
    value, low, high = ratio(customers, ndcg, np.ones(customers.size))
    yield Figure(f"{prefix}ndcg_at_{K}.{label}", value, "ndcg", low, high)
    captured, spend = joined(scorecards, f"captured_at_{K}")[1], joined(scorecards, "spend")[1]
    value, low, high = ratio(customers, captured, spend)
    yield Figure(f"{prefix}revenue_share_at_{K}.{label}", value, "share of revenue", low, high)


def lifts(judged: dict[str, Judged]) -> Iterator[Figure]:
    """How much better than plain personal frequency, on the same customers."""
    customers, plain = joined(judged["frequency"].any, f"ndcg_at_{K}")
    for label, one in judged.items():
        if label != "frequency":
            value, low, high = ratio(customers, joined(one.any, f"ndcg_at_{K}")[1], plain)
            peer = "personal frequency"
            yield Figure(f"lift.{label}", value - 1, "share", low - 1, high - 1, peer)


def joined(scorecards: list[Scorecard], column: str) -> tuple[NDArray[np.int32], FloatArray]:
    """The customers of all windows, and a column of theirs."""
    customers = [card.per_customer["customer"].to_numpy() for card in scorecards]
    return np.concatenate(customers), np.concatenate([card.column(column) for card in scorecards])


def ratio(
    customers: NDArray[np.int32], above: FloatArray, below: FloatArray
) -> tuple[float, float, float]:
    """Sum of ``above`` over sum of ``below``, and its interval when customers are resampled."""
    _, row = np.unique(customers, return_inverse=True)
    sums = np.column_stack([np.bincount(row, above), np.bincount(row, below)])
    draws = np.random.default_rng(0).poisson(1.0, (RESAMPLES, len(sums))).astype(np.float64) @ sums
    drawn = draws[draws[:, 1] > 0]
    if not len(drawn):
        return float("nan"), float("nan"), float("nan")
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    total = sums.sum(axis=0)
    return float(total[0] / total[1]), float(low), float(high)


def main() -> None:
    """``python -m restock.benchmarks.quality [--models A,B] [--plots FOLDER] [--json]``"""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", help="names, comma-separated; default: all that can run here")
    parser.add_argument("--plots", type=Path, help="write quality.png and accuracy-cost.png there")
    parser.add_argument("--json", action="store_true", help="one line of JSON per figure")
    chosen = parser.parse_args()
    ready = [name for name, state in available().items() if state == "ready"]
    names = chosen.models.split(",") if chosen.models else ready
    report(figures(names, chosen.plots), chosen.json)


if __name__ == "__main__":
    main()
