"""Building the simulated world: items with their lives, prices and seasons; tastes; markets."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restock.dataset.simulated_calendar import business_days, seasons
from restock.dataset.simulated_markets import Market
from restock.dataset.simulator_parameters import Parameters
from restock.kernels.random import mix
from restock.kernels.simulation import Customers, Habits, World, draw_customers

BURN = 365  # days that customers of old lived before the first visible one
TAIL = 112  # days beyond the last visible one, so that the truth can look ahead
NICE = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 18, 20, 24, 25, 30, 36, 40, 48, 50, 60, 72, 80, 96)
MORE_NICE = (100, 120, 144, 192, 200, 240, 288, 300, 360, 400, 480, 500, 576, 600, 720, 1000)
MARGIN = (0.25, 0.55)  # declared: costs are not in the sample
ASSORTMENT = (0.6, 1.0)  # declared: share of the items that a market carries
LOCAL_SD = 0.5  # declared: sd of the log of how well an item sells in a market

NOUNS = ("CANDLE LAMP MUG BOWL FRAME CLOCK BAG BOX TIN HOOK SIGN PLATE CUSHION GARLAND BUNTING "
         "JAR NOTEBOOK PURSE TRAY MAGNET UMBRELLA DOILY TEAPOT CAKE-STAND").split()  # fmt: skip
COLOURS = "RED BLUE GREEN PINK WHITE BLACK IVORY SILVER RETRO VINTAGE SPOTTY STRIPED".split()


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
        rows = stop - first
        each = self.tastes_each
        blank = Customers(
            np.zeros(rows, np.int32),
            np.zeros(rows, np.uint64),
            *(np.zeros(rows) for _ in range(6)),
            np.zeros((rows, each), np.int32),
            np.zeros((rows, each)),
        )
        offsets = self.offsets
        for market in range(len(self.markets)):
            a, b = max(first, offsets[market]), min(stop, offsets[market + 1])
            if a < b:
                part = Customers(*(column[a - first : b - first] for column in blank))
                tastes = self.taste_mix[market]
                draw_customers(
                    self.world, self.habits, market, int(a - offsets[market]), tastes, part
                )
        return blank

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
    random = np.random.default_rng([seed, 1])
    total = BURN + days + TAIL
    calendar = business_days(p, start - dt.timedelta(days=BURN), total)
    clock = np.concatenate([[0.0], np.cumsum(calendar)])
    season = seasons(p, start - dt.timedelta(days=BURN), total)

    old = 1.0 / (1.0 + p.births_per_day * days)
    newcomers = random.random(items) >= old
    birth = np.where(newcomers, BURN + random.integers(0, days, items), 0).astype(np.int32)
    alive = np.maximum(birth, BURN)  # what was there at the start had survived until then
    death = (alive + 1 + random.exponential(p.item_life, items)).clip(max=2**30).astype(np.int32)
    popularity = np.exp(p.popularity_sd * random.standard_normal(items))
    seasonal = random.random(items) < p.seasonal_share
    peaks = np.array(p.season_peak) / np.sum(p.season_peak)
    season_of = np.where(seasonal, 1 + random.choice(12, items, p=peaks), 0).astype(np.int32)
    # a season's item sells as much in its weeks as another in a year
    popularity = popularity / season.mean(axis=1)[season_of] ** 0.5

    range_size = random.dirichlet(np.full(p.ranges, 3.0))
    range_of = random.choice(p.ranges, items, p=range_size)
    likes = random.gamma(p.range_shape, 1 / p.range_shape, (p.tastes, p.ranges)) + 1e-3
    noise = np.exp(p.liking_sd * random.standard_normal((p.tastes, items)))
    taste = popularity * likes[:, range_of] * noise
    taste /= taste.sum(axis=1, keepdims=True)
    alias, other = _alias_tables(taste)

    log_price = p.log_price + p.log_price_sd * random.standard_normal(items)
    list_price = np.maximum(np.round(np.exp(log_price), 2), 0.05)
    margin = random.uniform(*MARGIN, items)
    own = p.item_quantity_sd * random.standard_normal(items)
    log_quantity = p.log_quantity + p.price_slope * np.log(list_price) + own
    nice = np.array(NICE + MORE_NICE, dtype=np.float64)

    local, taste_mix, keys = _localise(p, markets, items, seed)
    alive_share = _alive_share(birth, death, season, season_of, days)
    world = World(
        seed=np.uint64(seed),
        burn=BURN,
        market_key=keys,
        clock=np.tile(clock, (len(markets), 1)),
        rate=np.array([market.rate for market in markets]),
        local=local,
        accept=np.maximum((local * alive_share) @ taste.T.astype(np.float32), 1e-6).astype(float),
        birth=birth,
        death=death,
        season=season,
        season_of=season_of,
        taste=taste.astype(np.float32),
        alias=alias,
        other=other,
        period=(p.period * np.exp(p.period_sd * random.standard_normal(items))).astype(np.float32),
        log_quantity=log_quantity.astype(np.float32),
        list_price=list_price,
        log_nice=np.log((nice[1:] + nice[:-1]) / 2),
        nice=nice.astype(np.float32),
        gap_shape=p.gap_shape,
        spread=p.spread,
        floor=p.floor,
        strength=p.strength,
        strength_shape=p.strength_shape,
        weakest=0.01 * p.strength,
        life=p.need_life,
        pair_sd=p.pair_sd,
        line_sd=p.line_sd,
        inflation=p.inflation,
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
        focus=p.focus,
    )
    width = max(5, len(str(items)))
    ids = [f"{n + 10**width // 10:0{width}d}" for n in range(items)]
    names = [
        f"{COLOURS[n % len(COLOURS)]} {NOUNS[range_of[n] % len(NOUNS)]} No. {ids[n]}"
        for n in range(items)
    ]
    return Setting(
        world=world,
        habits=habits,
        markets=markets,
        taste_mix=taste_mix,
        start=start,
        days=days,
        item_ids=np.array(ids, dtype=object),
        item_names=np.array(names, dtype=object),
        categories=np.array([f"range {r:03d}" for r in range_of], dtype=object),
        unit_cost=np.round(list_price * (1 - margin), 4),
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
        keys[row] = mix(mix(np.uint64(seed), name >> 32), name & 0xFFFFFFFF)
    return local, taste_mix, keys


def _alive_share(
    birth: NDArray[np.int32],
    death: NDArray[np.int32],
    season: NDArray[np.float32],
    season_of: NDArray[np.int32],
    days: int,
) -> NDArray[np.float32]:
    """How much of the visible time an item can be had, in its season (float32, items)."""
    sample = np.linspace(BURN, BURN + days - 1, min(days, 26)).astype(np.int64)
    there = (birth[:, None] <= sample) & (sample < death[:, None])
    return (there * season[:, sample][season_of]).mean(axis=1).astype(np.float32)


def _alias_tables(taste: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Walker's alias tables of the rows, so that a draw takes one uniform number and one look-up."""
    rows, items = taste.shape
    alias = np.ones((rows, items), dtype=np.float32)
    other = np.tile(np.arange(items, dtype=np.int32), (rows, 1))
    for row in range(rows):
        scaled = taste[row] * items
        small = [int(n) for n in np.flatnonzero(scaled < 1)]
        large = [int(n) for n in np.flatnonzero(scaled >= 1)]
        while small and large:
            low, high = small.pop(), large[-1]
            alias[row, low], other[row, low] = scaled[low], high
            scaled[high] -= 1 - scaled[low]
            if scaled[high] < 1:
                small.append(large.pop())
    return alias, other
