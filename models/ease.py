"""A linear autoencoder in closed form: every item from all the others."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.ease import gram_rows, strongest
from restock.kernels.neighbours import transpose
from restock.kernels.policy import over_blocks
from restock.models.affinity import HalfLife, affinity
from restock.models.base import Config, Recommender, State
from restock.models.context import FitContext
from restock.models.neighbours import Neighbourhood
from restock.models.space import Integer, LogUniform, Space


class EaseConfig(Config):
    """How strongly the weights are held back, and how many an item keeps."""

    regularisation: float = Field(10.0, gt=0)
    """Added to the diagonal of the items' Gram matrix (lambda): more trusts popular items."""

    half_life_days: HalfLife = 180.0
    """Days after which an order line counts half; none: all lines count the same."""

    neighbours: int = Field(200, ge=1)
    """How many other items each item is predicted from: the strongest weights, of either sign."""


class Ease(Recommender[EaseConfig]):
    """EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019).

    With ``X[c, i] = log(1 + decayed order lines)`` and ``P = (X^T X + lambda I)^-1``,
    ``B[i, j] = -P[i, j] / P[j, j]`` and 0 on the diagonal (equation 8). Each item j keeps
    the ``neighbours`` strongest of its weights B[., j]; ``score = X B``. An item bought is scored
    through the others, so habit counts less than in a shop that re-orders: use it for new items
    or in a hybrid.

    Cost: fit = sum over customers of their items squared, and items sold cubed (a Cholesky
    factor and its inverse); scores = items bought × neighbours. Memory: three dense float64
    matrices (items sold × items sold).
    """

    name = "ease"
    config_class = EaseConfig
    space: ClassVar[Space] = {
        "regularisation": LogUniform(0.5, 2000),
        "half_life_days": LogUniform(14, 720),
        "neighbours": Integer(20, 1000, log=True),
    }

    def memory_bytes(self, interactions: Interactions) -> int:
        """Dense matrices over the items sold."""
        sold = np.unique(interactions.item).size
        return super().memory_bytes(interactions) + 20 * sold * sold

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        pairs = interactions.pairs
        self._affinity = np.log1p(affinity(interactions, self.config.half_life_days))
        sold, items = np.unique(pairs.item, return_inverse=True)
        gram = self._gram(pairs.indptr, items.astype(np.int32), sold.size, context.threads)
        start, source, weight = strongest(
            weights(gram, self.config.regularisation), min(self.config.neighbours, sold.size)
        )
        # by target item → by source item, as scores need it
        by_source, target, places = transpose(start, source, sold.size)
        rows = np.zeros(interactions.n_items + 1, dtype=np.int64)
        rows[sold + 1] = np.diff(by_source)
        self._near = Neighbourhood(np.cumsum(rows), sold[target], weight[places].astype(np.float64))

    def _gram(
        self, indptr: NDArray[np.int64], items: IntArray, n_items: int, threads: int
    ) -> NDArray[np.float64]:
        """``X^T X`` of the items sold (float64, items × items)."""
        by_item, customers, places = transpose(indptr, items, n_items)
        by_place = self._affinity[places]
        gram = np.zeros((n_items, n_items))

        def block(first: int, last: int) -> None:
            gram_rows(
                first, last, by_item, customers, by_place, indptr, items, self._affinity, gram
            )

        over_blocks(block, n_items, -(-n_items // (8 * threads)), threads)
        return gram

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        return self._near.scores(self.past, self._affinity, customers)

    def _state(self) -> State:
        return {"affinity": self._affinity, **self._near.arrays()}

    def _restore(self, state: State) -> None:
        self._affinity = state["affinity"]
        self._near = Neighbourhood(state["start"], state["item"], state["similarity"])


def weights(gram: NDArray[np.float64], regularisation: float) -> NDArray[np.float32]:
    """``B`` by target: row j holds the weights from which item j is predicted (float32).

    ``gram`` is overwritten. The inverse is that of a Cholesky factor (LAPACK potrf, potri).
    """
    from scipy.linalg.lapack import dpotrf, dpotri

    np.einsum("ii->i", gram)[:] += regularisation
    # gram is symmetric: its transpose is the order of memory that LAPACK writes in place
    factor, _ = dpotrf(gram.T, lower=1, overwrite_a=1)
    half, _ = dpotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(half) + np.tril(half, -1).T
    table = inverse / -np.diag(inverse)[:, None]
    np.fill_diagonal(table, 0.0)
    return table.astype(np.float32)
