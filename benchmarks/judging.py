"""What the choice of a metric does, on Online Retail: six windows of 28 days, K = 10.

hit_rate_all.<model>, hit_rate_sampled_99.<model>  for 4,000 purchases per window: how often the
    purchase is among the first ten of all candidate items, and among the first ten when it only
    has to beat 99 items drawn at random. Ties count half.
map_<divisor>.<model>  MAP divided by min(K, R), and by R as other libraries have it.
rank_agreement.<metric>  Spearman's correlation of the customers' values with their ndcg, for the
    lists of ``reorder``.
more_than_k  share of customers who bought more than ten different items in the window.
spend_of_top_1pct  share of all spend that the largest hundredth of customer-windows have.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from restock.benchmarks.figures import Figure, report, wants_json
from restock.benchmarks.gate_world import HORIZON, WINDOWS, K, sample
from restock.evaluation import Fold, Scorecard, evaluate, rolling_folds
from restock.evaluation.metrics import columns, score_lists
from restock.models import available, create

PURCHASES, NEGATIVES, ROWS = 4000, 99, 500
FloatArray = NDArray[np.float64]


def figures() -> Iterator[Figure]:
    """All of them."""
    folds = rolling_folds(sample(), horizon_days=HORIZON, windows=WINDOWS, min_item_orders=3)
    cards: dict[str, list[Scorecard]] = {}
    for name in available():
        cards[name], ranks, over_all = [], [], []
        for fold in folds:
            model = create(name).fit(fold.train)
            lists = model.recommend(fold.customers, K, allowed=fold.candidates)
            cards[name].append(evaluate(lists, fold, k=K))
            over_all.append(map_over_all(cards[name][-1], fold))
            ranks.append(ranked_purchases(fold, name))
        in_all, in_sample = np.hstack(ranks).mean(axis=1)
        yield Figure(f"hit_rate_all.{name}", float(in_all), "share of purchases")
        yield Figure(f"hit_rate_sampled_99.{name}", float(in_sample), "share of purchases")
        yield Figure(f"map_min_k_r.{name}", float(column(cards[name], "map_at_10").mean()), "map")
        yield Figure(f"map_r.{name}", float(np.concatenate(over_all).mean()), "map")
    lists_of = cards["reorder"]
    for metric in ("map_at_10", "revenue_ndcg_at_10", "revenue_capture_at_10"):
        together = spearmanr(column(lists_of, "ndcg_at_10"), column(lists_of, metric))
        yield Figure(f"rank_agreement.{metric}", float(together.statistic), "Spearman's rho")
    bought = np.concatenate([np.diff(f.relevance.indptr)[: f.customers.size] for f in folds])
    yield Figure("more_than_k", float((bought > K).mean()), "share of customers")
    spend = np.sort(column(lists_of, "spend"))[::-1]
    top = float(spend[: spend.size // 100].sum() / spend.sum())
    yield Figure("spend_of_top_1pct", top, "share of spend")


def column(cards: list[Scorecard], name: str) -> FloatArray:
    """One metric of all customer-windows."""
    return np.concatenate([card.column(name) for card in cards])


def map_over_all(card: Scorecard, fold: Fold) -> FloatArray:
    """MAP with the other divisor, per judged customer."""
    lists = card.lists[: card.n_customers]
    values = score_lists(lists, fold.relevance, fold, map_divisor="relevant")
    chosen: FloatArray = values[:, columns(K).index(f"map_at_{K}")]
    return chosen


def ranked_purchases(fold: Fold, name: str) -> FloatArray:
    """(2 × purchases): in the first ten of all candidates, and of 99 sampled ones and itself."""
    rng = np.random.default_rng(fold.cutoff.toordinal())
    relevance, n_warm = fold.relevance, fold.customers.size
    rows = np.repeat(np.arange(relevance.customer.size), np.diff(relevance.indptr))
    known = np.flatnonzero((rows < n_warm) & fold.candidates[relevance.item])
    drawn = rng.choice(known, min(PURCHASES, known.size), replace=False)
    others = rng.choice(np.flatnonzero(fold.candidates), (drawn.size, NEGATIVES))
    model, popular = create(name).fit(fold.train), create("popular").fit(fold.train)
    found = []
    for at in range(0, drawn.size, ROWS):
        some = drawn[at : at + ROWS]
        customers, items = relevance.customer[rows[some]], relevance.item[some]
        scores = model.scores(customers).astype(np.float64)
        # where the model is silent, what sells comes after everything that it spoke of
        behind = popular.scores(customers).astype(np.float64) - 1e6
        scores = np.where(np.isfinite(scores), scores, behind)
        scores[:, ~fold.candidates] = -np.inf
        own = np.take_along_axis(scores, items[:, None].astype(np.int64), axis=1)
        rivals = np.take_along_axis(scores, others[at : at + ROWS], axis=1)
        rivals[bought(fold, rows[some], others[at : at + ROWS])] = -np.inf
        found.append([in_first_ten(scores, own, 1), in_first_ten(rivals, own, 0)])
    return np.concatenate(found, axis=1).astype(np.float64)


def in_first_ten(scores: FloatArray, own: FloatArray, itself: int) -> FloatArray:
    """1 where fewer than ten rivals score more; a tie is half a rival."""
    ahead = (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - itself) / 2
    return (ahead < K).astype(np.float64)


def bought(fold: Fold, rows: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the items (rows × m) the customer of the row bought in the window."""
    relevance = fold.relevance
    mine = np.repeat(np.arange(relevance.customer.size), np.diff(relevance.indptr))
    pairs = mine * fold.train.n_items + relevance.item
    return np.isin(rows[:, None] * fold.train.n_items + items, pairs)


def main() -> None:
    """``python -m restock.benchmarks.judging [--json]``"""
    report(figures(), wants_json(__doc__))


if __name__ == "__main__":
    main()
