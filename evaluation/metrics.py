"""The metrics by name: what each says, how it is computed, which library agrees.

Notation, for one customer: the list has places 1 … K (short lists leave places empty), the
customer bought R different items in the window, H of them are listed. ``R`` and ``H`` count
all items, or in a segment only the items bought before (*repeat*) or never before (*new*);
the list is the same in all segments. No metric is sampled: every candidate item competes.
"""

import difflib
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from restock.dataset.catalogue import IntArray
from restock.evaluation.folds import FloatArray, Fold, Relevance
from restock.kernels import metrics as kernels
from restock.kernels.policy import over_blocks, threads

Segment = Literal["all", "repeat", "new"]
SEGMENTS: tuple[Segment, ...] = ("all", "repeat", "new")

AVERAGED = (
    "ndcg",
    "map",
    "recall",
    "precision",
    "mrr",
    "hit_rate",
    "revenue_capture",
    "revenue_ndcg",
    "margin_capture",
)  # in the order of the kernel's columns
LISTED = ("novelty", "new_item_share", "listed_value")
REVENUE_SHARE = "revenue_share"
OF_ALL_LISTS = ("coverage", "gini")
METRICS = (*AVERAGED, REVENUE_SHARE, *LISTED, *OF_ALL_LISTS)

EXPLAINED: dict[str, str] = {
    "ndcg": """Are the listed purchases near the top? Mean over customers of
        [sum over hits of 1/log2(place + 1)] / [sum over places 1 … min(K, R) of 1/log2(place + 1)].
        Binary gain, ideal cut at K, so a perfect list has 1 whatever R is. In 0 … 1.
        Agrees with ranx ``ndcg@K``, trec_eval and scikit-learn's ``ndcg_score(k=K)``.""",
    "map": """Like ndcg, with a stronger weight on purity at the top. Mean over customers of
        [sum over hits of (hits down to its place / place)] / min(K, R). In 0 … 1, 1 is reachable.
        ranx, RecTools and trec_eval divide by R instead, so that a customer who bought more than
        K items cannot reach 1: ``score_lists(…, map_divisor="relevant")`` gives theirs.""",
    "recall": """How much of what was bought was listed? Mean of H / R. In 0 … min(1, K / R).
        Agrees with ranx ``recall@K``, RecTools ``Recall``.""",
    "precision": """How much of the list was bought? Mean of H / K; an empty place is a miss.
        Agrees with ranx ``precision@K``, RecTools ``Precision``.""",
    "mrr": """How far down is the first purchase? Mean of 1 / place of the first hit, 0 without
        one. Agrees with ranx ``mrr@K`` on lists cut at K.""",
    "hit_rate": """For how many customers was at least one purchase listed? Mean of [H > 0].
        Agrees with ranx ``hit_rate@K``.""",
    "revenue_capture": """Which part of the customer's spend in the window did the list cover?
        Mean over customers of spend on hits / spend. Every customer counts alike.
        NaN for a customer who spent nothing. No common library has it.""",
    "revenue_share": """The same over all customers together: spend on hits of all customers /
        spend of all customers (micro). Every unit of money counts alike, so that a few large
        customers decide. No common library has it.""",
    "revenue_ndcg": """Are the expensive purchases near the top? ndcg with gain = spend on the
        item: sum over hits of spend/log2(place + 1), over the same sum for the K largest spends
        in descending order. Agrees with ranx ``ndcg@K`` given the spends as graded relevance.""",
    "margin_capture": """revenue_capture with margin (spend - units × unit cost, not below 0) in
        place of spend, over the items whose unit cost is known; NaN where none is.""",
    "novelty": """How far from the best-sellers are the lists? Mean over customers of the mean
        over listed items of -log2(share of training customers who bought the item), in bits
        (Zhou et al. 2010; RecTools ``MeanInvUserFreq``).""",
    "new_item_share": """Which part of a list had the customer never bought? Mean over customers
        of new listed items / listed items.""",
    "listed_value": """What is a list worth if everything on it is bought? Mean over customers of
        [sum over places of v/log2(place + 1)] / [sum over places 1 … K of 1/log2(place + 1)],
        v = the mean value of an order line of the item before the cut-off, 0 in an empty place.
        In the market's currency. It says nothing of what customers want: beside the others it
        tells what their hits are worth (``restock.evaluation.link``).""",
    "coverage": """Which part of the range is shown to anybody? Distinct listed items / candidate
        items; markets count their items each on their own (RePlay ``Coverage``).""",
    "gini": """How unevenly are places spread over the candidate items? Gini coefficient of the
        number of lists that name each candidate item, those never listed included. 0 = all
        alike, 1 = one item takes all (Castells et al. 2015).""",
}


def metric_name(metric: str, k: int, segment: Segment = "all") -> str:
    """The public name: ``ndcg_at_10``; in a segment ``ndcg_at_10_repeat``."""
    return f"{metric}_at_{k}" if segment == "all" else f"{metric}_at_{k}_{segment}"


def parse_name(name: str) -> tuple[str, int, Segment]:
    """(metric, k, segment) of a public name; ValueError names the nearest known one."""
    stem, _, tail = name.rpartition("_at_")
    cut, _, tail = tail.partition("_")
    if stem in METRICS and cut.isdecimal() and int(cut) > 0:
        for segment in SEGMENTS:
            says_nothing = segment != "all" and stem in (*LISTED, *OF_ALL_LISTS)  # of purchases
            if metric_name(stem, int(cut), segment) == name and not says_nothing:
                return stem, int(cut), segment
    near = difflib.get_close_matches(stem or name, METRICS, n=1, cutoff=0.0)
    raise ValueError(f"no metric {name!r}; is it {near[0]}_at_10?")


@lru_cache(maxsize=64)
def columns(k: int) -> tuple[str, ...]:
    """The names of the columns that ``score_lists`` returns."""
    names: list[str] = []
    for segment in SEGMENTS:
        suffix = "" if segment == "all" else f"_{segment}"
        names += [metric_name(metric, k, segment) for metric in AVERAGED]
        names += [f"captured_at_{k}{suffix}", f"spend{suffix}"]
    return (*names, *(metric_name(metric, k) for metric in LISTED))


def score_lists(
    lists: IntArray,
    relevance: Relevance,
    fold: Fold,
    *,
    map_divisor: Literal["attainable", "relevant"] = "attainable",
) -> FloatArray:
    """Every per-customer metric in every segment (float64, rows × ``columns(k)``).

    lists: int32 (rows × k), the lists of the first rows of ``relevance`` or of all of them, -1
    in empty places, no item twice. A customer without relevant items of a segment is NaN in its
    columns. The columns ``captured``, ``spend`` and ``listed_value`` are money, in the market's
    currency. map_divisor: what MAP divides by, min(K, R) or R.
    """
    rows, k = lists.shape
    values = np.empty((rows, len(columns(k))))
    rank(lists, relevance, fold.train.n_items, values, map_divisor)
    bought, customer = fold.train.pairs, relevance.customer[:rows]
    known = bought.indptr[customer], bought.indptr[customer + 1], bought.item
    about = fold.surprise, fold.line_value
    over_blocks(
        lambda first, last: kernels.describe(first, last, lists, *known, *about, values),
        rows,
        kernels.ROWS_PER_BLOCK,
        threads(),
    )
    return values


def rank(
    lists: IntArray,
    relevance: Relevance,
    n_items: int,
    values: FloatArray,
    map_divisor: Literal["attainable", "relevant"] = "attainable",
) -> None:
    """Write the metrics that purchases decide, the first of ``columns(k)``, for ``score_lists``.

    values: float64 (rows × that many columns or more), one row for each list.
    """
    goals = relevance.goals(lists.shape[1])
    bought = relevance.indptr, relevance.item, relevance.value, relevance.margin, relevance.repeat
    how = n_items, map_divisor == "relevant"
    over_blocks(
        lambda first, last: kernels.judge(first, last, lists, goals, *bought, *how, values),
        len(lists),
        kernels.ROWS_PER_BLOCK,
        threads(),
    )


def gini(counts: NDArray[np.int64], total: int) -> float:
    """Gini coefficient of ``counts`` and zeros up to ``total`` items; NaN without a count.

    G = 2·sum(i·x_i) / (n·sum(x)) - (n + 1) / n over the ascending x_1 … x_n.
    """
    if counts.sum() == 0:
        return float("nan")
    ascending = np.sort(counts).astype(np.float64)
    rank = np.arange(total - counts.size + 1, total + 1)
    return float(2 * (rank @ ascending) / (total * ascending.sum()) - (total + 1) / total)
