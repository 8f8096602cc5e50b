"""What customers did in a period, and in the time before it: the rows of an experiment."""

import datetime as dt

import numpy as np
import pandas as pd

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.evaluation.experiments.metric import BEFORE

COLUMNS = ("revenue", "orders", "lines", "items")
"""Per customer: money spent, in the market's currency; orders; order lines; different items."""


def customer_outcomes(
    interactions: Interactions,
    customers: IntArray,
    start: dt.date,
    end: dt.date,
    *,
    before_days: int = 28,
) -> pd.DataFrame:
    """One row per customer: ``COLUMNS`` (float64) from ``start`` to ``end`` (exclusive).

    customers: int32 codes; those who did not order have zeros, which belong to the mean. The
    same columns with ``_before`` are of the ``before_days`` days before ``start``, which no arm
    could change. Raises ValueError when a customer is named twice, or the end is not after the
    start.
    """
    if end <= start:
        raise ValueError(f"the period ends on {end}, not after its start on {start}")
    if np.unique(customers).size != customers.size:
        raise ValueError("a customer is named twice: an experiment has one row for each")
    during = _sums(interactions.between(start, end), customers)
    first = start - dt.timedelta(days=before_days)
    before = _sums(interactions.between(first, start), customers)
    return pd.DataFrame(during | {name + BEFORE: values for name, values in before.items()})


def _sums(lines: Interactions, customers: IntArray) -> dict[str, np.ndarray]:
    n = lines.n_customers

    def per_customer(codes: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(codes, weights=weights, minlength=n).astype(np.float64)[customers]

    order_customer = lines.customer[np.unique(lines.order, return_index=True)[1]]
    return {
        "revenue": per_customer(lines.customer, lines.value.astype(np.float64)),
        "orders": per_customer(order_customer),
        "lines": per_customer(lines.customer),
        "items": per_customer(lines.pairs.customer),
    }
