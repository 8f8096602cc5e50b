"""The simulated world under a policy: day by day, market by market, who is shown what."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from restock.dataset.catalogue import Catalogue
from restock.dataset.interactions import Interactions
from restock.dataset.simulated_lines import Exposed, to_interactions
from restock.dataset.simulated_rooms import (
    first_lines,
    join_lines,
    new_lines,
    new_needs,
    new_scratch,
    new_state,
    sort_lines,
    with_room,
)
from restock.dataset.simulated_world import Setting
from restock.kernels.simulation import Lines, available_items
from restock.kernels.simulation_shop import Outcomes, Response, comers, serve
from restock.kernels.simulation_truth import locate, settle


@dataclass(frozen=True, eq=False)
class Shown:
    """What a policy shows. items: codes (visitors × k), -1 for an empty place, no item twice in
    a row. propensities: float (visitors × k), in (0, 1], the probability of each item at its
    place given the places before it.
    """

    items: NDArray[np.int32]
    propensities: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Situation:
    """What a policy knows. Codes are those of ``catalogue``, which has all customers and items.

    market, day: where and when. customers: int32, who visits that day (codes). allowed: bool
    (items), in the market's assortment and in stock. random: the generator to draw with; it
    depends on the seed, the market and the day only.
    """

    market: str
    day: dt.date
    customers: NDArray[np.int32]
    allowed: NDArray[np.bool_]
    random: np.random.Generator
    catalogue: Catalogue
    _past: Callable[[], Interactions]

    @cached_property
    def history(self) -> Interactions:
        """The market's order lines before ``day`` (built when asked for)."""
        return self._past()


Policy = Callable[[Situation], Shown]


def open_shop(
    setting: Setting, policy: Policy | None, response: Response
) -> Iterator[tuple[Lines, Exposed]]:
    """Simulate one market after the other; yields the lines and what was shown in each.

    Raises ValueError when the policy shows what it may not.
    """
    for row in range(len(setting.markets)):
        yield _open_market(setting, row, policy, response)


def _open_market(
    setting: Setting, row: int, policy: Policy | None, response: Response
) -> tuple[Lines, Exposed]:
    world, items = setting.world, setting.item_ids.size
    base, stop = (int(at) for at in setting.offsets[row : row + 2])
    customers = setting.customers(base, stop)
    n = stop - base
    needs, scratch = new_needs(2 * items + 64 * n, n), new_scratch(items)
    state = new_state(n)
    for who in range(n):
        needs = with_room(needs, items)
        settle(world, customers, who, needs, who, scratch)
        locate(world, customers, who, world.burn, state)
    past: list[Lines] = []
    log: list[Exposed] = []
    found, intensity, held = np.empty(n, np.int32), np.empty(items), np.empty(items)
    room = new_lines(max(1 << 16, 2 * items))
    for day in range(setting.days):
        t = world.burn + day
        visitors = found[: comers(world, customers, response, t, state, found)].copy()
        if visitors.size == 0:
            continue
        shown = _ask(setting, row, day, base, visitors, past, policy)
        outcomes = _outcomes(shown.items.size)
        first = 0
        while first < visitors.size:
            needs = with_room(needs, items)
            first, count = serve(
                world, customers, response, t, visitors, shown.items, first, base, state,
                needs, scratch, intensity, held, outcomes, room, 0,
            )  # fmt: skip
            past.append(first_lines(room, count))
        if shown.items.size:
            log.append(
                Exposed.of_day(base + visitors, day, shown.items, shown.propensities, outcomes)
            )
    return sort_lines(join_lines(past)), Exposed.join(log)


def _ask(
    setting: Setting,
    row: int,
    day: int,
    base: int,
    visitors: NDArray[np.int32],
    past: list[Lines],
    policy: Policy | None,
) -> Shown:
    if policy is None:
        return Shown(np.zeros((visitors.size, 0), np.int32), np.zeros((visitors.size, 0)))
    world, market = setting.world, setting.markets[row].code
    t = world.burn + day
    allowed = available_items(world, row, t)
    date = setting.start + dt.timedelta(days=day)
    before = len(past)

    def history() -> Interactions:
        return to_interactions(setting, sort_lines(join_lines(past[:before])), day)

    situation = Situation(
        market=market,
        day=date,
        customers=(base + visitors).astype(np.int32),
        allowed=allowed,
        random=np.random.default_rng([int(world.seed), 3, int(world.market_key[row]), day]),
        catalogue=setting.catalogue,
        _past=history,
    )
    return _checked(policy(situation), situation)


def _checked(shown: Shown, situation: Situation) -> Shown:
    items = np.ascontiguousarray(shown.items, dtype=np.int32)
    chances = np.ascontiguousarray(shown.propensities, dtype=np.float64)
    where = f"the policy in market {situation.market} on {situation.day}"
    if items.ndim != 2 or items.shape != chances.shape or len(items) != situation.customers.size:
        raise ValueError(
            f"{where} returned items {items.shape} and propensities {chances.shape}; both must be "
            f"(visitors × k) with {situation.customers.size} visitors"
        )
    there = items >= 0
    if (items >= situation.allowed.size).any() or not situation.allowed[items[there]].all():
        raise ValueError(
            f"{where} shows an item that is not allowed: choose from situation.allowed"
        )
    if not ((chances[there] > 0) & (chances[there] <= 1)).all():
        raise ValueError(f"{where} gives a propensity outside (0, 1]")
    ranked = np.sort(items, axis=1)
    if ((ranked[:, 1:] == ranked[:, :-1]) & (ranked[:, 1:] >= 0)).any():
        raise ValueError(f"{where} shows an item twice to one customer")
    return Shown(items, chances)


def _outcomes(rows: int) -> Outcomes:
    return Outcomes(
        minute=np.zeros(rows, np.int32),
        outcome=np.zeros(rows, np.int8),
        order_chance=np.zeros(rows),
        click_chance=np.zeros(rows),
        unshown_chance=np.zeros(rows),
    )


def uniform_policy(k: int) -> Policy:
    """Shows k allowed items drawn without replacement, all alike."""

    def choose(situation: Situation) -> Shown:
        pool = np.flatnonzero(situation.allowed)
        rows, places = situation.customers.size, min(k, pool.size)
        drawn = np.argpartition(situation.random.random((rows, pool.size)), range(places), axis=1)
        left = pool.size - np.arange(places)
        return Shown(pool[drawn[:, :places]].astype(np.int32), np.tile(1.0 / left, (rows, 1)))

    return choose
