"""The page of a question to an exposure log: estimates, intervals, and what they rest on.

One file, no network, every string from the data escaped.
"""

import math

from markupsafe import Markup

from restock.infra.addresses import address
from restock.infra.drift_page import pages
from restock.infra.ope_charts import Line, intervals
from restock.infra.ope_result import Answer, OpeResult, Worth
from restock.infra.store import Store

TITLES = {
    "ips": "IPS",
    "snips": "SNIPS",
    "rips": "RIPS",
    "dr": "DR",
}


def render(result: OpeResult) -> str:
    """The page as HTML."""

    def plot(one: Answer) -> str:
        lines = [
            Line(TITLES[row.estimator], row.worth) for row in one.rows if row.worth is not None
        ]
        return intervals([Line("shown", result.logged, logged=True), *lines], result.unit)

    environment = pages(
        {"worth": worth, "percent": percent, "number": number, "split": _split, "plot": plot}
    )
    return environment.get_template("ope_page.html").render(result=result, titles=TITLES)


def keep(store: Store, result: OpeResult) -> str:
    """Write the page; returns where people find it."""
    store.put(result.page, render(result).encode())
    return address(store, result.page)


def worth(value: Worth) -> str:
    """A mean with its interval: ``0.312 (0.298 to 0.326)``."""
    if value.value is None:
        return "unknown"
    if value.low is None or value.high is None:
        return number(value.value)
    return f"{number(value.value)} ({number(value.low)} to {number(value.high)})"


def percent(lift: Worth) -> str:
    """A log ratio as a change: ``+4.2 % (-1.0 % to +9.6 %)``."""
    if lift.value is None:
        return "unknown"
    if lift.low is None or lift.high is None:
        return _change(lift.value)
    return f"{_change(lift.value)} ({_change(lift.low)} to {_change(lift.high)})"


def number(value: float) -> str:
    """Three significant digits, with thousands marked."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "unknown"
    digits = max(2 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{digits}f}"


def _split(text: str) -> Markup:
    """The interval below its number: narrow enough for a phone."""
    value, _, reach = text.partition(" (")
    return Markup("{}<span>{}</span>").format(value, reach.removesuffix(")"))


def _change(log_ratio: float) -> str:
    return f"{math.expm1(min(log_ratio, 50.0)) * 100:+.1f} %"
