"""A multi-country B2B world with known truth: ``simulate`` it whole or in chunks."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from restock.dataset.interactions import Interactions
from restock.dataset.simulated_lines import (
    Exposed,
    seen_only,
    to_arrow,
    to_frame,
    to_interactions,
)
from restock.dataset.simulated_markets import make_markets
from restock.dataset.simulated_rooms import (
    first_lines,
    join_lines,
    new_lines,
    new_needs,
    new_scratch,
)
from restock.dataset.simulated_shop import Policy, open_shop
from restock.dataset.simulated_truth import Truth
from restock.dataset.simulated_world import Setting, build
from restock.dataset.simulator_parameters import Parameters, frozen
from restock.kernels.simulation import Lines
from restock.kernels.simulation_lives import live
from restock.kernels.simulation_shop import Response

BLOCK = 4096  # customers drawn at once
ATTENTION = tuple(round(0.85**place, 4) for place in range(20))

Sizes = int | Sequence[int] | Mapping[str, int]
Currency = Literal["local", "reporting"]


class Shoppers(NamedTuple):
    """How customers respond to what a policy shows them; see ``kernels.simulation_shop``.

    Declared, not fitted: the sample has no exposures.
    """

    browse: float = 0.05
    """Visits without an order, per business day and active customer."""
    attention: tuple[float, ...] = ATTENTION
    """Chance that a position is looked at; none is beyond the last."""
    effect: float = 0.15
    """Chance that a fully relevant item that is looked at is ordered because it was shown."""
    click: float = 0.3
    """Chance that a fully relevant item that is looked at and not ordered is clicked on."""
    half: float = 0.05
    """Intensity at which an item is half relevant."""

    def response(self) -> Response:
        """The same for the kernels. Raises ValueError for chances outside [0, 1]."""
        chances = (*self.attention, self.effect, self.click)
        if not (all(0 <= p <= 1 for p in chances) and self.browse >= 0 and self.half > 0):
            raise ValueError(f"chances lie in [0, 1], browse in [0, ∞), half above 0: {self}")
        attention = np.array(self.attention, dtype=np.float64)
        return Response(
            float(self.browse), attention, float(self.effect), float(self.click), float(self.half)
        )


@dataclass(frozen=True, eq=False)
class Simulation:
    """What was simulated: lines, what was shown, and the truth behind both.

    setting: the world. lines: arrays sorted by (customer, day, item), numbers of the setting.
    exposed: arrays, one row per shown item. policy: the name in the exposure log.
    """

    setting: Setting
    lines: Lines
    exposed: Exposed
    response: Response
    policy: str

    def __len__(self) -> int:
        return int(self.lines.item.size)

    @cached_property
    def orders(self) -> pd.DataFrame:
        """The order lines as a clean canonical frame (see ``restock.dataset.columns``)."""
        return to_frame(self.arrow())

    def arrow(self) -> pa.Table:
        """The same as an Arrow table, texts dictionary-encoded: fast, and small in Parquet."""
        return to_arrow(self.setting, self.lines)

    @cached_property
    def exposures(self) -> pd.DataFrame:
        """The exposure log (see ``restock.dataset.exposures``); without rows when none was."""
        return self.exposed.frame(self.setting, self.policy)

    def interactions(self, *, everyone: bool = False) -> Interactions:
        """What ``Interactions.from_frame(self.orders)`` gives, known to the end of the last day.

        everyone: under the catalogue of all customers and items, with or without a line, so
        that codes are the numbers that ``truth`` and policies use.
        """
        if everyone:
            return to_interactions(self.setting, self.lines, self.setting.days)
        return seen_only(self.setting, self.lines)

    @cached_property
    def truth(self) -> Truth:
        """What customers want, what they will buy, and what showing an item is worth."""
        return Truth(self.setting, self.lines, self.exposed, self.response)


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
    """The world that ``simulate`` runs for these arguments, which see there.

    Its arrays may be changed before ``run``: a price from a day on, the end of an item in one
    market, other tastes of newcomers. That is how drift with a known cause is made.
    """
    if items < 1 or days < 1:
        raise ValueError(f"a world needs items and days, not {items} items and {days} days")
    if not 0 <= stock_out < 1:
        raise ValueError(f"stock_out is a share of item-weeks in [0, 1), not {stock_out}")
    if currency not in ("local", "reporting"):
        raise ValueError(f"currency is local or reporting, not {currency!r}")
    p = parameters or frozen()
    made = make_markets(p, markets, customers, local_currency=currency == "local")
    return build(p, made, items, start, days, seed, stock_out)


def run(
    setting: Setting,
    *,
    policy: Policy | None = None,
    shoppers: Shoppers | None = None,
) -> Simulation:
    """Simulate a world; see ``simulate``."""
    parts = list(run_chunks(setting, policy=policy, shoppers=shoppers))
    lines = join_lines([part.lines for part in parts])
    exposed = Exposed.join([part.exposed for part in parts])
    return Simulation(setting, lines, exposed, parts[0].response, parts[0].policy)


def run_chunks(
    setting: Setting,
    *,
    policy: Policy | None = None,
    shoppers: Shoppers | None = None,
    chunk_lines: int = 1_000_000,
) -> Iterator[Simulation]:
    """Simulate a world in chunks; see ``simulate_chunks``."""
    response = (shoppers or Shoppers()).response()
    if policy is None:
        nothing = Exposed.join([])
        for lines in _plain(setting, chunk_lines):
            yield Simulation(setting, lines, nothing, response, "none")
        return
    name = str(getattr(policy, "name", getattr(policy, "__name__", type(policy).__name__)))
    for lines, exposed in open_shop(setting, policy, response):
        yield Simulation(setting, lines, exposed, response, name)


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
    policy: Policy | None = None,
    shoppers: Shoppers | None = None,
    parameters: Parameters | None = None,
) -> Simulation:
    """Simulate all markets over ``days`` from ``start``; the defaults resemble Online Retail.

    customers: all of them, shared out by the fitted skew (9 in 10 in one market); or sizes
    in the order of markets; or ``{"FR": 2000, "DE": 500}``. A few never order in the window.
    currency: prices in each market's "local" currency, or all in one "reporting" currency.
    stock_out: share of item-weeks without stock. policy: what is shown to those who visit (see
    ``simulated_shop.Situation``); it changes what they buy, not when they come. shoppers: how
    they respond. parameters: others than the frozen ones.

    The seed decides everything. A market's lines do not depend on the other markets, except
    that all share the items. Raises ValueError for sizes that cannot be.
    """
    setting = make_setting(
        markets=markets, customers=customers, items=items, days=days, seed=seed, start=start,
        currency=currency, stock_out=stock_out, parameters=parameters,
    )  # fmt: skip
    return run(setting, policy=policy, shoppers=shoppers)


def simulate_chunks(
    *,
    chunk_lines: int = 1_000_000,
    markets: int = 40,
    customers: Sizes = 6000,
    items: int = 4000,
    days: int = 730,
    seed: int = 0,
    start: dt.date = dt.date(2024, 1, 1),
    currency: Currency = "local",
    stock_out: float = 0.02,
    policy: Policy | None = None,
    shoppers: Shoppers | None = None,
    parameters: Parameters | None = None,
) -> Iterator[Simulation]:
    """The same world in chunks of whole customers, so that memory does not grow with lines.

    A chunk has at most ``chunk_lines`` lines, more only if one customer has more; with a policy
    a chunk is a market. All chunks together are what ``simulate`` gives, in the same order.
    """
    setting = make_setting(
        markets=markets, customers=customers, items=items, days=days, seed=seed, start=start,
        currency=currency, stock_out=stock_out, parameters=parameters,
    )  # fmt: skip
    yield from run_chunks(setting, policy=policy, shoppers=shoppers, chunk_lines=chunk_lines)


def _plain(setting: Setting, chunk_lines: int) -> Iterator[Lines]:
    if chunk_lines < 1:
        raise ValueError(f"a chunk has at least one line, not chunk_lines={chunk_lines}")
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
            if n == 0:  # one customer has more lines than a chunk
                lines = new_lines(2 * lines.item.size)
                continue
            yield first_lines(lines, n)
            n = 0
    yield first_lines(lines, n)
