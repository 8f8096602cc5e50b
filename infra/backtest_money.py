"""Had another plan been in service: captured money of both, market by market."""

import datetime as dt
from collections.abc import Mapping, Sequence

from restock.evaluation.backtest.what_if import Captured, captured, together
from restock.evaluation.estimates import Mean
from restock.evaluation.scorecard import Scorecard
from restock.infra.backtest_result import WhatIf, WhatIfMarket
from restock.infra.backtest_run import BacktestRun
from restock.infra.markets import Markets
from restock.infra.night import Estimate

ALL = "all"


def what_if(
    run: BacktestRun, fresh: Mapping[str, Mapping[str, Sequence[Scorecard]]], declared: Markets
) -> WhatIf | None:
    """The answer to ``--instead``; None where it was not asked, or nothing can be said.

    fresh: market → key → scorecards of models that were fitted at the cut-off. Windows that
    begin on the day since, or later, count.
    """
    if run.instead is None:
        return None
    labels = {one.key: one.label for one in run.candidates}
    since = run.since or dt.date.min
    rows, found = [], []
    for market, cards in fresh.items():
        before, instead = run.service[market], run.instead
        if before not in cards or instead not in cards:
            continue
        sides = [[card for card in cards[key] if card.cutoff >= since] for key in (before, instead)]
        if not sides[0] or {c.fold_hash for c in sides[0]} != {c.fold_hash for c in sides[1]}:
            continue
        one = captured(sides[0], sides[1], declared.of(market).rate)
        found.append(one)
        rows.append(_row(market, labels[before], one))
    if not found:
        return None
    first = min(day for one in found for day in one.by_window)
    return WhatIf(
        plan=labels[run.instead],
        since=run.since or first,
        currency=declared.reporting_currency,
        total=_row(ALL, "the plans in service", together(found)),
        markets=tuple(rows),
    )


def _row(market: str, before: str, found: Captured) -> WhatIfMarket:
    return WhatIfMarket(
        market=market,
        before=before,
        windows=len(found.by_window),
        captured=found.before,
        instead=found.instead,
        difference=_estimate(found.difference),
        by_window={day: _estimate(mean) for day, mean in found.by_window.items()},
    )


def _estimate(mean: Mean) -> Estimate:
    value, low, high = (None if number != number else number for number in mean)
    return Estimate(value=value, low=low, high=high)
