"""What this customer keeps buying: the baseline to beat."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.dataset.pairs import CUSTOMERS_PER_BLOCK
from restock.kernels.neighbours import score_own
from restock.kernels.own import add_sales, best_own
from restock.kernels.policy import over_blocks, threads
from restock.models.affinity import HalfLife, affinity, shared_affinity
from restock.models.base import (
    CELLS_PER_CUSTOMER,
    BoolArray,
    Config,
    Lists,
    State,
    joined,
)
from restock.models.context import FitContext
from restock.models.memory import peak
from restock.models.popularity import sales_now, sales_of
from restock.models.sharded import Counts, Sharded
from restock.models.space import LogUniform, Space


class ReorderConfig(Config):
    """How fast a habit fades, and how much the season tells among habits."""

    half_life_days: HalfLife = 180.0
    """Days after which an order line counts half; none: all lines count the same."""

    popularity: float = Field(2.0, ge=0)
    """Weight of what sells now, in order lines of today: 0 for habit alone, ties left to the
    item code; 0.01 to break ties only."""


class Reorder(Sharded[ReorderConfig]):
    """Personal recency-weighted frequency, with a say of what the market buys now.

    ``score(c, j) = sum of 0.5 ** (age / half_life) + popularity * p(j) / max p`` over the
    order lines of item j by customer c; p are the market's recent order lines, as in
    ``popular``. The first term is the personal top frequency of Hu et al. ("Modeling
    Personalized Item Frequency Information for Next-basket Recommendation", SIGIR 2020), with
    decay; the second tells apart what was bought equally often, and brings back what is in
    season. It says nothing about items the customer has not bought. One more purchase never
    lowers the item's score. Cost: two passes over the lines.
    """

    name = "reorder"
    config_class = ReorderConfig
    space: ClassVar[Space] = {
        "half_life_days": LogUniform(14, 720),
        "popularity": LogUniform(0.01, 10),
    }

    def memory_bytes(self, interactions: Interactions) -> int:
        """The habit and the score of each pair."""
        return peak(interactions, 12 * interactions.pairs.item.size)

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        habit = shared_affinity(interactions, self.config.half_life_days, context)
        sales = context.once(("sales now",), lambda: sales_now(interactions))
        self._add_up(interactions, habit, sales, context.threads)

    def _fit_shard(self, shard: Interactions, counts: Counts) -> None:
        habit = affinity(shard, self.config.half_life_days)
        self._add_up(shard, habit, sales_of(counts["lines"]), threads())

    def _add_up(
        self,
        interactions: Interactions,
        habit: NDArray[np.float64],
        sales: NDArray[np.float64],
        threads: int,
    ) -> None:
        pairs, market = interactions.pairs, interactions.catalogue.customer_market
        score = np.empty(habit.size, dtype=np.float32)
        about = (pairs.indptr, pairs.item, habit, market, sales, self.config.popularity, score)
        over_blocks(
            lambda first, last: add_sales(first, last, *about),
            interactions.n_customers,
            CUSTOMERS_PER_BLOCK,
            threads,
        )
        self._pair_score = score

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        past = self.past
        scores: NDArray[np.float32] = score_own(
            customers, past.bought_indptr, past.bought_items, self._pair_score, past.n_items
        )
        return scores

    def _best(self, customers: IntArray, k: int, history: int, allowed: BoolArray) -> Lists:
        past = self.past
        own = (past.bought_indptr, past.bought_items, self._pair_score, allowed, history, k)
        return joined(
            lambda first, last: best_own(customers[first:last], *own),
            len(customers),
            CELLS_PER_CUSTOMER,
        )

    def _state(self) -> State:
        return {"pair_score": self._pair_score}

    def _restore(self, state: State) -> None:
        self._pair_score = state["pair_score"]
