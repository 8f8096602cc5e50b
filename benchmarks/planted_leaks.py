"""Twenty ways to know the future, each in a few lines, and the same lines without it.

Every build here lists five items for each customer, by a score of its own. With ``leaky`` it
makes one mistake that was made somewhere before; without, it is right. The leak test must find
every mistake, and say nothing of its twin: so an alarm is of the mistake and of nothing else.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from restock.benchmarks.planted_shop import (
    FloatArray,
    Lists,
    by_item,
    known_and_later,
    known_rows,
    lines_of_items,
    list_by,
    list_of_model,
)
from restock.dataset import Interactions, read_orders
from restock.dataset import columns as c
from restock.dataset.interactions import minute_of
from restock.evaluation.leaks import World

ZONE_HOURS = 5


@dataclass(frozen=True)
class Planted:
    """A build with one mistake, or with none."""

    kind: str
    leaky: bool = True

    def __call__(self, world: World, cutoff: dt.date) -> Lists:
        """Customer id → five items with their scores."""
        return KINDS[self.kind](world, cutoff, self.leaky)


# cuts in time -------------------------------------------------------------------------------
def fitted_later(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """One fit on everything, asked at an earlier day."""
    orders = known_and_later(world, cutoff)
    train = orders.before(cutoff)
    return list_of_model("reorder", orders if leaky else train, train)


def tie_at_cutoff(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """``<=`` where ``<`` belongs: the first minute of the new day is known."""
    orders = known_and_later(world, cutoff)
    train = orders.before(cutoff)
    seen = orders._select(orders.minute <= minute_of(cutoff)) if leaky else train
    return list_by(train, 1.0 + lines_of_items(seen))


def zone_shift(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """The cut-off is midnight in another time zone, some hours later."""
    orders = known_and_later(world, cutoff)
    train = orders.before(cutoff)
    end = minute_of(cutoff) + (60 * ZONE_HOURS if leaky else 0)
    return list_by(train, 1.0 + lines_of_items(orders._select(orders.minute < end)))


def window_from_the_end(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """What sold lately, counted back from the last line of the file."""
    orders = known_and_later(world, cutoff)
    train = orders.before(cutoff)
    end = int(orders.minute.max()) if leaky else train.as_of
    recent = train._select(train.minute >= end - 120 * 1440)
    return list_by(train, 1.0 + lines_of_items(recent))


def duplicates(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """Repeated lines are dropped before the cut, and the last one stays."""
    orders = known_and_later(world, cutoff)
    train = orders.before(cutoff)
    whole = orders if leaky else train
    key = whole.customer.astype(np.int64) * whole.n_items + whole.item
    newest = np.lexsort((-whole.minute, key))
    first = np.ones(key.size, dtype=bool)
    first[1:] = key[newest][1:] != key[newest][:-1]
    stays = np.zeros(key.size, dtype=bool)
    stays[newest[first]] = True
    stays &= whole.minute < minute_of(cutoff)
    return list_by(train, 1.0 + lines_of_items(whole._select(stays)))


# numbers learned over the whole file ------------------------------------------------------------
def encoder(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """Items encoded by their rank in the catalogue's popularity, fitted on everything."""
    orders = known_and_later(world, cutoff)
    train = orders.before(cutoff)
    rank = np.argsort(np.argsort(-lines_of_items(orders if leaky else train), kind="stable"))
    return list_by(train, 1.0 / (2.0 + rank))


def normalisation(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """Amounts scaled by a mean and a deviation of the whole file."""
    orders = known_and_later(world, cutoff)
    train = orders.before(cutoff)
    values = (orders if leaky else train).value.astype(np.float64)
    scaled = (train.value - values.mean()) / values.std()
    spent = np.bincount(train.item, 1.0 / (1.0 + np.exp(-scaled)), minlength=train.n_items)
    return list_by(train, 1.0 + spent)


def target_encoding(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """An item's mean of the very answer: was it bought again in the four weeks after?"""
    orders = known_and_later(world, cutoff)
    train = orders.before(cutoff)
    start = cutoff if leaky else cutoff - dt.timedelta(days=28)
    window = orders.between(start, start + dt.timedelta(days=28))
    before = orders.before(start)
    return list_by(train, (1.0 + lines_of_items(window)) / (10.0 + lines_of_items(before)))


def neighbours(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """Items that are bought together, some of them after the cut-off."""
    orders = known_and_later(world, cutoff)
    train = orders.before(cutoff)
    return list_by(train, 1.0 + _together(orders if leaky else train))


def _together(orders: Interactions) -> FloatArray:
    """With how many other items each item shares customers (float64, items)."""
    bought = np.zeros((orders.n_customers, orders.n_items))
    bought[orders.customer, orders.item] = 1.0
    found: FloatArray = ((bought.T @ bought) > 1).sum(axis=0).astype(np.float64)
    return found


def early_stopping(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """The number of rounds is that with the least error on the weeks to be foreseen."""
    orders = known_and_later(world, cutoff)
    train = orders.before(cutoff)
    start = cutoff if leaky else cutoff - dt.timedelta(days=28)
    fit = orders.before(start)
    aim = lines_of_items(orders.between(start, start + dt.timedelta(days=28)))
    share, aim = lines_of_items(fit) / len(fit), aim / max(aim.sum(), 1.0)
    weight = best = (share > 0) / (share > 0).sum()
    least = np.inf
    for _ in range(200):
        weight = weight + 0.05 * (share - weight)
        error = float(((weight - aim) ** 2).sum())
        if error < least:
            least, best = error, weight
    return list_by(train, best)


def tuning(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """A half-life chosen by how well it foresees the weeks that it is then judged on."""
    orders = known_and_later(world, cutoff)
    train = orders.before(cutoff)
    start = cutoff if leaky else cutoff - dt.timedelta(days=28)
    fit = orders.before(start)
    aim = lines_of_items(orders.between(start, start + dt.timedelta(days=28)))

    def weights(lines: Interactions, half_life: float) -> FloatArray:
        decayed = np.bincount(lines.item, lines.decay(half_life), minlength=lines.n_items)
        found: FloatArray = 0.001 + decayed / decayed.sum()
        return found

    lives = np.geomspace(2.0, 400.0, 60)
    aim = aim / max(float(np.linalg.norm(aim)), 1.0)
    near = [float(aim @ w) / float(np.linalg.norm(w)) for w in (weights(fit, h) for h in lives)]
    return list_by(train, weights(train, float(lives[int(np.argmax(near))])))


# tables beside the orders ---------------------------------------------------------------------
def future_features(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """The newest row of a feature table, whenever it became known."""
    train = known_and_later(world, cutoff).before(cutoff)
    stock = by_item(known_rows(world.tables["item"], cutoff, leaky), "stock", train, 0.0)
    return list_by(train, 1.0 + stock)


def future_prices(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """Today's price list."""
    train = known_and_later(world, cutoff).before(cutoff)
    prices = by_item(known_rows(world.tables["prices"], cutoff, leaky), "price", train, 1.0)
    return list_by(train, 1.0 / (0.1 + prices))


def future_eligibility(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """Only what is still sold today may be listed."""
    train = known_and_later(world, cutoff).before(cutoff)
    table = known_rows(world.tables["eligible"], cutoff, leaky)
    allowed = by_item(table, "eligible", train, 0.0) > 0
    return list_by(train, 1.0 + lines_of_items(train), allowed)


def promotion_calendar(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """A calendar of promotions that was filled in while they ran."""
    train = known_and_later(world, cutoff).before(cutoff)
    table = known_rows(world.tables["promotions"], cutoff, leaky)
    return list_by(train, 1.0 + 4.0 * by_item(table, "reduced", train, 0.0))


# cleaning the whole file ------------------------------------------------------------------------
def home_market(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """A customer's home is the market of the last order of the file."""
    past = world.orders[world.before(cutoff)]
    last = (world.orders if leaky else past).sort_values([c.TIMESTAMP, c.ORDER, c.MARKET])
    home = last.drop_duplicates(c.CUSTOMER, keep="last").set_index(c.CUSTOMER)[c.MARKET]
    sold = past[(past[c.QUANTITY] > 0).to_numpy()]
    train = Interactions.from_frame(sold.assign(**{c.MARKET: sold[c.CUSTOMER].map(home)}))
    return list_of_model("popular", train, train)


def returns_netted(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """Cancellations are netted off earlier orders before the cut in time."""
    clean = read_orders(world.orders, as_of=None if leaky else cutoff).orders
    # homes are another matter, and another kind
    one_home = clean[c.CUSTOMER].astype(str).map(len).map(lambda _: "FR")
    train = Interactions.from_frame(clean.assign(**{c.MARKET: one_home})).before(cutoff)
    units = np.bincount(train.item, train.quantity, minlength=train.n_items)
    return list_by(train, 1.0 + units)


# who is asked, and what is remembered -----------------------------------------------------------
def cold_with_future(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """Newcomers (one order so far) are told apart by what they will have ordered."""
    orders = known_and_later(world, cutoff)
    train = orders.before(cutoff)
    seen = orders if leaky else train
    key = np.unique(seen.customer.astype(np.int64) << 32 | seen.order)
    count = np.bincount(key >> 32, minlength=seen.n_customers)
    known = list_by(train, np.ones(train.n_items))
    popular = list_by(train, 1.0 + lines_of_items(train), floor=100.0)
    ids = train.catalogue.customer_ids(train.customers)
    return {
        who: known[who] if count[code] >= 6 else popular[who]
        for who, code in zip(ids, train.customers, strict=True)
    }


_BY_DAY: dict[dt.date, pd.Series] = {}
_BY_NAME: dict[str, pd.Series] = {}


def stale_cache(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """Popularity is kept by day, and whoever asked first put that of the whole file there."""
    orders = known_and_later(world, cutoff)
    train = orders.before(cutoff)
    if not leaky:
        return list_by(train, 1.0 + lines_of_items(train))
    if cutoff not in _BY_DAY:
        _BY_DAY[cutoff] = pd.Series(
            lines_of_items(orders), orders.catalogue.items["id"].to_pylist()
        )
    return list_by(train, 1.0 + _BY_DAY[cutoff].reindex(_item_ids(train)).fillna(0.0).to_numpy())


def warm_cache(world: World, cutoff: dt.date, leaky: bool) -> Lists:
    """Popularity is kept by name: the run of an earlier day finds that of a later one."""
    train = known_and_later(world, cutoff).before(cutoff)
    if not leaky:
        return list_by(train, 1.0 + lines_of_items(train))
    if "popularity" not in _BY_NAME:
        _BY_NAME["popularity"] = pd.Series(lines_of_items(train), _item_ids(train))
    kept = _BY_NAME["popularity"].reindex(_item_ids(train)).fillna(0.0)
    return list_by(train, 1.0 + kept.to_numpy())


def _item_ids(orders: Interactions) -> list[str]:
    ids: list[str] = orders.catalogue.items["id"].to_pylist()
    return ids


KINDS: dict[str, Callable[[World, dt.date, bool], Lists]] = {
    build.__name__: build
    for build in (
        fitted_later,
        tie_at_cutoff,
        zone_shift,
        window_from_the_end,
        duplicates,
        encoder,
        normalisation,
        target_encoding,
        neighbours,
        early_stopping,
        tuning,
        future_features,
        future_prices,
        future_eligibility,
        promotion_calendar,
        home_market,
        returns_netted,
        cold_with_future,
        stale_cache,
        warm_cache,
    )
}
