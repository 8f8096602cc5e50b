"""Building the simulated world out of its parameters: clock, items, markets, customers."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from restock.dataset.catalogue import Catalogue
from restock.dataset.simulated_calendar import business_days, seasons
from restock.dataset.simulated_items import Items, draw_items
from restock.dataset.simulated_markets import Market
from restock.dataset.simulated_rooms import new_customers
from restock.dataset.simulator_parameters import Parameters
from restock.kernels.random import alias_tables, keys_below
from restock.kernels.simulation import Customers, Habits, World, draw_customers

BURN = 365  # days that customers of old lived before the first visible one
TAIL = 112  # days beyond the last visible one, so that the truth can look ahead
NICE = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 18, 20, 24, 25, 30, 36, 40, 48, 50, 60, 72, 80, 96)
MORE_NICE = (100, 120, 144, 192, 200, 240, 288, 300, 360, 400, 480, 500, 576, 600, 720, 1000)
ASSORTMENT = (0.6, 1.0)  # declared: share of the items that a market carries
LOCAL_SD = 0.5  # declared: sd of the log of how well an item sells in a market


@dataclass(frozen=True, eq=False)
class Setting:
    """A world and what its numbers stand for. Rows of ``world`` follow these tables' order."""

    world: World
    habits: Habits
    markets: list[Market]
    taste_mix: NDArray[np.float64]  # (markets, tastes), cumulative
    start: dt.date
    days: int
    item_ids: NDArray[np.object_]
    item_names: NDArray[np.object_]
    categories: NDArray[np.object_]
    unit_cost: NDArray[np.float64]  # (items), in the reporting currency

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each market's customers start in the numbering of all (markets + 1)."""
        return np.concatenate([[0], np.cumsum([market.customers for market in self.markets])])

    def customers(self, first: int, stop: int) -> Customers:
        """The customers ``first`` to ``stop`` of all, drawn afresh; the same at every call."""
        rows = new_customers(stop - first, self.tastes_each)
        offsets = self.offsets
        for market in range(len(self.markets)):
            a, b = max(first, offsets[market]), min(stop, offsets[market + 1])
            if a < b:
                part = Customers._make(column[a - first : b - first] for column in rows)
                tastes = self.taste_mix[market]
                draw_customers(
                    self.world, self.habits, market, int(a - offsets[market]), tastes, part
                )
        return rows

    def customer_ids(self, customers: NDArray[np.int32]) -> NDArray[np.object_]:
        """Ids of customers by number: the market's code and seven digits, in the same order."""
        market = np.searchsorted(self.offsets, customers, side="right") - 1
        within = customers - self.offsets[market]
        codes = [m.code for m in self.markets]
        ids = [f"{codes[m]}{n:07d}" for m, n in zip(market.tolist(), within.tolist(), strict=True)]
        return np.array(ids, dtype=object)

    def item_table(self, items: NDArray[np.integer], cost: NDArray[np.float64]) -> pa.Table:
        """The catalogue's table of these items."""
        texts = {"id": self.item_ids, "name": self.item_names, "category": self.categories}
        table = {name: pa.array(column[items], pa.string()) for name, column in texts.items()}
        return pa.table({**table, "unit_cost": pa.array(cost.astype(np.float32))})

    @cached_property
    def catalogue(self) -> Catalogue:
        """All customers and items, whether they order or not: code = number."""
        offsets = self.offsets
        everyone = np.arange(offsets[-1], dtype=np.int32)
        market = np.searchsorted(offsets, everyone, side="right") - 1
        rate = max(market.rate for market in self.markets)
        ids = pa.array(self.customer_ids(everyone), pa.string())
        cost = np.round(self.unit_cost * rate, 4)
        return Catalogue(
            customers=pa.table({"id": ids, "market": market.astype(np.int32)}),
            items=self.item_table(np.arange(self.item_ids.size), cost),
            markets=tuple(market.code for market in self.markets),
        )

    tastes_each: int = 1


def build(
    parameters: Parameters,
    markets: list[Market],
    items: int,
    start: dt.date,
    days: int,
    seed: int,
    stock_out: float,
) -> Setting:
    """Draw the world from its parameters. The seed decides; customers are drawn later."""
    p = parameters
    first, total = start - dt.timedelta(days=BURN), BURN + days + TAIL
    clock = np.concatenate([[0.0], np.cumsum(business_days(p, first, total))])
    season = seasons(p, first, total)
    drawn = draw_items(p, items, BURN, days, season, seed)
    local, taste_mix, keys = _localise(p, markets, items, seed)
    served = local * _alive_share(drawn, season, days)
    # numpy lays a large product out otherwise than a small one: kernels would be compiled twice
    taste = np.ascontiguousarray(drawn.taste)
    alias, other = alias_tables(taste)
    quarters = (np.arange(total) - BURN) // 91
    nice = np.array(NICE + MORE_NICE, dtype=np.float64)
    world = World(
        seed=np.uint64(seed),
        burn=BURN,
        market_key=keys,
        clock=np.tile(clock, (len(markets), 1)),
        price=np.array([[market.rate] for market in markets]) * (1.0 + p.inflation) ** quarters,
        local=local,
        accept=np.maximum(served @ drawn.taste.T, 1e-6),
        birth=np.tile(drawn.birth, (len(markets), 1)),
        death=np.tile(drawn.death, (len(markets), 1)),
        season=season,
        season_of=drawn.season_of,
        taste=taste.astype(np.float32),
        alias=alias,
        other=other,
        partner=drawn.partner,
        period=drawn.period.astype(np.float32),
        loyalty=drawn.loyalty.astype(np.float32),
        log_quantity=drawn.log_quantity.astype(np.float32),
        list_price=drawn.list_price,
        log_nice=np.log((nice[1:] + nice[:-1]) / 2),
        nice=nice.astype(np.float32),
        gap_shape=p.gap_shape,
        spread=p.spread,
        together=p.together,
        floor=p.floor,
        strength=p.strength,
        strength_per_gap=p.strength_per_gap,
        strength_per_narrowness=p.strength_per_narrowness,
        strength_shape=p.strength_shape,
        weakest=0.01 * p.strength,
        life=p.need_life,
        life_tail=p.life_tail,
        life_per_gap=p.life_per_gap,
        usual_gap=float(np.exp(p.log_gap)),
        usual_size=float(np.exp(p.log_size)),
        pair_sd=p.pair_sd,
        line_sd=p.line_sd,
        discount=p.discount,
        hour_mean=p.hour_mean,
        hour_sd=p.hour_sd,
        stock_out=float(stock_out),
    )
    habits = Habits(
        old_share=1.0 / (1.0 + p.newcomers_per_day * days),
        days=days,
        log_gap=p.log_gap,
        log_gap_sd=p.log_gap_sd,
        lapse_a=p.lapse_a,
        lapse_b=p.lapse_b,
        log_size=p.log_size,
        log_size_sd=p.log_size_sd,
        reorder_shape=p.reorder_shape,
        level_sd=p.level_sd,
        key_share=p.key_share,
        key_level=p.key_level,
        key_haste=p.key_haste,
        level_per_size=p.level_per_size,
        focus=p.focus,
    )
    return Setting(
        world=world,
        habits=habits,
        markets=markets,
        taste_mix=taste_mix,
        start=start,
        days=days,
        item_ids=drawn.ids,
        item_names=drawn.names,
        categories=drawn.categories,
        unit_cost=drawn.unit_cost,
        tastes_each=p.tastes_each,
    )


def _localise(
    p: Parameters, markets: list[Market], items: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.uint64]]:
    """Each market's assortment, mix of tastes and key: functions of its code alone."""
    local = np.zeros((len(markets), items), dtype=np.float32)
    taste_mix = np.zeros((len(markets), p.tastes))
    keys = np.zeros(len(markets), dtype=np.uint64)
    for row, market in enumerate(markets):
        name = int.from_bytes(market.code.encode(), "big")
        random = np.random.default_rng([seed, 2, name])
        carried = random.random(items) < random.uniform(*ASSORTMENT)
        carried[random.integers(items)] = True
        weight = np.exp(-np.abs(LOCAL_SD * random.standard_normal(items)))
        local[row] = carried * weight
        taste_mix[row] = np.cumsum(random.dirichlet(np.full(p.tastes, 2.0)))
        taste_mix[row, -1] = 1.0
        high, low = divmod(name, 1 << 32)
        keys[row] = keys_below(keys_below(np.array([seed], np.uint64), high), low)[0]
    return local, taste_mix, keys


def _alive_share(drawn: Items, season: NDArray[np.float32], days: int) -> NDArray[np.float32]:
    """How much of the visible time an item can be had, in its season (float32, items)."""
    sample = np.linspace(BURN, BURN + days - 1, min(days, 26)).astype(np.int64)
    there = (drawn.birth[:, None] <= sample) & (sample < drawn.death[:, None])
    return (there * season[:, sample][drawn.season_of]).mean(axis=1).astype(np.float32)
