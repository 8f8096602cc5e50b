"""What a candidate costs before it runs: seconds from the size of the data and its configuration.

Right within a factor of about two, which is enough to pack work, to divide a budget and to take
the cheaper of two equals; deterministic, so that what rests on it is the same everywhere.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from restock.dataset import Interactions
from restock.models import Candidate
from restock.models.candidate import PRIOR
from restock.models.registry import model_class
from restock.tuning.trials import Rung

Configuration = Mapping[str, Any]


class Size(BaseModel):
    """How much there is to fit on: order lines, customers with lines, items sold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lines: int = Field(ge=0)
    customers: int = Field(ge=0)
    items: int = Field(ge=0)


def together(sizes: Iterable[Size]) -> Size:
    """Markets that are fitted on together; they sell about the same items."""
    known = list(sizes)
    return Size(
        lines=sum(size.lines for size in known),
        customers=sum(size.customers for size in known),
        items=max((size.items for size in known), default=0),
    )


def sizes_by_market(interactions: Interactions) -> dict[str, Size]:
    """How much there is of every market that has a line."""
    catalogue, n_items = interactions.catalogue, max(interactions.n_items, 1)
    n = len(catalogue.markets)
    lines = np.bincount(interactions.market, minlength=n)
    customers = np.bincount(catalogue.customer_market[interactions.customers], minlength=n)
    pairs = np.unique(interactions.market.astype(np.int64) * n_items + interactions.item)
    items = np.bincount(pairs // n_items, minlength=n)
    return {
        market: Size(lines=int(lines[at]), customers=int(customers[at]), items=int(items[at]))
        for at, market in enumerate(catalogue.markets)
        if lines[at]
    }


def seconds(
    candidate: Candidate, size: Size, *, rung: Rung | None = None, windows: int = 1
) -> float:
    """CPU seconds of fitting a candidate and of the lists of the judged customers, all windows.

    size: what it is fitted on: all markets' lines for a pooled candidate. rung: less than the
    whole, of the customers and of the training effort. What trials share is not taken off.
    """
    config = {**_defaults(candidate.name), **candidate.config}
    share = rung.customers if rung else 1.0
    effort = model_class(candidate.name).effort
    if rung and effort:
        config[effort] = max(1.0, config[effort] * rung.effort)
    shape = _Shape.of(size, share)
    cost = _cost(candidate.name, config, shape)
    if candidate.scope == "prior":
        cost += PER_CELL["prior"] * shape.cells
    return windows * (PER_WINDOW + cost)


PER_WINDOW = 0.005
"""Folds, metrics and the lift of one trial on one window."""
JUDGED = 0.25
"""Share of the customers who order in a window of four weeks, and are judged."""

# Seconds per unit of growth, on one core of a 2020s server. Measured as process time of
# ``create(name, **config).fit(fold.train)`` and ``recommend(fold.customers, 50)`` on the newest
# fold of 28 days of FR (11,700 lines), of a 15 % sample of customers (111,000) and of all of
# Online Retail (704,000), with configurations that vary what the formulas name.
PER_LINE = {"popular": 4e-8, "reorder": 3e-8, "tifu_knn": 1.2e-7, "up_cf": 1.2e-7}
PER_CELL = {"popular": 2e-9, "reorder": 1.4e-9, "tifu_knn": 5e-9, "prior": 3e-9, "hybrid": 3e-9}
"""Per judged customer and item: scores and their ten best."""
PAIRS = {"item_knn": (5e-9, 2e-9), "sar": (5e-9, 5e-9)}
"""Per pair of items, and per line and line of the same customer: counting what goes together."""
HEARD = {"item_knn": 1e-9, "sar": 1e-9, "tifu_knn": 8e-10}
"""Per judged customer, item bought and neighbour."""
CUSTOMER_PAIRS, CUSTOMER_NEIGHBOURS = 1.8e-9, 6e-8
EASE_CUBE = 1.8e-11
ALS_FLOP, ALS_SCORE = 3.7e-11, 1e-10
GRU_START, GRU_CELL, GRU_UNIT, GRU_LINE = 0.03, 1e-8, 4e-10, 5e-7
WIDE_LINE, WIDE_ROW, WIDE_UNIT, WIDE_SCORE = 2.8e-6, 1.7e-7, 1.05e-8, 1.3e-9
TREES_START, TREE_ROW = 0.3, 1.5e-7


class _Shape(NamedTuple):
    """A size as floats, and what follows from it."""

    lines: float
    customers: float
    items: float
    each: float
    """Lines per customer."""
    judged: float
    cells: float
    """Judged customers × items."""

    @classmethod
    def of(cls, size: Size, share: float) -> "_Shape":
        lines, customers = size.lines * share, max(size.customers * share, 1.0)
        items = max(min(float(size.items), lines), 1.0)
        judged = JUDGED * customers
        return cls(lines, customers, items, lines / customers, judged, judged * items)


def _cost(name: str, config: Configuration, shape: _Shape) -> float:
    """Seconds of one fit and its lists; a model that is not listed costs as much as item_knn."""
    return _COST.get(name, _item_knn)(config, shape)


@cache
def _defaults(name: str) -> dict[str, Any]:
    return model_class(name).config_class().model_dump(mode="json")


def _plain(name: str) -> Callable[[Configuration, _Shape], float]:
    def cost(config: Configuration, s: _Shape) -> float:
        return PER_LINE[name] * s.lines + PER_CELL[name] * s.cells

    return cost


def _item_knn(config: Configuration, s: _Shape) -> float:
    neighbours = min(config.get("neighbours") or s.items, s.items)
    return _together("item_knn", s) + HEARD["item_knn"] * s.judged * s.each * neighbours


def _sar(config: Configuration, s: _Shape) -> float:
    neighbours = min(config["neighbours"] or s.items, s.items)
    return _together("sar", s) + HEARD["sar"] * s.judged * s.each * neighbours


def _together(name: str, s: _Shape) -> float:
    of_items, of_lines = PAIRS[name]
    cells = PER_CELL["popular"] * s.cells
    return of_items * s.items**2 + of_lines * s.lines * s.each + cells


def _similar_customers(config: Configuration, s: _Shape) -> float:
    neighbours = min(config["neighbours"], s.customers)
    fit = PER_LINE["tifu_knn"] * s.lines + CUSTOMER_PAIRS * s.lines**2 / s.items
    fit += CUSTOMER_NEIGHBOURS * s.customers * neighbours
    heard = HEARD["tifu_knn"] * s.judged * s.each * neighbours
    return fit + heard + PER_CELL["tifu_knn"] * s.cells


def _ease(config: Configuration, s: _Shape) -> float:
    neighbours = min(config["neighbours"], s.items)
    heard = HEARD["item_knn"] * s.judged * s.each * neighbours
    return EASE_CUBE * s.items**3 + _together("item_knn", s) + heard


def _als(config: Configuration, s: _Shape) -> float:
    k = config["factors"]
    flops = s.lines * 16 * k + (s.customers + s.items) * 8 * k**2
    scores = (PER_CELL["tifu_knn"] + ALS_SCORE * k) * s.cells
    return float(ALS_FLOP * config["iterations"] * flops + scores)


def _recurrent(config: Configuration, s: _Shape) -> float:
    questions = config["windows"] * s.judged
    epoch = questions * s.items * (GRU_CELL + GRU_UNIT * config["width"])
    scores = (PER_CELL["tifu_knn"] + ALS_SCORE * config["width"]) * s.cells
    return float(GRU_START + GRU_LINE * s.lines + config["epochs"] * epoch + scores)


def _wide_deep(config: Configuration, s: _Shape) -> float:
    customers = 1.6 * s.judged  # more than are judged: cut-offs near the busiest weeks
    rows = config["cutoffs"] * customers * config["purchases"] * (1 + 2 * config["negatives"])
    epoch = rows * (WIDE_ROW + WIDE_UNIT * config["hidden"])
    scores = WIDE_SCORE * config["hidden"] * s.cells
    return float(WIDE_LINE * s.lines + config["epochs"] * epoch + scores)


def _rerank(config: Configuration, s: _Shape) -> float:
    cutoffs, members = config["cutoffs"], config["members"]
    proposed = config["proposals"] * len(members) * s.customers
    rows = JUDGED * cutoffs * (0.6 * s.lines + proposed)
    trees = TREES_START + TREE_ROW * rows * config["trees"]
    return float((cutoffs + 1) * _members(members, s) + trees)


def _hybrid(config: Configuration, s: _Shape) -> float:
    members = config.get("members") or config.get("stages") or (config["member"],)
    return _members(members, s) + len(members) * PER_CELL["hybrid"] * s.cells


def _members(members: Any, s: _Shape) -> float:
    """The members, as configurations or as plain data."""
    plain = [one if isinstance(one, Mapping) else one.model_dump(mode="json") for one in members]
    return sum(
        _cost(one["name"], {**_defaults(one["name"]), **one.get("config", {})}, s) for one in plain
    )


_COST: dict[str, Callable[[Configuration, _Shape], float]] = {
    "popular": _plain("popular"),
    "reorder": _plain("reorder"),
    "item_knn": _item_knn,
    "sar": _sar,
    "tifu_knn": _similar_customers,
    "up_cf": _similar_customers,
    "ease": _ease,
    "als": _als,
    "gru": _recurrent,
    "lstm": _recurrent,
    "wide_deep": _wide_deep,
    "blend": _hybrid,
    "rerank": _rerank,
    "cascade": _hybrid,
    "switch": _hybrid,
    PRIOR: _hybrid,
}
