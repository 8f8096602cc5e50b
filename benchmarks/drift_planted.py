"""Simulated markets whose world moves on a known day for a known reason."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from restock.benchmarks.drift_faults import FAULTS, broken, dearer, keep
from restock.dataset import Interactions
from restock.dataset.interactions import minute_of
from restock.dataset.simulate import make_setting, run
from restock.dataset.simulated_world import BURN, Setting
from restock.monitoring.findings import Cause

CAUSES: tuple[Cause, ...] = (
    "new assortment", "price shock", "lost supplier", "new customers", "broken feed",
)  # fmt: skip
WITHIN = 28
"""Days within which a shock is to be found."""
SIZES = (800, 2000)
"""Customers of simulated markets: some 150 and 400 of them order in 28 days."""
FIRST = 560
"""Shocks begin within the year from this day on."""
MARKET, DONOR = "FR", "GB"


@dataclass(frozen=True, eq=False)
class Shocked:
    """Orders of a market, drifted from ``onset`` on. quarantined: lines set aside by day."""

    cause: Cause
    kind: str
    onset: dt.date
    interactions: Interactions
    market: str
    quarantined: pd.Series | None = None


def simulated(cause: Cause, seed: int) -> Iterator[Shocked]:
    """A shock in a market of each size."""
    for size in SIZES:
        rng = np.random.default_rng([seed, size, CAUSES.index(cause)])
        onset = FIRST + int(rng.integers(365))
        days = onset + WITHIN
        sizes = {MARKET: size, DONOR: 4 * size} if cause == "new customers" else {MARKET: size}
        setting = make_setting(customers=sizes, days=days, seed=seed)
        day = setting.start + dt.timedelta(days=onset)
        home = [market.code for market in setting.markets].index(MARKET)
        kind, aside = "", None
        if cause == "new assortment":
            carried = np.flatnonzero(setting.world.local[home] > 0)
            new = rng.choice(carried, int(0.15 * carried.size), replace=False)
            setting.world.birth[home, new] = BURN + onset
        elif cause == "lost supplier":
            gone = _block(setting, home, onset, rng.uniform(0.1, 0.2), rng)
            death = setting.world.death[home]
            death[gone] = np.minimum(death[gone], BURN + onset)
        elif cause == "price shock":
            kind = ("all", "category")[seed % 2]
            if kind == "all":
                setting.world.price[home, BURN + onset :] *= 1 + rng.uniform(0.1, 0.3)
        elif cause == "new customers":
            _other_tastes(setting, home, rng)
        orders = run(setting).interactions()
        if cause == "price shock" and kind == "category":
            orders = dearer(orders, day, _category(orders, rng), 1 + rng.uniform(0.1, 0.3))
        if cause == "new customers":
            orders = _newcomers_of(orders, DONOR, day)
        if cause == "broken feed":
            kind = FAULTS[seed % len(FAULTS)]
            orders, aside = broken(orders, MARKET, day, kind, rng)
        yield Shocked(cause, kind, day, orders, MARKET, aside)


def _block(
    setting: Setting, home: int, onset: int, part: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Items with this part of the lines of the 90 days before the onset."""
    lines = run(setting).lines
    recent = (lines.day < onset) & (lines.day >= onset - 90)
    sold = np.bincount(lines.item[recent], minlength=setting.item_ids.size)
    items = rng.permutation(np.flatnonzero(sold))
    return items[: int(np.searchsorted(np.cumsum(sold[items]), part * sold.sum())) + 1]


def _other_tastes(setting: Setting, home: int, rng: np.random.Generator) -> None:
    """Let the other market have the same assortment, and two tastes only."""
    other = 1 - home
    setting.world.local[other] = setting.world.local[home]
    setting.world.accept[other] = setting.world.accept[home]
    setting.world.price[other] = setting.world.price[home]
    liked = rng.choice(setting.taste_mix.shape[1], 2, replace=False)
    weights = np.full(setting.taste_mix.shape[1], 0.0)
    weights[liked] = 0.5
    setting.taste_mix[other] = np.cumsum(weights)


def _newcomers_of(orders: Interactions, other: str, day: dt.date) -> Interactions:
    """The market's customers, and those of another whose first order is not before a day."""
    home = orders.catalogue.customer_market
    first = np.full(orders.n_customers, np.iinfo(np.int32).max, dtype=np.int64)
    np.minimum.at(first, orders.customer, orders.minute)
    stays = home == orders.catalogue.market_code(MARKET)
    comes = (home == orders.catalogue.market_code(other)) & (first >= minute_of(day))
    customers = orders.catalogue.customers
    moved = np.where(comes, orders.catalogue.market_code(MARKET), home).astype(np.int32)
    table = pa.table({"id": customers["id"], "market": moved})
    kept = keep(orders, (stays | comes)[orders.customer])
    return replace(kept, catalogue=replace(orders.catalogue, customers=table))


def _category(orders: Interactions, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Items of one of the ten best-selling categories (bool, items)."""
    codes = pd.factorize(orders.catalogue.items["category"].to_pandas(), sort=True)[0]
    largest = np.argsort(-np.bincount(codes[orders.item]))[:10]
    return np.asarray(codes == rng.choice(largest))
