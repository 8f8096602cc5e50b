"""Markets to ask the gate about every night: orders of known origin, plans of known worth."""

import datetime as dt
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from restock.dataset import Interactions, load_sample, simulate
from restock.dataset.catalogue import Catalogue
from restock.evaluation import Scorecard, evaluate, rolling_folds
from restock.models import Recommender, create
from restock.models.recommendations import Recommendations
from restock.models.reorder import Reorder

K, HORIZON, WINDOWS = 10, 28, 6
Sizes = Mapping[str, int]


class Shaken(NamedTuple):
    """``reorder`` with scores multiplied by exp(sigma · N(0, 1)).

    Two seeds are two plans with different lists and equal true worth; a larger sigma is a
    worse plan. fresh: shaken anew at every cut-off, or once for all per customer and item.
    """

    seed: int
    sigma: float = 0.3
    fresh: bool = True

    def of(self, model: Reorder, train: Interactions) -> Reorder:
        """This plan, given the plain model fitted on ``train``."""
        pairs = train.pairs
        noise: NDArray[np.floating]
        if self.fresh:
            noise = np.random.default_rng([self.seed, train.as_of]).normal(size=pairs.item.size)
        else:
            noise = _once(self.seed, train.n_customers, train.n_items)[pairs.customer, pairs.item]
        shaken = copy(model)
        shaken._pair_score = (model._pair_score * np.exp(self.sigma * noise)).astype(np.float32)
        return shaken


@cache
def _once(seed: int, n_customers: int, n_items: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n_customers, n_items), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Day:
    """All plans refitted on what was known before a day, and judged on the days after it.

    cards: plan → market → scorecard. lists: plan → what would have been published that night
    to the customers who then ordered.
    """

    cards: dict[str, dict[str, Scorecard]]
    lists: dict[str, Recommendations]


class World:
    """Markets day by day: plans are refitted at every cut-off, when it is first asked for.

    ``popular`` is always among them.
    """

    def __init__(self, interactions: Interactions, plans: Mapping[str, Shaken]) -> None:
        self.interactions = interactions
        self.markets = interactions.catalogue.markets
        self.plans = dict(plans)
        self._days: dict[dt.date, Day] = {}

    @property
    def last_night(self) -> dt.date:
        """The last night after which a whole window is known."""
        return self.interactions.as_of_date - dt.timedelta(days=HORIZON)

    @property
    def known_days(self) -> list[Day]:
        """The days that were asked for and not forgotten."""
        return list(self._days.values())

    def day(self, cutoff: dt.date) -> Day:
        """What the plans say on ``cutoff``."""
        if cutoff not in self._days:
            self._days[cutoff] = self._refit(cutoff)
        return self._days[cutoff]

    def judged(
        self, night: dt.date, plans: Mapping[str, Mapping[str, str]]
    ) -> dict[str, dict[str, list[Scorecard]]]:
        """The scorecards of the last windows that are complete on a night.

        plans: market → name in the answer → plan.
        """
        days = [self.day(night - dt.timedelta(days=HORIZON * n)) for n in range(WINDOWS, 0, -1)]
        return {
            market: {
                name: [day.cards[plan][market] for day in days] for name, plan in named.items()
            }
            for market, named in plans.items()
        }

    def published(self, night: dt.date, plan: str, market: str) -> pa.Table:
        """The lists of a market on a night, by code."""
        lists = self.day(night).lists[plan]
        home = self.interactions.catalogue.customer_market[lists.customers]
        rows = home == self.markets.index(market)
        items = lists.items[rows]
        places = items >= 0
        return pa.table(
            {
                "customer_id": np.repeat(lists.customers[rows], items.shape[1])[places.ravel()],
                "item_id": items[places],
                "score": lists.scores[rows][places],
            }
        )

    def orderers(self, night: dt.date, market: str) -> int:
        """How many known customers of a market order in the 28 days from a night on."""
        return self.day(night).cards["popular"][market].n_customers

    def forget_before(self, night: dt.date) -> None:
        """Drop the days that no later night looks back to."""
        oldest = night - dt.timedelta(days=HORIZON * WINDOWS)
        for day in [day for day in self._days if day < oldest]:
            del self._days[day]

    def _refit(self, cutoff: dt.date) -> Day:
        end = cutoff + dt.timedelta(days=HORIZON)
        fold = rolling_folds(self.interactions, horizon_days=HORIZON, windows=1, as_of=end)[0]
        home = self.interactions.catalogue.customer_market[fold.customers]
        day = Day({}, {})
        plain = Reorder().fit(fold.train)
        models: dict[str, Recommender[Any]] = {"popular": create("popular").fit(fold.train)}
        models |= {name: plan.of(plain, fold.train) for name, plan in self.plans.items()}
        for name, model in models.items():
            lists = model.recommend(fold.customers, K, allowed=fold.candidates)
            card = evaluate(lists, fold, k=K)
            day.lists[name] = lists
            day.cards[name] = {
                market: card.of_customers(home == at) for at, market in enumerate(self.markets)
            }
        return day


def simulated(sizes: Sizes, seed: int) -> Interactions:
    """Markets of the simulator with these numbers of customers, two years and a month."""
    world = simulate(
        markets=len(sizes),
        customers=dict(sizes),
        items=600,
        days=760,
        seed=seed,
        currency="reporting",
    )
    return world.interactions()


def retail(sizes: Sizes, seed: int) -> Interactions:
    """Markets of customers drawn with replacement from all of Online Retail.

    A customer who is drawn twice becomes two, with the same orders.
    """
    whole = sample()
    rng = np.random.default_rng(seed)
    codes = sorted(sizes)
    drawn = np.concatenate([rng.choice(whole.customers, sizes[code]) for code in codes])
    home = np.repeat(np.arange(len(codes)), [sizes[code] for code in codes])
    counts = np.diff(whole.indptr)[drawn]
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    at = np.repeat(whole.indptr[drawn] - first, counts) + np.arange(counts.sum())
    customer = np.repeat(np.arange(drawn.size, dtype=np.int32), counts)
    orders = np.unique(customer.astype(np.int64) << 32 | whole.order[at], return_inverse=True)[1]
    catalogue = Catalogue(
        customers=pa.table(
            {"id": [f"{n:06d}" for n in range(drawn.size)], "market": pa.array(home, pa.int32())}
        ),
        items=whole.catalogue.items,
        markets=tuple(codes),
    )
    return Interactions(
        customer=customer,
        item=whole.item[at],
        order=orders.astype(np.int32),
        minute=whole.minute[at],
        quantity=whole.quantity[at],
        value=whole.value[at],
        catalogue=catalogue,
        as_of=whole.as_of,
    )


@cache
def sample() -> Interactions:
    """Online Retail, as its published quality figures take it."""
    clean = load_sample(cancellations="drop", home_market="most_frequent")
    return Interactions.from_frame(clean.orders)
