"""Is a new plan worse than the one before it? Both judged on the same orders, looked at every day.

Compared are the *first* publication of the new plan and the *last* of the plan before: lists of one
age, made of nearly the same orders. (Lists in force are younger every day than the last ones of a
plan that no longer publishes; against those a bad plan would win by their age.)
"""

import datetime as dt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.evaluation.estimates import Z95
from restock.monitoring.findings import Record
from restock.monitoring.policy import DriftPolicy
from restock.monitoring.realised import realised_orders

Floats = NDArray[np.float64]
LEAST_ORDERS = 100
"""Fewer orders do not tell how much differences vary."""
SHARPEST = 2000
"""The sequence is narrowest, for its error rate, at about so many orders."""


class Succession(Record):
    """How a plan does against the one before it.

    worse: surely worse, however often was looked. difference: mean ndcg of an order by the new
    plan's lists minus that by the old plan's; low, high: its 95 % interval, for one look. days,
    orders: how many were compared.
    """

    worse: bool
    difference: float
    low: float
    high: float
    days: int
    orders: int


def compare_plans(
    interactions: Interactions,
    market: str,
    new: pd.DataFrame,
    old: pd.DataFrame,
    first: dt.date,
    k: int,
    policy: DriftPolicy,
) -> Succession | None:
    """Judge a market's orders by the lists of both plans, from the new plan's first day on.

    new, old: rows (customer_id, rank, item_id) of the new plan's first publication and of the
    old plan's last one. Days whose orders may not all be there (``policy.label_delay_days``) do
    not count, nor do those after ``policy.trial_days``: by then both lists are old. None before
    the first order that counts.
    """
    final = interactions.as_of_date - dt.timedelta(days=policy.label_delay_days)
    end = min(final, first + dt.timedelta(days=policy.trial_days))
    if end <= first:
        return None
    ours = realised_orders(interactions, market, new, first, end, k)
    theirs = realised_orders(interactions, market, old, first, end, k)
    if ours.empty:
        return None
    return paired(
        (ours["ndcg"] - theirs["ndcg"]).to_numpy(),
        ours["customer"].to_numpy(),
        ours["day"].to_numpy(),
        policy.false_rollbacks,
    )


def paired(
    difference: Floats, customer: NDArray[np.integer], day: NDArray[np.integer], chance: float
) -> Succession:
    """Is the mean of differences surely below 0, whenever one asks?

    One row an order. The sum ``S`` of all differences is surely below 0 when it is below the
    boundary ``-sqrt(2 (V + c) ln(1 + sqrt((V + c) / c) / (2 chance)))``, which a sum of mean 0 or
    more crosses *ever* with at most this chance (one-sided normal mixture: Robbins 1970; Howard,
    Ramdas, McAuliffe and Sekhon 2021). V, the variance of S, is estimated, as in the asymptotic
    sequences of Waudby-Smith et al. 2024: the largest of what orders, customers and days as
    clusters tell. c: V at 2,000 orders, over 8.
    """
    orders = difference.size
    mean = float(difference.mean())
    off = difference - mean
    variance = float(max(np.square(off).sum(), _clustered(off, customer), _clustered(off, day)))
    error = Z95 * float(np.sqrt(variance)) / orders
    return Succession(
        worse=orders >= LEAST_ORDERS and difference.sum() < -_boundary(variance, orders, chance),
        difference=mean,
        low=mean - error,
        high=mean + error,
        days=int(np.unique(day).size),
        orders=orders,
    )


def _boundary(variance: float, orders: int, chance: float) -> float:
    mixed = variance / orders * SHARPEST / 8
    total = variance + mixed
    if total == 0:
        return float("inf")  # two plans of one mind
    return float(np.sqrt(2 * total * np.log1p(np.sqrt(total / mixed) / (2 * chance))))


def _clustered(off: Floats, cluster: NDArray[np.integer]) -> float:
    """Variance of the sum when clusters are independent, with the factor for few of them."""
    code = np.unique(cluster, return_inverse=True)[1]
    sums = np.bincount(code, off)
    return float(np.square(sums).sum()) * (sums.size / (sums.size - 1) if sums.size > 1 else 1.0)
