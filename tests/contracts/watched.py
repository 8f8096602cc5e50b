"""Markets that were looked at, made up, with texts that a page must not trust."""

import datetime as dt
from typing import Any

import numpy as np

from restock.infra.health import Health, MarketHealth, Retrained
from restock.infra.watch import MarketWatch
from restock.monitoring.findings import Check, Finding, Measure, Point
from restock.monitoring.online import Rate

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


def healthy(market: str = "FR", text: str = "", **more: Any) -> MarketHealth:
    """A market that stands well."""
    values: dict[str, Any] = {
        "market": market,
        "name": f"Name {text}",
        "as_of": AS_OF,
        "light": "green",
        "why": f"as usual {text}",
        "orders": 1234,
        "ndcg": Rate(value=0.331, low=0.320, high=0.342),
        "trend": Rate(value=-0.012, low=-0.02, high=-0.004),
        "captured": Rate(value=0.41, low=0.39, high=0.43),
        "taken": Rate(value=0.62, low=0.6, high=0.64),
        "weeks": measure().points[::7],
        "retrained": Retrained(
            token="run-1",
            as_of=AS_OF,
            at=dt.datetime(2011, 11, 30, 4, tzinfo=dt.UTC),
            plan=f"sar {text}",
        ),
        "next_run": dt.datetime(2011, 12, 1, 4, 10, tzinfo=dt.UTC),
    }
    return MarketHealth(**{**values, **more})


def health(*markets: MarketHealth) -> Health:
    """All of them."""
    return Health(as_of=AS_OF, snapshot="0" * 64, markets=markets)
