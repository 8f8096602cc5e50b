"""Markets that were looked at, made up, with texts that a page must not trust."""

import datetime as dt
from typing import Any

import numpy as np

from restock.infra.watch import MarketWatch
from restock.monitoring.findings import Check, Finding, Measure, Point

EVIL = "<script>alert(1)</script>"
AS_OF = dt.date(2011, 11, 30)


def measure(name: str = "new_item_rate", title: str = "New items", last: float = 0.4) -> Measure:
    """Sixty days of a measure that ends above its band."""
    values = [*(0.1 + 0.02 * np.sin(np.arange(59))), last]
    days = [AS_OF - dt.timedelta(days=60 - at) for at in range(60)]
    points = [Point(day=d, value=v, low=0.05, high=0.15) for d, v in zip(days, values, strict=True)]
    return Measure(name=name, title=title, points=tuple(points))


def finding(market: str = "FR", **more: Any) -> Finding:
    """A price shock, an alarm."""
    values: dict[str, Any] = {
        "market": market,
        "as_of": AS_OF,
        "kind": "data",
        "cause": "price shock",
        "severity": "alarm",
        "action": "retrain",
        "statistic": "new_item_rate",
        "value": 0.4,
        "low": 0.05,
        "high": 0.15,
        "p_value": 0.0004,
        "since": AS_OF - dt.timedelta(days=7),
        "evidence": "Prices of 812 items rose by 18 % (usually -1 % to 1 %).",
    }
    return Finding(**{**values, **more})


def watched(market: str = "FR", *findings: Finding, text: str = "", **more: Any) -> MarketWatch:
    """A market with these findings of its orders, and measures."""
    data = Check(
        market=market,
        as_of=AS_OF,
        findings=findings,
        measures=(measure(), measure("prices", f"Prices {text}", 0.1)),
        note=text,
    )
    found = MarketWatch.of(market, f"Name {text}", AS_OF, {"data": data}, "2011-11-29-abc")
    return found.model_copy(update=more)
