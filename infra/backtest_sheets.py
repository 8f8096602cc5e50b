"""What the page of a backtest shows, ready to be put in place: words, numbers and drawings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from markupsafe import Markup

from restock.infra.night import Estimate

Compared = Literal["better", "worse", "even", "self"]


class Row(NamedTuple):
    """A model in a table. place: of its colour; values: one per metric of the sheet."""

    label: str
    family: str
    place: int
    values: Sequence[Estimate | None]
    stability: Estimate | None = None
    note: str = ""


class Cell(NamedTuple):
    """A model against another: the lift, and in words how sure that is."""

    state: Compared
    lift: str = ""
    words: str = ""


class Against(NamedTuple):
    """A model against all."""

    label: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Sheet:
    """A market, or all of them. charts: titles and drawings; short: what its heading says."""

    code: str
    name: str = ""
    short: str = ""
    note: str = ""
    metrics: Sequence[str] = ()
    rows: Sequence[Row] = ()
    charts: Sequence[tuple[str, Markup]] = ()
    matrix: Sequence[Against] = ()


class Instead(NamedTuple):
    """A market under another plan: money as text, and whether the difference is beyond noise."""

    market: str
    before: str
    windows: int
    captured: str
    instead: str
    difference: str
    state: Compared


class WhatIf(NamedTuple):
    """Had another plan been in service since some day."""

    title: str
    words: str
    currency: str
    chart: Markup
    rows: Sequence[Instead]


@dataclass(frozen=True)
class Page:
    """The whole page. cards: a number and its words; failures: where, what, why."""

    as_of: str
    token: str
    about: str
    pooled: Sheet
    sheets: Sequence[Sheet]
    cards: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    ranks: Markup | None = None
    ranks_words: str = ""
    what_if: WhatIf | None = None
    failures: Sequence[tuple[str, str, str]] = ()
