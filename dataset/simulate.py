"""A multi-country B2B world with known truth: ``simulate`` it whole or in chunks."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from restock.dataset.simulated_lines import SimulatedLines
from restock.dataset.simulated_markets import make_markets
from restock.dataset.simulated_world import Setting, build
from restock.dataset.simulator_parameters import Parameters, frozen
from restock.kernels.simulation import Lines, Needs, Scratch
from restock.kernels.simulation_lives import live

BLOCK = 4096  # customers drawn at once

Sizes = int | Sequence[int] | Mapping[str, int]
Currency = Literal["local", "reporting"]


def make_setting(
    *,
    markets: int = 40,
    customers: Sizes = 6000,
    items: int = 4000,
    days: int = 730,
    seed: int = 0,
    start: dt.date = dt.date(2024, 1, 1),
    currency: Currency = "local",
    stock_out: float = 0.02,
    parameters: Parameters | None = None,
) -> Setting:
    """The world that ``simulate`` with the same arguments runs: markets, items, tastes."""
    if items < 1 or days < 1:
        raise ValueError(f"a world needs items and days, not {items} items and {days} days")
    if not 0 <= stock_out < 1:
        raise ValueError(f"stock_out is a share of item-weeks in [0, 1), not {stock_out}")
    p = parameters or frozen()
    made = make_markets(p, markets, customers, local_currency=currency == "local")
    return build(p, made, items, start, days, seed, stock_out)


def simulate(
    *,
    markets: int = 40,
    customers: Sizes = 6000,
    items: int = 4000,
    days: int = 730,
    seed: int = 0,
    start: dt.date = dt.date(2024, 1, 1),
    currency: Currency = "local",
    stock_out: float = 0.02,
    parameters: Parameters | None = None,
) -> SimulatedLines:
    """Simulate all markets over ``days`` from ``start``; the defaults resemble Online Retail.

    customers: all of them, shared out by the fitted skew (9 in 10 in one market); or sizes
    in the order of markets; or ``{"FR": 2000, "DE": 500}``. A few never order in the window.
    currency: "local" prices in each market's currency, "reporting" in one. stock_out: share
    of item-weeks without stock. The seed decides everything; another market's size changes
    nothing in a market. Raises ValueError for sizes that cannot be.
    """
    setting = make_setting(
        markets=markets,
        customers=customers,
        items=items,
        days=days,
        seed=seed,
        start=start,
        currency=currency,
        stock_out=stock_out,
        parameters=parameters,
    )
    parts = list(_chunks(setting, 1 << 20))
    whole = Lines(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return SimulatedLines(whole, setting)


def _chunks(setting: Setting, chunk_lines: int) -> Iterator[Lines]:
    items = setting.item_ids.size
    needs, scratch = new_needs(items, 1), new_scratch(items)
    until = setting.world.burn + setting.days
    total = int(setting.offsets[-1])
    lines, n = new_lines(chunk_lines), 0
    for base in range(0, total, BLOCK):
        block = setting.customers(base, min(base + BLOCK, total))
        first = 0
        while True:
            first, n = live(setting.world, block, base, first, until, needs, scratch, lines, n)
            if first == block.key.size:
                break
            if n == 0:  # one customer fills more than a chunk
                lines = new_lines(2 * lines.item.size)
                continue
            yield Lines(*(column[:n].copy() for column in lines))
            n = 0
    yield Lines(*(column[:n] for column in lines))


def new_lines(size: int) -> Lines:
    """Room for order lines."""
    ints = (np.empty(size, np.int32) for _ in range(4))
    return Lines(*ints, np.empty(size, np.float32), np.empty(size))


def new_needs(slots: int, lists: int) -> Needs:
    """Empty lists of needs that share ``slots`` places."""
    return Needs(
        *(np.zeros(slots, np.int32) for _ in range(3)),
        *(np.zeros(slots, np.float32) for _ in range(2)),
        np.zeros(slots, np.int32),
        np.arange(slots - 1, -1, -1, dtype=np.int32),
        np.array([slots]),
        np.full(lists, -1, np.int32),
    )


def new_scratch(items: int) -> Scratch:
    """Work space for baskets of ``items`` items."""
    return Scratch(
        np.zeros(items, np.int32),
        np.full(items, -1, np.int32),
        np.zeros(items, bool),
        np.zeros(items),
        np.zeros(2, np.uint64),
    )
