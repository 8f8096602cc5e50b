"""Markets that differ, and their true futures: the simulated half of ``search_quality``.

The fitted simulator draws the customers of all markets from the same habits; only assortments
and mixes of tastes differ, and one configuration is then as good as best everywhere. Here each
of four groups of markets has habits of its own, set through the simulator's parameters: as
fitted; of the moment (strong needs that are soon over); by turns (what was just bought is not
due for most of a year); loyal (strong needs that last). Items are the same in all. Customers
order twice as often as fitted, so that 700 per market give more than 200 to judge.
"""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.dataset.simulate import Simulation, make_setting, run
from restock.dataset.simulated_lines import market_of, to_interactions
from restock.dataset.simulated_markets import market_codes
from restock.dataset.simulated_rooms import join_lines, sort_lines
from restock.dataset.simulator_parameters import Parameters, frozen
from restock.evaluation import Fold, Scorecard
from restock.evaluation.folds import Relevance, candidate_items
from restock.evaluation.metrics import score_lists
from restock.kernels.simulation import Lines
from restock.models import Recommender

HORIZON, K = 28, 10
HABITS: tuple[dict[str, float], ...] = (
    {},
    {"strength": 6.0, "need_life": 0.08, "life_tail": 0.1},
    {"strength": 3.0, "need_life": 3.0, "period": 20.0, "period_sd": 0.2},
    {"strength": 4.0, "need_life": 20.0, "life_tail": 0.3},
)
"""Factors on the fitted parameters, by group."""


@dataclass(frozen=True, eq=False)
class Differing:
    """A world of markets with habits of their own; market n has those of group n modulo four.

    simulations: one per group, each of all markets, of which it stands for its own.
    """

    simulations: tuple[Simulation, ...]
    group: dict[str, int]

    @classmethod
    def make(cls, markets: int, customers: int, items: int, days: int, seed: int) -> "Differing":
        """``customers`` in each of ``markets``, over ``days``."""
        codes = market_codes(markets)
        simulations = tuple(
            run(
                make_setting(
                    customers=dict.fromkeys(codes, customers),
                    items=items,
                    days=days,
                    seed=seed,
                    currency="reporting",
                    parameters=habits(factors),
                )
            )
            for factors in HABITS
        )
        group = {code: at % len(HABITS) for at, code in enumerate(codes)}
        return cls(simulations, group)

    @cached_property
    def orders(self) -> Interactions:
        """The lines of every market under its own habits; codes are the simulator's numbers."""
        parts = []
        for at, one in enumerate(self.simulations):
            codes = [market.code for market in one.setting.markets]
            mine = np.array([self.group[code] == at for code in codes])
            rows = mine[market_of(one.setting, one.lines)]
            parts.append(Lines._make(column[rows] for column in one.lines))
        setting = self.simulations[0].setting
        return to_interactions(setting, sort_lines(join_lines(parts)), setting.days)

    def future(self, market: str, draws: range) -> "Future":
        """What the market's customers buy in the four weeks after the end, in many draws."""
        simulation = self.simulations[self.group[market]]
        setting = simulation.setting
        train = self.orders.of_market(market)
        customers = train.customers
        day = setting.start + dt.timedelta(days=setting.days)
        folds = []
        for draw in draws:
            lines = simulation.truth.future(customers, day, HORIZON, draw)
            test = to_interactions(setting, lines, setting.days + HORIZON)
            bought = test.customers
            nobody = np.empty(0, dtype=np.int32)
            candidates = candidate_items(train)
            folds.append(Fold(train, test, day, HORIZON, bought, nobody, candidates))
        return Future(market, tuple(folds))


@dataclass(frozen=True, eq=False)
class Future:
    """Many draws of one market's next four weeks, which judge lists as one long window."""

    market: str
    folds: tuple[Fold, ...]

    @property
    def train(self) -> Interactions:
        """What is known before."""
        return self.folds[0].train

    @cached_property
    def relevance(self) -> Relevance:
        """The purchases of all draws: a customer has a row in each in which he buys."""
        parts = [fold.relevance for fold in self.folds]
        sizes = np.concatenate([np.diff(part.indptr) for part in parts])
        return Relevance(
            customer=np.concatenate([part.customer for part in parts]),
            indptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            item=np.concatenate([part.item for part in parts]),
            value=np.concatenate([part.value for part in parts]),
            margin=np.concatenate([part.margin for part in parts]),
            repeat=np.concatenate([part.repeat for part in parts]),
        )

    def lists(self, fitted: Recommender[Any]) -> IntArray:
        """What a model would show the market's customers (n_customers of the world × K, -1
        elsewhere)."""
        found = np.full((self.train.n_customers, K), -1, dtype=np.int32)
        known, allowed = self.train.customers, self.folds[0].candidates
        found[known] = fitted.recommend(known, K, allowed=allowed).items
        return found

    def card(self, lists: IntArray, key: str) -> Scorecard:
        """The scorecard of lists (n_customers of the world × K). key: names these draws."""
        fold, rows = self.folds[0], self.relevance.customer
        judged = lists[rows]
        return Scorecard(
            fold_hash=f"{self.market}/{key}",
            k=K,
            cutoff=fold.cutoff,
            horizon_days=HORIZON,
            customer=rows,
            market=np.full(rows.size, self.market, dtype=object),
            cold=np.zeros(rows.size, dtype=bool),
            part=np.zeros(rows.size, dtype=np.int32),
            lists=judged,
            values=score_lists(judged, self.relevance, fold),
            n_candidates=(int(fold.candidates.sum()),),
        )


def habits(factors: dict[str, float]) -> Parameters:
    """The fitted parameters times these factors, with orders twice as frequent."""
    fitted = frozen()
    changed = {name: getattr(fitted, name) * factor for name, factor in factors.items()}
    changed["log_gap"] = fitted.log_gap - np.log(2.0)
    return fitted.model_copy(update=changed)
