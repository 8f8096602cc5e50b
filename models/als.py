"""Implicit-feedback alternating least squares: one objective, on the CPU or on Spark."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.lanes import WIDTH
from restock.kernels.products import score_factors
from restock.models import als_cpu, als_spark
from restock.models.affinity import HalfLife, affinity
from restock.models.als_cpu import LEAST_RATING, Ratings
from restock.models.base import Config, Recommender, State
from restock.models.context import FitContext
from restock.models.memory import held, peak
from restock.models.space import Choice, Integer, LogUniform, Space


class AlsConfig(Config):
    """How many factors, and what they are pulled by: purchases and zero."""

    factors: int = Field(128, ge=1, le=1024)
    """Numbers that describe a customer or an item."""

    regularisation: float = Field(0.2, gt=0)
    """How much factors are pulled to zero, per purchase of the customer or item."""

    alpha: float = Field(16.0, gt=0)
    """How much more a purchase counts than an item that was not bought."""

    half_life_days: HalfLife = 20.0
    """Days after which an order line counts half; none: all lines count the same."""

    iterations: int = Field(15, ge=1, le=200)
    """How often customers and items are solved in turn."""


class Als(Recommender[AlsConfig]):
    """Implicit-feedback ALS (Hu, Koren and Volinsky, ICDM 2008), as Spark's MLlib defines it.

    With r = log(1 + order lines of customer c and item i, the older ones decayed), the
    factors x of customers and y of items minimise ::

        sum over all c, i of (1 + alpha r)(p - x_c . y_i)^2
            + regularisation (sum_c n_c |x_c|^2 + sum_i n_i |y_i|^2)

    where p is 1 for what was bought and 0 elsewhere, and n counts the items of a customer or
    the customers of an item (weighted-lambda regularisation: Zhou et al., AAIM 2008).
    ``score(c, i) = x_c . y_i``, where that is above 0.

    With ``FitContext.spark`` Spark fits; without, a kernel of ``restock`` does, on the cores
    of ``FitContext.threads``. Both minimise the same sum, from different random starts.

    Cost, in multiplications: fit = iterations × (pairs × 16 k + (customers + items) × 4 k²);
    scores = k × items.
    """

    name = "als"
    config_class = AlsConfig
    effort = "iterations"
    space: ClassVar[Space] = {
        "factors": Choice((32, 64, 128, 256)),
        "regularisation": LogUniform(0.01, 3),
        "alpha": LogUniform(0.5, 100),
        "half_life_days": LogUniform(7, 720),
        "iterations": Integer(5, 30),
    }
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"small": {"factors": 8}}

    def check(self, interactions: Interactions, context: FitContext) -> None:
        """Also that what the context holds is a running Spark session."""
        super().check(interactions, context)
        if context.spark is not None:
            als_spark.check_session(self.name, context)

    def memory_bytes(self, interactions: Interactions) -> int:
        """While lines decay, while items are counted, or with ratings both ways and factors."""
        pairs, rows = interactions.pairs.item.size, interactions.customers.size
        factors = 4 * self.config.factors * (rows + 2 * min(interactions.n_items, pairs))
        later = max(36 * pairs, 28 * pairs + factors)
        return max(peak(interactions, 8 * pairs), held(interactions) + later)

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        config = self.config
        if context.spark is None:
            half_life = config.half_life_days
            self._items, ratings = context.once(
                ("ratings", half_life), lambda: ratings_of(interactions, half_life)
            )
            found = als_cpu.factorise(ratings, config, seed=context.seed, threads=context.threads)
        else:
            self._items = np.unique(interactions.item)
            half_life = config.half_life_days
            found = als_spark.factorise(interactions, self._items, config, half_life, context)
        self._customer_factors, self._item_factors = found
        self._prepare()

    def _prepare(self) -> None:
        bought = np.diff(self.past.bought_indptr) > 0
        self._row = np.where(bought, np.cumsum(bought) - 1, -1)
        n, k = self._item_factors.shape
        self._tiles = np.zeros((-(-n // WIDTH), k, WIDTH), dtype=np.float32)
        for lane in range(WIDTH):
            some = self._item_factors[lane::WIDTH]
            self._tiles[: len(some), :, lane] = some

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        rows, n_items = self._row[customers], self.past.n_items
        return score_factors(rows, self._customer_factors, self._tiles, self._items, n_items)

    def _state(self) -> State:
        return {
            "items": self._items,
            "item_factors": self._item_factors,
            "customer_factors": self._customer_factors,
        }

    def _restore(self, state: State) -> None:
        self._items, self._item_factors = state["items"], state["item_factors"]
        self._customer_factors = state["customer_factors"]
        self._prepare()


def ratings_of(
    interactions: Interactions, half_life_days: float | None
) -> tuple[IntArray, Ratings]:
    """The items sold (int32, ascending codes), and the ratings of those who bought.

    Row n are the purchases of ``interactions.customers[n]``, column m is ``items[m]``.
    """
    pairs, customers = interactions.pairs, interactions.customers
    items, column = np.unique(pairs.item, return_inverse=True)
    indptr = np.append(pairs.indptr[customers], pairs.indptr[-1])
    liked = np.log1p(affinity(interactions, half_life_days))
    rating = np.maximum(liked, LEAST_RATING).astype(np.float32)
    return items, Ratings(indptr, column.astype(np.int32), rating, items.size)
