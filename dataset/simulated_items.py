"""The items of the simulated world: their lives, seasons, prices, and who likes them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from restock.dataset.simulator_parameters import Parameters

MARGIN = (0.25, 0.55)  # declared: costs are not in the sample
NOUNS = "CANDLE LAMP MUG BOWL FRAME CLOCK BAG BOX TIN HOOK SIGN PLATE CUSHION JAR PURSE TRAY"
COLOURS = "RED BLUE GREEN PINK WHITE BLACK IVORY SILVER RETRO VINTAGE SPOTTY STRIPED"

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Items:
    """One row per item. birth, death: days of the world, first with and first without it.

    season_of: 0 = none, else the month of the peak. taste: (tastes × items), rows sum to 1.
    partner: the item often taken with it, -1 = none. unit_cost: in the reporting currency.
    """

    ids: NDArray[np.object_]
    names: NDArray[np.object_]
    categories: NDArray[np.object_]
    birth: NDArray[np.int32]
    death: NDArray[np.int32]
    season_of: NDArray[np.int32]
    taste: Floats
    partner: NDArray[np.int32]
    list_price: Floats
    unit_cost: Floats
    log_quantity: Floats
    period: Floats
    loyalty: Floats


def draw_items(
    p: Parameters, items: int, begin: int, days: int, season: NDArray[np.float32], seed: int
) -> Items:
    """Draw the items. begin: the first visible day. season: factors (seasons × days)."""
    # a generator per attribute: one parameter changes no other attribute
    (r_birth, r_death, r_popular, r_season, r_range, r_likes, r_noise, r_price, r_amount, r_due) = (
        np.random.default_rng([seed, 1, n]) for n in range(10)
    )
    newcomers = r_birth.random(items) >= 1.0 / (1.0 + p.births_per_day * days)
    birth = np.where(newcomers, begin + r_birth.integers(0, days, items), 0)
    alive = np.maximum(birth, begin)  # what was there at the start had survived until then
    death = (alive + 1 + r_death.exponential(p.item_life, items)).clip(max=2**30)

    log_price = p.log_price + p.log_price_sd * r_price.standard_normal(items)
    list_price = np.maximum(np.round(np.exp(log_price), 2), 0.05)

    seasonal = r_season.random(items) < p.seasonal_share
    peaks = np.array(p.season_peak) / np.sum(p.season_peak)
    season_of = np.where(seasonal, 1 + r_season.choice(12, items, p=peaks), 0)
    place = r_popular.standard_normal(items)
    popularity = np.exp(place * np.where(place > 0, p.popularity_sd, p.rarity_sd))
    dear = list_price / np.exp(p.log_price)
    popularity = popularity * dear**-p.popularity_per_cheapness
    # in its weeks a season's item sells more than another, over the year less
    popularity = popularity / season.mean(axis=1)[season_of] ** 0.5

    range_of = r_range.choice(p.ranges, items, p=r_range.dirichlet(np.full(p.ranges, 3.0)))
    likes = gammaincinv(p.range_shape, r_likes.random((p.tastes, p.ranges))) / p.range_shape + 1e-3
    noise = np.exp(p.liking_sd * r_noise.standard_normal((p.tastes, items)))
    taste = popularity * likes[:, range_of] * noise

    own = p.item_quantity_sd * r_amount.standard_normal(items)
    ids, names = _names(range_of)
    return Items(
        ids=ids,
        names=names,
        categories=np.array([f"range {r:03d}" for r in range_of], dtype=object),
        birth=birth.astype(np.int32),
        death=death.astype(np.int32),
        season_of=season_of.astype(np.int32),
        taste=taste / taste.sum(axis=1, keepdims=True),
        partner=_partners(range_of, popularity),
        list_price=list_price,
        unit_cost=np.round(list_price * (1 - r_price.uniform(*MARGIN, items)), 4),
        log_quantity=p.log_quantity + p.price_slope * np.log(list_price) + own,
        period=p.period * np.exp(p.period_sd * r_due.standard_normal(items)),
        loyalty=dear**p.strength_per_price,
    )


def _names(range_of: NDArray[np.int64]) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Ids whose order is that of the numbers, and names."""
    width = max(5, len(str(range_of.size)))
    ids = [f"{n + 10**width // 10:0{width}d}" for n in range(range_of.size)]
    nouns, colours = NOUNS.split(), COLOURS.split()
    names = [
        f"{colours[n % len(colours)]} {nouns[r % len(nouns)]} No. {ids[n]}"
        for n, r in enumerate(range_of.tolist())
    ]
    return np.array(ids, dtype=object), np.array(names, dtype=object)


def _partners(range_of: NDArray[np.int64], popularity: NDArray[np.float64]) -> NDArray[np.int32]:
    """Pairs of neighbours in popularity within a range; -1 for the odd one of a range."""
    order = np.lexsort((-popularity, range_of))
    place = np.arange(order.size) - np.searchsorted(range_of[order], range_of[order])
    first = np.flatnonzero((place[:-1] % 2 == 0) & (range_of[order][:-1] == range_of[order][1:]))
    partner = np.full(order.size, -1, dtype=np.int32)
    partner[order[first]] = order[first + 1]
    partner[order[first + 1]] = order[first]
    return partner
