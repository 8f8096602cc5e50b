"""Has the data of a market drifted? Found, named, and said in words."""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd

from restock.dataset import Interactions
from restock.monitoring.causes import ACTIONS
from restock.monitoring.findings import Cause, Check, Finding, Measure, Point, Severity
from restock.monitoring.judging import Judged, Move
from restock.monitoring.market_days import MarketDays
from restock.monitoring.planned import Planned, explained
from restock.monitoring.policy import DriftPolicy
from restock.monitoring.statistics import STATISTICS, Statistic
from restock.monitoring.usual import LEAST_WINDOWS
from restock.monitoring.watched_days import Watched
from restock.monitoring.windows import BEFORE
from restock.monitoring.wording import of_fault, of_move


def check_data(
    interactions: Interactions,
    market: str,
    *,
    as_of: dt.date,
    quarantined: pd.Series | None = None,
    planned: Sequence[Planned] = (),
    policy: DriftPolicy | None = None,
    markets: int | None = None,
) -> Check:
    """Hold the last days of a market's orders against what is usual there.

    interactions: of this and other markets, from the first day known; what is from ``as_of`` on
    is not looked at. quarantined: lines set aside (index: days, those with any). markets: how
    many are watched, for the error rate; those of the catalogue unless told. KeyError for an
    unknown market.

    At most one finding: an alarm, or a note where the season or a plan explains it, or a
    warning. A broken feed goes before everything else. A market with too few customers or too
    short a history has no finding but the feed's, and a note that says so.
    """
    policy = policy or DriftPolicy()
    interactions.catalogue.market_code(market)
    try:
        days = MarketDays.of(interactions, market, as_of, quarantined)
    except ValueError as empty:
        return Check(market=market, as_of=as_of, note=str(empty))
    watched = Watched.of(days, policy, markets or len(interactions.catalogue.markets))
    finding = _feed(watched, market, as_of) or _drift(watched, market, as_of, planned)
    return Check(
        market=market,
        as_of=as_of,
        findings=(finding,) if finding else (),
        measures=_measures(watched),
        note=_untested(watched),
    )


def _feed(watched: Watched, market: str, as_of: dt.date) -> Finding | None:
    faults = watched.faults(watched.days.days)
    if not faults:
        return None
    name, seen_on = next(iter(faults.items()))
    value = float(watched.feed.seen[name][seen_on[-1]])
    return Finding(
        market=market,
        as_of=as_of,
        kind="data",
        cause="broken feed",
        severity="alarm",
        action=ACTIONS["broken feed"],
        statistic=f"feed_{name}",
        value=value,
        since=watched.days.date(seen_on[0]),
        evidence=of_fault(name, value, [watched.days.date(day) for day in seen_on]),
    )


def _drift(
    watched: Watched, market: str, as_of: dt.date, planned: Sequence[Planned]
) -> Finding | None:
    if named := watched.cause(watched.days.days):
        return _finding(watched, market, as_of, named, planned, "alarm")
    if named := watched.cause(watched.days.days, warnings=True):
        return _finding(watched, market, as_of, named, planned, "warning")
    return None


def _finding(
    watched: Watched,
    market: str,
    as_of: dt.date,
    named: tuple[Cause, Move],
    planned: Sequence[Planned],
    severity: Severity,
) -> Finding:
    cause, move = named
    since = as_of - dt.timedelta(days=move.width)
    plan = explained(cause, since, as_of, planned)
    quiet = cause == "season" or plan is not None
    shown = move.statistic.shown
    return Finding(
        market=market,
        as_of=as_of,
        kind="data",
        cause=cause,
        severity="note" if quiet else severity,
        action="note" if quiet or severity == "warning" else ACTIONS[cause],
        statistic=move.statistic.name,
        value=shown(move.value),
        low=shown(move.low),
        high=shown(move.high),
        p_value=move.p_value,
        since=since,
        evidence=of_move(move, watched.category(move), plan),
    )


def _untested(watched: Watched) -> str:
    """Why something was not tested; empty when everything was."""
    least, end = watched.policy.least_customers, watched.days.days
    needed = min(watched.policy.window_days) * (1 + BEFORE + LEAST_WINDOWS)
    if watched.rows(end):
        row = watched.rows(end)[-1]
        enough = max(known.windows[row[1]] for known in row[0].known.values()) >= LEAST_WINDOWS
        return "" if enough else f"the {end} days known say too little about what is usual"
    known = [judged.windows for judged in watched.judged if judged.windows.ends.size]
    if not known:
        return f"{end} days of orders are too few: at least {needed} are needed"
    return (
        f"{known[-1].customers[-1]} customers ordered in {known[-1].width} days: below {least} "
        "only the feed is looked at"
    )


def _measures(watched: Watched) -> tuple[Measure, ...]:
    """Every statistic over time, in the shortest windows that are tested (else the longest)."""
    rows = watched.rows(watched.days.days)
    judged = rows[0][0] if rows else watched.judged[-1]
    step, least = judged.step, watched.policy.history_windows
    at = np.arange(judged.windows.ends.size - 1, -1, -step)[: least + 1][::-1]
    found = (_measure(watched, judged, one, at.tolist()) for one in STATISTICS)
    return tuple(measure for measure in found if measure.points)


def _measure(watched: Watched, judged: Judged, one: Statistic, at: list[int]) -> Measure:
    values, points = judged.windows.values.get(one.name), []
    for row in at if values is not None else []:
        assert values is not None
        if np.isfinite(values[row]):
            low, high = judged.band(one, row) or (None, None)
            points.append(
                Point(
                    day=watched.days.date(int(judged.windows.ends[row]) - 1),
                    value=one.shown(float(values[row])),
                    low=None if low is None else one.shown(low),
                    high=None if high is None else one.shown(high),
                )
            )
    return Measure(name=one.name, title=one.title, points=tuple(points))
