"""The page's answer to "had we used another plan": what its lists would have named, in money."""

import datetime as dt
from collections.abc import Sequence

from restock.infra.backtest_charts import Mark, Series, lines
from restock.infra.backtest_result import BacktestResult, WhatIfMarket
from restock.infra.backtest_sheets import Compared, Instead, WhatIf
from restock.infra.night import Estimate

TICKS = 6


def mark(at: float, value: Estimate, about: str) -> Mark:
    """A known estimate as a point."""
    return Mark(at, float(value.value or 0.0), value.low, value.high, about)


def ticks_of(windows: Sequence[dt.date]) -> list[tuple[float, str]]:
    """At most ``TICKS`` cut-offs for the axis, the last one among them."""
    step = -(-len(windows) // TICKS) if windows else 1
    chosen = sorted(windows, reverse=True)[::step]
    return [(float(day.toordinal()), day.isoformat()) for day in reversed(chosen)]


def what_if(result: BacktestResult) -> WhatIf | None:
    """The question and its answer; None where it was not asked."""
    found = result.what_if
    if found is None:
        return None
    total = _instead(found.total)
    sure = "within noise" if total.state == "even" else "beyond noise"
    days = {day: value for day, value in found.total.by_window.items() if value.value is not None}
    marks = [mark(float(d.toordinal()), v, d.isoformat()) for d, v in sorted(days.items())]
    place = next((n for n, one in enumerate(result.models) if one.label == found.plan), 0)
    ordered = sorted(found.markets, key=lambda one: (-one.captured, one.market))
    return WhatIf(
        title=f"Had {found.plan} been in service since {found.since}",
        words=(
            f"Over {found.total.windows} windows its lists would have named {total.instead} "
            f"{found.currency} of what customers bought, those in service named {total.captured}: "
            f"a difference of {total.difference} {found.currency}, {sure}."
        ),
        currency=found.currency,
        chart=lines(
            f"difference by window in {found.currency}",
            [Series("instead, less in service", place, marks, True)],
            ticks_of(sorted(days)),
            level=0.0,
        ),
        rows=[_instead(one) for one in ordered],
    )


def _instead(one: WhatIfMarket) -> Instead:
    value = one.difference
    state: Compared = "even"
    if value.low is not None and value.high is not None:
        state = "better" if value.low > 0 else "worse" if value.high < 0 else "even"
    return Instead(
        market=one.market,
        before=one.before,
        windows=one.windows,
        captured=f"{one.captured:,.0f}",
        instead=f"{one.instead:,.0f}",
        difference=_money(value),
        state=state,
    )


def _money(value: Estimate) -> str:
    if value.value is None:
        return "–"
    if value.low is None or value.high is None:
        return f"{value.value:+,.0f}"
    return f"{value.value:+,.0f} ({value.low:+,.0f} to {value.high:+,.0f})"
