"""An invented backtest: two markets, three models, one of them with a hostile name."""

import datetime as dt
from typing import Any

from restock.infra.backtest_result import (
    Aged,
    BacktestResult,
    Contender,
    CriticalDifference,
    MarketBacktest,
    Pair,
    WhatIf,
    WhatIfMarket,
    WindowResult,
)
from restock.infra.night import Estimate

EVIL = '<script>document.title="run"</script><img src=x onerror=alert(1)>'
METRICS = ("ndcg_at_10", "map_at_10", "revenue_share_at_10")
LABELS = {"reorder": "reorder (market)", "blend": "blend (pooled)", "ease": EVIL}
FIRST = dt.date(2011, 6, 1)


def about(value: float, width: float = 0.02) -> Estimate:
    """A value with an interval."""
    return Estimate(value=value, low=value - width, high=value + width)


def market(code: str, customers: int = 900, name: str = "", windows: int = 6) -> MarketBacktest:
    """A market in which blend leads and reorder is in service."""
    level = {"reorder": 0.30, "blend": 0.34, "ease": 0.22}
    return MarketBacktest(
        market=code,
        name=name,
        customers=customers,
        in_service="reorder",
        means={key: dict.fromkeys(METRICS, about(v)) for key, v in level.items()},
        stability={key: about(0.7) for key in level},
        windows=tuple(
            WindowResult(
                key=key,
                cutoff=FIRST + dt.timedelta(days=28 * at),
                metrics=dict.fromkeys(METRICS, about(v + 0.01 * (at % 3))),
                stability=about(0.6 + 0.02 * at) if at else None,
            )
            for key, v in level.items()
            for at in range(windows)
        ),
        ages=tuple(
            Aged(key=key, age_days=age, ratio=about(1 - 0.001 * age), windows=windows)
            for key in level
            for age in (7, 28, 84)
        ),
        pairs=(
            Pair(one="blend", other="reorder", lift=about(0.1), p_value=0.0004),
            Pair(one="ease", other="reorder", lift=about(-0.2), p_value=0.01),
            Pair(one="blend", other="ease", lift=about(0.02), p_value=0.4),
        ),
    )


def instead(code: str, difference: Estimate) -> WhatIfMarket:
    """A market under another plan."""
    return WhatIfMarket(
        market=code,
        before="reorder (market)",
        windows=6,
        captured=120_000.0,
        instead=132_000.0,
        difference=difference,
        by_window={FIRST + dt.timedelta(days=28 * at): about(500.0 * at, 900) for at in range(6)},
    )


def backtested(**other: Any) -> BacktestResult:
    """A whole backtest."""
    values: dict[str, Any] = {
        "token": "2011-12-10-1a2b3c4d",
        "as_of": dt.date(2011, 12, 10),
        "snapshot": "a" * 64,
        "windows": tuple(FIRST + dt.timedelta(days=28 * at) for at in range(6)),
        "horizon_days": 28,
        "models": tuple(
            Contender(key=key, label=label, family=key, scope="market")
            for key, label in LABELS.items()
        ),
        "metrics": METRICS,
        "markets": (
            market("FR", name=EVIL),
            market("GB", 4000).model_copy(update={"skipped": {"ease": f"MemoryError: {EVIL}"}}),
        ),
        "pooled": market("all", 4900),
        "critical": CriticalDifference(
            metric="ndcg_at_10",
            ranks={"blend": 1.1, "reorder": 2.1, "ease": 2.8},
            distance=0.9,
            p_value=0.0001,
            markets=("FR", "GB"),
        ),
        "what_if": WhatIf(
            plan="blend (pooled)",
            since=FIRST,
            currency="GBP",
            total=instead("all", about(24_000.0, 9_000)),
            markets=(instead("FR", about(-100.0, 900)), instead("GB", about(24_100.0, 8_000))),
        ),
        "failed": {"PT": EVIL},
        "seconds": 312.4,
        "core_use": 0.86,
    }
    return BacktestResult(**{**values, **other})
