"""How good are the models? The quality protocol on Online Retail.

Six windows of 28 days, the last one ending with the data; K = 10; what was bought before may be
listed again; candidate items have three order lines or more before the cut-off. Every model is
fitted on all markets at once, with its default configuration: the defaults were chosen on
windows that end before the first cut-off. Means over customer-windows, with bootstrap intervals
(95 %, 2,000 resamples of customers); groups: GB, the ten next largest markets, the rest.

The figures that begin with ``netted.`` come from the cleaning that ``restock`` uses by default
(cancellations taken off their orders, home market of the last order): not the protocol's.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from restock.benchmarks.figures import Figure, report, wants_json
from restock.dataset import Interactions, load_sample
from restock.evaluation import Scorecard, evaluate, rolling_folds
from restock.models import available, create

K = 10
RESAMPLES = 2000
NEXT_LARGEST = 10
FloatArray = NDArray[np.float64]


def figures() -> Iterator[Figure]:
    """All of them: by the protocol, then with the default cleaning."""
    clean = load_sample(cancellations="drop", home_market="most_frequent")
    interactions = Interactions.from_frame(clean.orders)
    groups = market_groups(interactions)
    for name, scorecards in judge(interactions).items():
        yield from of_model(name, scorecards)
        for group, markets in groups.items():
            yield from of_model(f"{name}.{group}", [in_markets(s, markets) for s in scorecards])
    for name, scorecards in judge(Interactions.from_frame(load_sample().orders)).items():
        for figure in of_model(name, scorecards):
            yield Figure(**{**vars(figure), "figure": f"netted.{figure.figure}"})


def judge(interactions: Interactions) -> dict[str, list[Scorecard]]:
    """The scorecards of every model, one per window."""
    folds = rolling_folds(interactions, horizon_days=28, windows=6, min_item_orders=3)
    found: dict[str, list[Scorecard]] = {name: [] for name in available()}
    for fold in folds:
        for name, scorecards in found.items():
            model = create(name).fit(fold.train)
            lists = model.recommend(fold.customers, K, allowed=fold.candidates)
            scorecards.append(evaluate(lists, fold, k=K))
    return found


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


def of_model(name: str, scorecards: list[Scorecard]) -> Iterator[Figure]:
    """The two figures of a model (or of a model in a group) over all windows."""
    customers = np.concatenate([s.per_customer["customer"].to_numpy() for s in scorecards])

    def column(metric: str) -> FloatArray:
        return np.concatenate([s.column(metric) for s in scorecards])

    ndcg = ratio(customers, column(f"ndcg_at_{K}"), np.ones(customers.size))
    yield Figure(f"ndcg_at_{K}.{name}", ndcg[0], "ndcg", *ndcg[1:])
    share = ratio(customers, column(f"captured_at_{K}"), column("spend"))
    yield Figure(f"revenue_share_at_{K}.{name}", share[0], "share of revenue", *share[1:])


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
    """``python -m restock.benchmarks.quality [--json]``"""
    as_json = wants_json(__doc__)
    report(figures(), as_json)


if __name__ == "__main__":
    main()
