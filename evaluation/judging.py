"""From lists to a scorecard."""

import hashlib

import numpy as np

from restock.dataset.catalogue import IntArray
from restock.evaluation.folds import Fold
from restock.evaluation.metrics import score_lists
from restock.evaluation.scorecard import Scorecard
from restock.kernels import metrics as kernels
from restock.models.recommendations import Recommendations


def evaluate(recommendations: Recommendations, fold: Fold, *, k: int = 10) -> Scorecard:
    """Judge lists on a fold: one row of metrics per customer.

    recommendations: lists of at least ``k`` places for every one of ``fold.customers``, in
    any order; with those of all ``fold.cold`` too, the cold customers are reported as well.
    Lists of other customers are ignored.

    Raises ValueError when a judged customer has no list, when some cold customers have one
    and others have not, when a customer or an item is named twice, or when an item is not
    among ``fold.candidates`` (pass ``allowed=fold.candidates`` to ``recommend``).
    """
    row_of = _row_of_customer(recommendations, fold, k)
    n_warm = fold.customers.size
    rows = row_of[fold.relevance.customer]
    if (rows[:n_warm] < 0).any():
        raise ValueError(
            f"{int((rows[:n_warm] < 0).sum())} of {n_warm} judged customers have no list: "
            "recommend for all of fold.customers"
        )
    some_cold = bool((rows[n_warm:] >= 0).any())
    if some_cold and (rows[n_warm:] < 0).any():
        raise ValueError(
            "some cold customers have a list and others have not: recommend for all of "
            "fold.cold, or for none"
        )
    judged = rows if some_cold else rows[:n_warm]
    lists = np.ascontiguousarray(recommendations.items[judged, :k])
    _check_lists(lists, fold)
    values = score_lists(lists, fold.relevance, fold)
    customer = fold.relevance.customer[: judged.size]
    catalogue = fold.train.catalogue
    return Scorecard(
        fold_hash=hashlib.sha256(f"{fold.hash}:{k}".encode()).hexdigest(),
        k=k,
        cutoff=fold.cutoff,
        horizon_days=fold.horizon_days,
        customer=customer,
        market=np.array(catalogue.markets, dtype=object)[catalogue.customer_market[customer]],
        cold=np.arange(customer.size) >= n_warm,
        part=np.zeros(customer.size, dtype=np.int32),
        lists=lists,
        values=values,
        n_candidates=(int(fold.candidates.sum()),),
    )


def _row_of_customer(recommendations: Recommendations, fold: Fold, k: int) -> IntArray:
    customers = recommendations.customers
    if k < 1 or k > recommendations.k:
        raise ValueError(f"k must lie in 1..{recommendations.k}, the length of the lists, not {k}")
    if customers.size and customers.max() >= fold.train.n_customers:
        raise ValueError("the lists are of other customers than the fold's: fit on fold.train")
    row_of = np.full(fold.train.n_customers, -1, dtype=np.int32)
    rows = np.arange(customers.size, dtype=np.int32)
    row_of[customers] = rows
    if (row_of[customers] != rows).any():
        raise ValueError("a customer has two lists: recommend once for each")
    return row_of


def _check_lists(lists: IntArray, fold: Fold) -> None:
    if lists.max(initial=-1) >= fold.candidates.size:
        raise ValueError("the lists are of other items than the fold's: fit on fold.train")
    outside, item, doubled = kernels.faults(lists, fold.candidates)
    if outside:
        first = fold.train.catalogue.item_ids(np.array([item], dtype=np.int32))[0]
        raise ValueError(
            f"{outside} listed items, first {first!r}, are not candidates of the fold: "
            "pass allowed=fold.candidates to recommend"
        )
    if doubled:
        raise ValueError("a list names an item twice")
