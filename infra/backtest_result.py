"""The record of one backtest: what every model was worth in every market and window."""

import datetime as dt
from typing import Literal

from pydantic import Field

from restock.infra.night import Estimate
from restock.infra.records import Record


class Contender(Record):
    """A model that was judged: key and label of its candidate, family (its name), scope."""

    key: str
    label: str
    family: str
    scope: str


class WindowResult(Record):
    """A model on one window. metrics: name → mean with its interval, by customer.

    stability: share of a customer's list that was on it a window before; None on the first.
    """

    key: str
    cutoff: dt.date
    metrics: dict[str, Estimate]
    stability: Estimate | None = None


class Aged(Record):
    """A model fitted some days before the cut-off.

    ratio: of its metric to that of the model fitted at the cut-off, on the same folds.
    """

    key: str
    age_days: int
    ratio: Estimate
    windows: int


class Pair(Record):
    """A model against another on the same customers: ``one`` over ``other``.

    lift: ratio of the objective minus 1; p_value: two-sided, by Holm over all pairs.
    """

    one: str
    other: str
    lift: Estimate
    p_value: float


class MarketBacktest(Record):
    """One market, or all of them together (``market`` is "all").

    customers: distinct judged ones; in_service: key of the plan in service, if it was judged;
    means: key → metric → mean over all windows; stability: the same over all windows; skipped:
    key → why it was not judged here.
    """

    market: str
    name: str
    customers: int
    in_service: str = ""
    means: dict[str, dict[str, Estimate]] = Field(default_factory=dict)
    stability: dict[str, Estimate] = Field(default_factory=dict)
    windows: tuple[WindowResult, ...] = ()
    ages: tuple[Aged, ...] = ()
    pairs: tuple[Pair, ...] = ()
    skipped: dict[str, str] = Field(default_factory=dict)
    note: str = ""


class CriticalDifference(Record):
    """Mean ranks over markets. distance: how far apart two of them must be at 5 %, by Nemenyi;
    p_value: of all models being equal, by Friedman; markets: that had enough customers."""

    metric: str
    ranks: dict[str, float]
    distance: float | None
    p_value: float | None
    markets: tuple[str, ...]


class WhatIfMarket(Record):
    """A market under another plan: captured money by both plans, and the difference."""

    market: str
    before: str
    windows: int
    captured: float
    instead: float
    difference: Estimate
    by_window: dict[dt.date, Estimate] = Field(default_factory=dict)


class WhatIf(Record):
    """Had ``plan`` been in service since a day. Money in the reporting currency."""

    plan: str
    since: dt.date
    currency: str
    total: WhatIfMarket
    markets: tuple[WhatIfMarket, ...]


class BacktestResult(Record):
    """A whole backtest. token: names it, for ``--resume`` too; seconds: wall time, all of it.

    core_use: CPU seconds of workers and of the flow / (cores × wall seconds). failed: market → why.
    """

    schema_version: Literal[1] = 1
    token: str
    as_of: dt.date
    snapshot: str
    windows: tuple[dt.date, ...]
    horizon_days: int
    models: tuple[Contender, ...]
    metrics: tuple[str, ...]
    markets: tuple[MarketBacktest, ...]
    pooled: MarketBacktest
    critical: CriticalDifference | None = None
    what_if: WhatIf | None = None
    failed: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    core_use: float | None = None
    report: str = ""
