"""What a market's lists look like, and whether the newest ones look unlike all before them."""

import datetime as dt
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from restock.evaluation.metrics import gini
from restock.evaluation.refresh import list_churn
from restock.monitoring.findings import Check, Finding, Measure, Point, Severity
from restock.monitoring.policy import DriftPolicy
from restock.monitoring.realised import UNKNOWN_CUSTOMER

LEAST_PUBLICATIONS = 8
"""Fewer earlier publications of a plan do not say what is usual."""
USUAL_PUBLICATIONS = 28
"""What is usual is what the last so many were like."""
FAR, VERY_FAR = 6.0, 12.0
"""Spreads from the centre: far is a warning, two that are far or one very far an alarm."""
_TO_SD = 1.4826  # of the median absolute deviation, for a normal distribution
_RANGE_TO_SD = 3.29  # from the 5 % to the 95 % quantile of a normal distribution


class Statistic(NamedTuple):
    """One number of a publication.

    floor: the least spread taken as usual, in the unit of the value; relative: of the centre.
    """

    title: str
    floor: float
    relative: bool = False


STATISTICS: dict[str, Statistic] = {
    "customers": Statistic("customers with a list", 0.02, relative=True),
    "coverage": Statistic("share of the items that are on any list", 0.01),
    "gini": Statistic("concentration of the lists on few items (Gini)", 0.005),
    "churn": Statistic("share of a list that the publication before did not have", 0.02),
    "new_item_share": Statistic("share of listed items that are new to the customer", 0.01),
    "fallback_share": Statistic("customers with the list for unknown ones", 0.01),
    "score_low": Statistic("score that one first place in ten is below", 0.05, relative=True),
    "score_median": Statistic("median score of the first places", 0.05, relative=True),
    "score_high": Statistic("score that one first place in ten is above", 0.05, relative=True),
}


def list_statistics(
    table: pa.Table, n_items: int, previous: pa.Table | None = None
) -> dict[str, float]:
    """The numbers of ``STATISTICS`` of a publication.

    table: rows (customer_id, rank, item_id, score, bought_before), sorted by customer and rank.
    n_items: how many items may be listed. previous: the publication before; churn, the mean over
    customers in both of the share of a list that is gone, is NaN without one.
    """
    rows = table.select(["customer_id", "rank", "item_id", "score", "bought_before"]).to_pandas()
    unknown = rows[rows["customer_id"] == UNKNOWN_CUSTOMER]
    rows = rows[rows["customer_id"] != UNKNOWN_CUSTOMER]
    first = rows.loc[rows["rank"] == 1, "score"].to_numpy(np.float64)
    low, median, high = np.quantile(first, [0.1, 0.5, 0.9]) if first.size else [np.nan] * 3
    counts = rows["item_id"].value_counts().to_numpy().astype(np.int64)
    return {
        "customers": float(first.size),
        "coverage": counts.size / n_items,
        "gini": gini(counts, max(n_items, counts.size)),
        "churn": float("nan") if previous is None else list_churn(table, previous),
        "new_item_share": 1.0 - float(rows["bought_before"].mean()),
        "fallback_share": _like(rows, unknown) / max(first.size, 1),
        "score_low": float(low),
        "score_median": float(median),
        "score_high": float(high),
    }


def check_lists_over_time(
    history: pd.DataFrame, market: str, as_of: dt.date, policy: DriftPolicy
) -> Check:
    """Are the newest lists unlike those that the same plan made before?

    history: a row for each publication, oldest first: as_of, plan_key and the columns of
    ``STATISTICS``. Each statistic is compared with its last 28 values under the same plan: centre
    the median; spread the largest of the scaled median absolute deviation, what the 5 % and 95 %
    quantiles tell, and a floor. Another plan makes other lists: after a change it is learned
    anew what is usual.
    """
    if history.empty:
        return Check(market=market, as_of=as_of, note="no publication yet")
    plan = history["plan_key"].to_numpy()
    since = int(np.flatnonzero(plan != plan[-1])[-1]) + 1 if (plan != plan[-1]).any() else 0
    own = history.iloc[since:]
    earlier = own.iloc[:-1].tail(USUAL_PUBLICATIONS)
    known = {name: _usual(earlier[name].to_numpy(np.float64), name) for name in STATISTICS}
    measures = tuple(_measure(own, name, known[name]) for name in STATISTICS)
    if len(earlier) < LEAST_PUBLICATIONS:
        note = (
            f"{len(own)} publications of this plan: what is usual is known after "
            f"{LEAST_PUBLICATIONS + 1}"
        )
        return Check(market=market, as_of=as_of, measures=measures, note=note)
    found = _finding(own.iloc[-1], known, market, as_of)
    return Check(market=market, as_of=as_of, findings=found, measures=measures)


class _Usual(NamedTuple):
    centre: float
    spread: float

    def away(self, value: float) -> float:
        """Spreads from the centre; 0 for what is not known."""
        return float(np.nan_to_num((value - self.centre) / self.spread))


def _usual(values: NDArray[np.float64], name: str) -> _Usual:
    values = values[np.isfinite(values)]
    if values.size < LEAST_PUBLICATIONS:
        return _Usual(np.nan, np.nan)
    centre = float(np.median(values))
    low, high = np.quantile(values, [0.05, 0.95])
    statistic = STATISTICS[name]
    floor = statistic.floor * (abs(centre) if statistic.relative else 1.0)
    mad = _TO_SD * float(np.median(np.abs(values - centre)))
    return _Usual(centre, max(mad, float(high - low) / _RANGE_TO_SD, floor, 1e-12))


def _finding(
    newest: pd.Series, known: dict[str, _Usual], market: str, as_of: dt.date
) -> tuple[Finding, ...]:
    away = {name: usual.away(float(newest[name])) for name, usual in known.items()}
    far = sorted(
        (name for name in away if abs(away[name]) > FAR), key=lambda name: -abs(away[name])
    )
    if not far:
        return ()
    alarm = len(far) > 1 or abs(away[far[0]]) > VERY_FAR
    severity: Severity = "alarm" if alarm else "warning"
    said = "; ".join(
        f"{STATISTICS[name].title} {newest[name]:.4g}, usually about {known[name].centre:.4g}"
        for name in far[:3]
    )
    usual = known[far[0]]
    return (
        Finding(
            market=market,
            as_of=as_of,
            kind="prediction",
            cause="lists",
            severity=severity,
            action="retrain" if alarm else "note",
            statistic=far[0],
            value=float(newest[far[0]]),
            low=usual.centre - FAR * usual.spread,
            high=usual.centre + FAR * usual.spread,
            since=pd.Timestamp(newest["as_of"]).date(),
            evidence=f"The newest lists of {market} are unlike those before: {said}.",
        ),
    )


def _measure(own: pd.DataFrame, name: str, usual: _Usual) -> Measure:
    band = (
        {}
        if np.isnan(usual.centre)
        else {
            "low": usual.centre - FAR * usual.spread,
            "high": usual.centre + FAR * usual.spread,
        }
    )
    values = own[["as_of", name]].dropna().tail(USUAL_PUBLICATIONS + 1)
    points = tuple(
        Point(day=day.date(), value=float(value), **band)
        for day, value in zip(pd.DatetimeIndex(values["as_of"]), values[name], strict=True)
    )
    return Measure(name=name, title=STATISTICS[name].title.capitalize(), points=points)


def _like(rows: pd.DataFrame, unknown: pd.DataFrame) -> int:
    """How many customers have exactly the list of unknown ones."""
    if unknown.empty:
        return 0
    listed = unknown.set_index("rank")["item_id"]
    same = rows["item_id"].to_numpy() == listed.reindex(rows["rank"]).to_numpy()
    by_customer = pd.Series(same).groupby(rows["customer_id"].to_numpy())
    return int((by_customer.all() & (by_customer.size() == len(listed))).sum())
