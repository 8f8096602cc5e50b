"""Personal item frequency, decayed by groups of baskets, and that of similar customers."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.neighbours import transpose
from restock.kernels.policy import over_blocks
from restock.kernels.tifu_knn import nearest_rows, score_near
from restock.models.base import Config, Recommender, State
from restock.models.context import FitContext
from restock.models.space import Integer, Space, Uniform

ROWS_PER_BLOCK = 256


class TifuKnnConfig(Config):
    """How a habit fades from basket to basket, and how much similar customers say."""

    groups: int = Field(15, ge=1)
    """Groups into which a customer's baskets are divided, in order of time."""

    within_decay: float = Field(1.0, gt=0, le=1)
    """What a basket counts of the next one in its group."""

    group_decay: float = Field(0.8, gt=0, le=1)
    """What a group counts of the next one."""

    alpha: float = Field(0.5, ge=0, le=1)
    """Weight of the customer's own vector; the rest is that of the neighbours."""

    neighbours: int = Field(300, ge=1)
    """How many similar customers are asked."""


class TifuKnn(Recommender[TifuKnnConfig]):
    """TIFU-KNN (Hu et al., "Modeling Personalized Item Frequency Information for Next-basket
    Recommendation", SIGIR 2020).

    A customer's b baskets (orders) are divided in order of time into m = min(``groups``, b)
    groups whose sizes differ by one at most, the larger ones last. With v_j the 0/1 vector of a
    basket, ``g_i = sum_j within_decay^(n_i - j) v_j / n_i`` over the n_i baskets of group i and
    ``u = sum_i group_decay^(m - i) g_i / m``. ``score = alpha u + (1 - alpha) mean of u over the
    ``neighbours`` nearest other customers``, near by the Euclidean distance of the vectors.

    Cost: fit = sum over items of their customers squared, no (customers × customers) matrix;
    scores = the items bought by the neighbours. Memory: 4 bytes per customer and neighbour.
    """

    name = "tifu_knn"
    config_class = TifuKnnConfig
    space: ClassVar[Space] = {
        "groups": Integer(2, 60, log=True),
        "within_decay": Uniform(0.6, 1),
        "group_decay": Uniform(0.6, 1),
        "alpha": Uniform(0.1, 0.95),
        "neighbours": Integer(10, 1000, log=True),
    }

    def memory_bytes(self, interactions: Interactions) -> int:
        """The pairs by customer and by item, and the neighbours of each customer."""
        return super().memory_bytes(interactions) + (
            8 * interactions.customers.size * self.config.neighbours
        )

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        config, pairs = self.config, interactions.pairs
        self._weight = pairs.sum(
            line_weights(interactions, config.groups, config.within_decay, config.group_decay)
        )
        rows = interactions.customers  # the catalogue may hold others
        k = min(config.neighbours, rows.size - 1)
        near = self._nearest(interactions, k, context.threads)
        size = np.zeros(interactions.n_customers + 1, dtype=np.int64)
        size[rows + 1] = k
        self._near_start, self._near = np.cumsum(size), rows[near.ravel()]

    def _nearest(self, interactions: Interactions, k: int, threads: int) -> IntArray:
        """The k nearest of each row of ``interactions.customers`` (int32, rows × k)."""
        pairs, rows, weight = interactions.pairs, interactions.customers, self._weight
        if k == 0:
            return np.empty((rows.size, 0), dtype=np.int32)
        indptr = np.append(pairs.indptr[rows], pairs.indptr[-1])
        by_item, item_rows, places = transpose(indptr, pairs.item, interactions.n_items)
        by_place = weight[places]
        square = np.add.reduceat(weight * weight, indptr[:-1])

        def block(first: int, last: int) -> IntArray:
            near: IntArray = nearest_rows(
                first,
                last,
                indptr,
                pairs.item,
                weight,
                by_item,
                item_rows,
                by_place,
                square,
                k,
            )
            return near

        return np.concatenate(over_blocks(block, rows.size, ROWS_PER_BLOCK, threads))

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        past = self.past
        scores: NDArray[np.float32] = score_near(
            customers,
            past.bought_indptr,
            past.bought_items,
            self._weight,
            self._near_start,
            self._near,
            self.config.alpha,
            past.n_items,
        )
        return scores

    def _state(self) -> State:
        return {"weight": self._weight, "near_start": self._near_start, "near": self._near}

    def _restore(self, state: State) -> None:
        self._weight = state["weight"]
        self._near_start, self._near = state["near_start"], state["near"]


def line_weights(
    interactions: Interactions, groups: int, within_decay: float, group_decay: float
) -> NDArray[np.float64]:
    """What each order line adds to its customer's vector (float64, lines)."""
    place, baskets = basket_places(interactions)
    used = np.minimum(groups, baskets)  # groups of the line's customer
    small, larger = baskets // used, baskets % used  # the last ``larger`` groups have one more
    edge = (used - larger) * small  # baskets in the smaller groups
    late = place >= edge
    size = small + late
    group = np.where(late, used - larger + (place - edge) // (small + 1), place // small)
    within = np.where(late, (place - edge) % (small + 1), place % small)
    weight: NDArray[np.float64] = (
        group_decay ** (used - 1 - group) * within_decay ** (size - 1 - within) / (size * used)
    )
    return weight


def basket_places(interactions: Interactions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The place of each line's basket among its customer's (0 = first), and their number."""
    customer, order = interactions.customer, interactions.order
    starts = np.ones(len(interactions), dtype=np.int64)
    starts[1:] = (customer[1:] != customer[:-1]) | (order[1:] != order[:-1])
    basket = np.cumsum(starts) - 1
    first_line = interactions.indptr[customer]
    last_line = interactions.indptr[customer.astype(np.int64) + 1] - 1
    return basket - basket[first_line], basket[last_line] - basket[first_line] + 1
