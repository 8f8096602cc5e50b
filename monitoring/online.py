"""What came of the lists that customers saw: rates of clicks and orders, and who does better.

A list is the rows of one customer, time and policy of an exposure log. Customers come back, so
that intervals are clustered by customer.
"""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd

from restock.dataset import exposures as e
from restock.evaluation.estimates import Z95, Mean, mean_of_ratio
from restock.monitoring.findings import Record

DAY, CLICKED, ORDERED = "day", "clicked", "ordered"


class Rate(Record):
    """A share of lists with its 95 % interval, where there are customers enough for one."""

    value: float
    low: float | None = None
    high: float | None = None


class Shown(Record):
    """What came of one policy's lists.

    clicked: share of lists with a click or an order; ordered: with an order. days: the same
    share of orders day by day.
    """

    policy: str
    lists: int
    customers: int
    clicked: Rate
    ordered: Rate
    days: tuple[tuple[dt.date, float], ...] = ()


class Against(Record):
    """How the share of lists with an order of one policy differs from another's."""

    policy: str
    control: str
    difference: Rate


def lists_shown(exposures: pd.DataFrame) -> pd.DataFrame:
    """One row a list: customer, policy, day (datetime64), clicked and ordered (float64, 0 or 1).

    exposures: a log as ``validate_exposures`` gives it, of one market.
    """
    keys = [e.CUSTOMER, e.TIME, e.POLICY]
    ordered = (exposures[e.OUTCOME] == "order").astype(np.float64)
    marked = exposures[keys].assign(
        clicked=np.maximum((exposures[e.OUTCOME] == "click").astype(np.float64), ordered),
        ordered=ordered,
    )
    lists = marked.groupby(keys, as_index=False, sort=True)[[CLICKED, ORDERED]].max()
    lists[DAY] = lists[e.TIME].dt.normalize()
    return lists[[e.CUSTOMER, e.POLICY, DAY, CLICKED, ORDERED]]


def rates(lists: pd.DataFrame) -> tuple[Shown, ...]:
    """The rates of each policy, the one that was shown most first."""
    found = []
    for policy, own in lists.groupby(e.POLICY):
        daily = own.groupby(DAY)[ORDERED].mean()
        found.append(
            Shown(
                policy=str(policy),
                lists=len(own),
                customers=own[e.CUSTOMER].nunique(),
                clicked=_rate(own, CLICKED),
                ordered=_rate(own, ORDERED),
                days=tuple(zip(pd.DatetimeIndex(daily.index).date, daily.tolist(), strict=True)),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.lists, one.policy)))


def against_control(lists: pd.DataFrame, champion: str | None) -> Against | None:
    """The champion's share of lists with an order, minus that of its control.

    champion: the policy in service, where it is in the log; else the one that was shown most.
    The control is the one shown most of the others; None where there is none. The interval is
    that of a difference of two ratios with customers as clusters: one who saw both counts once.
    """
    shown = [one.policy for one in rates(lists)]
    if len(shown) < 2:
        return None
    policy = champion if champion in shown else shown[0]
    control = next(other for other in shown if other != policy)
    return Against(policy=policy, control=control, difference=_difference(lists, (policy, control)))


def _rate(lists: pd.DataFrame, outcome: str) -> Rate:
    values = lists[outcome].to_numpy()
    return _as_rate(mean_of_ratio(values, np.ones(values.size), lists[e.CUSTOMER].to_numpy()))


def _difference(lists: pd.DataFrame, policies: Sequence[str]) -> Rate:
    customer = np.unique(lists[e.CUSTOMER].to_numpy(), return_inverse=True)[1]
    size = int(customer.max()) + 1
    deviations, means = np.zeros(size), []
    for sign, policy in zip((1.0, -1.0), policies, strict=True):
        own = (lists[e.POLICY] == policy).to_numpy()
        ordered = lists.loc[own, ORDERED].to_numpy()
        mean = float(ordered.mean())
        means.append(mean)
        deviations += sign * np.bincount(customer[own], ordered - mean, size) / ordered.size
    value = means[0] - means[1]
    if size < 2:
        return Rate(value=value)
    error = Z95 * float(np.sqrt(size / (size - 1) * np.square(deviations).sum()))
    return Rate(value=value, low=value - error, high=value + error)


def _as_rate(mean: Mean) -> Rate:
    if np.isnan(mean.low):
        return Rate(value=mean.value)
    return Rate(value=mean.value, low=max(mean.low, 0.0), high=min(mean.high, 1.0))
