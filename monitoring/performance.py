"""Do lists do as well as they did? Realised ndcg, day by day, against what was to be expected."""

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.evaluation.estimates import Z95
from restock.monitoring.cusum import Path, chance_limit, lower_cusum
from restock.monitoring.findings import Check, Finding, Measure, Point
from restock.monitoring.holidays import holidays
from restock.monitoring.level import WANDER, Forecasts, Series, forecast
from restock.monitoring.policy import DriftPolicy

Floats = NDArray[np.float64]
LEARNING_DAYS = 56
"""A ledger has to know so many days before anything is said."""
WATCHED_DAYS = 275
"""The time that the rate of false alarms is meant for: a year's working days, and a bit."""
LEAST_ORDERS = 30
"""Days are pooled until they have so many orders."""
SHOWN_DAYS = 182
YEAR, SEASON_REACH = 365, 14
_RECENT = 28
_PRIOR_ORDERS, _PRIOR_VARIANCE = 30, 0.25**2
_SUMS = ["orders", "ndcg", "ndcg_squared", "captured", "spend", "taken"]
_OBSERVATIONS = (30, 60, 120, 180, 240, 275)
_EPOCH = dt.date(1970, 1, 1)


def check_performance(
    ledger: pd.DataFrame, market: str, as_of: dt.date, policy: DriftPolicy
) -> Check:
    """Has what the market's lists come to fallen?

    ledger: as ``realised_days`` gives it, with ``mature`` (bool): days that are final. Only these,
    and only those before ``as_of``, are looked at; the same ledger gives the same answer.

    Days are pooled until they have 30 orders. The mean ndcg of each period is forecast from the
    periods before (``restock.monitoring.level``) and the errors are summed
    (``restock.monitoring.cusum``) for a fall by ``policy.least_fall``. An alarm lasts while the
    sum is above its limit.
    """
    watched = watch(ledger, as_of, policy)
    if watched is None:
        return Check(market=market, as_of=as_of, note="no day of the ledger is final yet")
    measures = watched.measures()
    if watched.note:
        return Check(market=market, as_of=as_of, measures=measures, note=watched.note)
    if not watched.path.alarms[-1]:
        return Check(market=market, as_of=as_of, measures=measures)
    finding = _finding(watched, market, as_of)
    return Check(market=market, as_of=as_of, findings=(finding,), measures=measures)


class Fall(NamedTuple):
    """How far a mean fell since a day, as a share of what was expected, with its 95 % interval.

    orders: how many it was seen on. value, expected: their mean, and what it should have been.
    """

    since: dt.date
    share: float
    low: float
    high: float
    orders: int
    value: float
    expected: float


@dataclass(frozen=True, eq=False)
class Watch:
    """A ledger looked at period by period.

    periods: sums (first and last day, days since 1970; orders, ndcg, …), a row each. path: the
    cumulative sum; zero while ``note`` says why nothing is told yet.
    """

    periods: pd.DataFrame
    forecasts: Forecasts
    path: Path
    note: str = ""

    def fall(self) -> Fall:
        """The fall since the sum was last zero: an estimate that runs high when days are few."""
        since = int(self.path.since[-1])
        here, known = self.periods.iloc[since:], self.forecasts
        orders = here["orders"].to_numpy(np.float64)
        total = float(orders.sum())
        value = float(here["ndcg"].sum()) / total
        expected = float(known.level[since] + orders @ known.effect[since:] / total)
        days = int(here["last"].iloc[-1] - here["first"].iloc[0]) + 1
        own = np.square(orders * known.noise[since:]).sum() / total**2
        wandered = np.square(WANDER * known.level[since]) * days / 3  # of a mean over a walk
        error = float(np.sqrt(own + np.square(known.level_error[since]) + wandered)) / expected
        share = 1 - value / expected
        return Fall(
            since=_day(here["first"].iloc[0]),
            share=share,
            low=share - Z95 * error,
            high=share + Z95 * error,
            orders=round(total),
            value=value,
            expected=expected,
        )

    def measures(self) -> tuple[Measure, ...]:
        """Means of the last half year, and the cumulative sum in units of its limit."""
        shown = self.periods["last"] > self.periods["last"].iloc[-1] - SHOWN_DAYS
        rows = self.periods[shown]
        known = Forecasts(*(column[shown.to_numpy()] for column in self.forecasts))
        band = (known.expected - Z95 * known.spread, known.expected + Z95 * known.spread)
        learned = (rows["last"] - self.periods["first"].iloc[0]).to_numpy() >= LEARNING_DAYS
        sums = (self.path.value / self.path.limit)[shown.to_numpy()]
        return (
            _measure("ndcg", "Realised ndcg", rows, rows["ndcg"] / rows["orders"], band, learned),
            _measure(
                "captured", "Share of spend on listed items", rows, rows["captured"] / rows["spend"]
            ),
            _measure(
                "taken", "Share of orders with a listed item", rows, rows["taken"] / rows["orders"]
            ),
            _measure(
                "ndcg_cusum",
                "Evidence that ndcg fell: alarm above 1",
                rows,
                pd.Series(sums, index=rows.index),
                (np.zeros(len(rows)), np.ones(len(rows))),
                learned,
            ),
        )

    @classmethod
    def of(cls, days: pd.DataFrame, policy: DriftPolicy) -> Self:
        """Look at days (columns of ``realised_days``, one row a day, in order of time)."""
        periods = _pooled(days)
        first, last = int(periods["first"].iloc[0]), int(periods["last"].iloc[-1])
        learning = int(np.searchsorted(periods["last"], first + LEARNING_DAYS))
        learned = periods.iloc[: max(learning, 1)]
        scale = float(learned["ndcg"].sum() / learned["orders"].sum())
        if scale <= 0:
            nothing = Forecasts(*np.zeros((len(Forecasts._fields), len(periods))))
            return cls(periods, nothing, _still(len(periods)), "no order took a listed item yet")
        known = forecast(_series(periods), scale)
        if learning >= len(periods):
            note = f"learning: {last - first + 1} of {LEARNING_DAYS} days of what lists came to"
            return cls(periods, known, _still(len(periods)), note)
        fall = policy.least_fall * np.maximum(known.expected, 0.1 * scale) / known.spread
        fall = np.where(np.arange(fall.size) < learning, 0.0, fall)
        limit = _limits(periods, fall, learning, policy.chance_alarms)
        return cls(periods, known, lower_cusum(known.z, fall, limit))


def watch(ledger: pd.DataFrame, as_of: dt.date, policy: DriftPolicy) -> Watch | None:
    """Look at the final days of a ledger before a day; None where there is none."""
    if ledger.empty:
        return None
    final = ledger[
        ledger["mature"] & (ledger["day"] < pd.Timestamp(as_of)) & (ledger["orders"] > 0)
    ]
    if final.empty:
        return None
    return Watch.of(final.groupby("day", sort=True)[_SUMS].sum().reset_index(), policy)


def _pooled(days: pd.DataFrame) -> pd.DataFrame:
    """Periods of whole days with at least ``LEAST_ORDERS`` each; what is left over waits."""
    day = days["day"].to_numpy().astype("datetime64[D]").astype(np.int64)
    orders = days["orders"].to_numpy(np.float64)
    period, count, at = np.zeros(day.size, dtype=np.int64), 0.0, 0
    for row in range(day.size):
        period[row] = at
        count += orders[row]
        if count >= LEAST_ORDERS:
            count, at = 0.0, at + 1
    off = holidays(_day(day[0]), int(day[-1] - day[0]) + 1)[day - day[0]]
    weekdays = (day[:, None] + 3) % 7 == np.arange(7)  # 1970-01-01 was a Thursday
    shares = np.column_stack([weekdays, off]) * orders[:, None]
    table = days[_SUMS].assign(**{f"effect_{n}": shares[:, n] for n in range(shares.shape[1])})
    whole = max(at, 1)  # the first one may be short: there is nothing else to show
    sums = table.groupby(period).sum().iloc[:whole]
    for name in sums.filter(like="effect_").columns:
        sums[name] /= sums["orders"]
    by_period = pd.Series(day).groupby(period)
    return sums.assign(first=by_period.min().iloc[:whole], last=by_period.max().iloc[:whole])


def _series(periods: pd.DataFrame) -> Series:
    """Means, and their errors by the spread that single orders have shown so far."""
    orders, ndcg = periods["orders"].to_numpy(np.float64), periods["ndcg"].to_numpy(np.float64)
    seen = np.cumsum(orders)
    within = np.cumsum(periods["ndcg_squared"].to_numpy(np.float64)) - np.cumsum(ndcg) ** 2 / seen
    variance = (within + _PRIOR_ORDERS * _PRIOR_VARIANCE) / (seen + _PRIOR_ORDERS)
    return Series(
        day=periods["last"].to_numpy(np.int64),
        value=ndcg / orders,
        error=np.sqrt(variance / orders),
        effects=np.column_stack([periods.filter(like="effect_"), _year_ago(periods)]),
    )


def _year_ago(periods: pd.DataFrame) -> Floats:
    """How far the mean of four weeks was from that of the year around them, a year ago (share).

    0 where the ledger did not know those weeks yet. All of it is half a year old or older.
    """
    last = periods["last"].to_numpy(np.int64)
    sums = [np.append(0.0, np.cumsum(periods[name])) for name in ("ndcg", "orders")]

    def mean(reach: int) -> Floats:
        ends = [np.searchsorted(last, last - YEAR + side, "right") for side in (-reach, reach)]
        ndcg, orders = (total[ends[1]] - total[ends[0]] for total in sums)
        return np.asarray(ndcg / np.maximum(orders, 1.0))

    known = last - YEAR - 2 * SEASON_REACH >= last[0]
    around = np.where(known, mean(YEAR // 2), 1.0)
    return np.where(known & (around > 0), mean(SEASON_REACH) / np.maximum(around, 1e-9) - 1, 0.0)


def _limits(periods: pd.DataFrame, fall: Floats, learning: int, chance: float) -> Floats:
    """The limit of each period, by the fall of the last ones in their standard deviations."""
    total = np.concatenate([[0.0], np.cumsum(np.square(fall))])
    at = np.arange(fall.size)
    first = np.clip(at + 1 - _RECENT, learning, None)
    size = np.sqrt((total[at + 1] - total[np.minimum(first, at)]) / np.maximum(at + 1 - first, 1))
    steps = np.round(np.log(np.clip(size, 0.1, 4.0)) / np.log(1.1))  # limits change slowly
    days = int(periods["last"].iloc[-1] - periods["first"].iloc[0]) + 1
    expected = WATCHED_DAYS * len(periods) / days
    observations = min(_OBSERVATIONS, key=lambda n: abs(n - expected))
    return np.array([chance_limit(round(1.1**step, 4), observations, chance) for step in steps])


def _still(periods: int) -> Path:
    return Path(np.zeros(periods), np.ones(periods), np.arange(1, periods + 1))


def _finding(watched: Watch, market: str, as_of: dt.date) -> Finding:
    fall = watched.fall()
    evidence = (
        f"What the lists of {market} come to fell by {fall.share:.1%} (95 % interval "
        f"{fall.low:.1%} to {fall.high:.1%}) since {fall.since:%d %B %Y}: ndcg "
        f"{fall.value:.3f} instead of {fall.expected:.3f} over {fall.orders:,} orders."
    )
    return Finding(
        market=market,
        as_of=as_of,
        kind="performance",
        cause="performance",
        severity="alarm",
        action="retrain",
        statistic="ndcg",
        value=fall.value,
        low=fall.expected * (1 - (fall.high - fall.share)),
        high=fall.expected * (1 + (fall.high - fall.share)),
        since=fall.since,
        evidence=evidence,
    )


def _measure(
    name: str,
    title: str,
    rows: pd.DataFrame,
    values: pd.Series,
    band: tuple[Floats, Floats] | None = None,
    learned: NDArray[np.bool_] | None = None,
) -> Measure:
    """A point a period, on its last day; the band only where it has been learned."""
    points = []
    for at, (day, value) in enumerate(zip(rows["last"], values, strict=True)):
        if not np.isfinite(value):
            continue
        known = band is not None and learned is not None and learned[at]
        points.append(
            Point(
                day=_day(day),
                value=float(value),
                low=float(band[0][at]) if band is not None and known else None,
                high=float(band[1][at]) if band is not None and known else None,
            )
        )
    return Measure(name=name, title=title, points=tuple(points))


def _day(number: int | np.integer) -> dt.date:
    return _EPOCH + dt.timedelta(days=int(number))
