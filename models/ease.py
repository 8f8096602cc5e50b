"""A linear autoencoder in closed form: every item from all the others."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.linalg.lapack import dpotrf, dpotri

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.ease import gram_rows, strongest
from restock.kernels.neighbours import transpose
from restock.kernels.policy import over_blocks
from restock.kernels.pools import held
from restock.models.affinity import HalfLife, shared_affinity
from restock.models.base import Config, Recommender, State
from restock.models.context import FitContext
from restock.models.neighbours import Neighbourhood
from restock.models.space import Integer, LogUniform, Space, Uniform

ROWS_PER_BLOCK = 256


class EaseConfig(Config):
    """How strongly the weights are held back, and how many an item keeps."""

    regularisation: float = Field(100.0, gt=0)
    """Added to the diagonal of the items' Gram matrix (lambda): more trusts popular items."""

    half_life_days: HalfLife = 90.0
    """Days after which an order line counts half; none: all lines count the same."""

    own: float = Field(0.5, ge=0)
    """Weight of an item for itself: 0, as published, where nothing is bought twice."""

    neighbours: int = Field(200, ge=1)
    """How many items each item is predicted from, itself included: the strongest weights, of
    either sign."""


class Ease(Recommender[EaseConfig]):
    """EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019).

    With ``X[c, i] = log(1 + decayed order lines)`` and ``P = (X^T X + lambda I)^-1``,
    ``B[i, j] = -P[i, j] / P[j, j]`` off the diagonal (their equation 8), where the paper has
    0 and this model ``own``: shops re-order. Each item j keeps the ``neighbours`` strongest of
    its weights B[., j]; ``score = X B``.

    Cost: fit = sum over customers of their items squared, and items sold cubed (a Cholesky
    factor and the inverse from it, on one thread, so that threads change no bit); scores =
    items bought × neighbours. Memory: one dense float64 matrix (items sold × items sold).
    """

    name = "ease"
    config_class = EaseConfig
    space: ClassVar[Space] = {
        "regularisation": LogUniform(0.5, 2000),
        "half_life_days": LogUniform(14, 720),
        "own": Uniform(0, 2),
        "neighbours": Integer(20, 1000, log=True),
    }

    def memory_bytes(self, interactions: Interactions) -> int:
        """A dense matrix over the items sold, and their weights, twice."""
        sold = np.unique(interactions.item).size
        kept = sold * min(self.config.neighbours, sold)
        return super().memory_bytes(interactions) + 8 * sold * sold + 40 * kept

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        config, pairs = self.config, interactions.pairs
        self._affinity = np.log1p(shared_affinity(interactions, config.half_life_days, context))
        sold, items = np.unique(pairs.item, return_inverse=True)
        gram = self._gram(pairs.indptr, items.astype(np.int32), sold.size, context.threads)
        inverse = regularised_inverse(gram, config.regularisation)
        width = min(config.neighbours, sold.size)

        def block(first: int, last: int) -> tuple[NDArray[Any], ...]:
            found: tuple[NDArray[Any], ...] = strongest(first, last, inverse, config.own, width)
            return found

        blocks = over_blocks(block, sold.size, ROWS_PER_BLOCK, context.threads)
        count, source, weight = (np.concatenate(part) for part in zip(*blocks, strict=True))
        # what an item is predicted from → what it predicts, as scores need it
        start = np.concatenate([[0], np.cumsum(count)])
        by_source, target, places = transpose(start, source, sold.size)
        rows = np.zeros(interactions.n_items + 1, dtype=np.int64)
        rows[sold + 1] = np.diff(by_source)
        self._near = Neighbourhood(np.cumsum(rows), sold[target], weight[places].astype(np.float64))

    def _gram(
        self, indptr: NDArray[np.int64], items: IntArray, n_items: int, threads: int
    ) -> NDArray[np.float64]:
        """``X^T X`` of the items sold (float64, items × items), its upper triangle."""
        by_item, customers, places = transpose(indptr, items, n_items)
        gram = np.zeros((n_items, n_items))

        def block(first: int, last: int) -> None:
            gram_rows(first, last, by_item, customers, places, indptr, items, self._affinity, gram)

        over_blocks(block, n_items, ROWS_PER_BLOCK, threads)
        return gram

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        return self._near.scores(self.past, self._affinity, customers)

    def _state(self) -> State:
        return {"affinity": self._affinity, **self._near.arrays()}

    def _restore(self, state: State) -> None:
        self._affinity = state["affinity"]
        self._near = Neighbourhood(state["start"], state["item"], state["similarity"])


def regularised_inverse(gram: NDArray[np.float64], regularisation: float) -> NDArray[np.float64]:
    """``(gram + regularisation I)^-1``, of which only the upper triangle is filled in.

    ``gram`` (of which only the upper triangle is read) is overwritten: LAPACK's potrf and potri
    work in its place.
    """
    gram[np.diag_indices_from(gram)] += regularisation
    with held(1):  # other threads, other bits
        factor, failed = dpotrf(gram.T, lower=1, overwrite_a=1)
        inverse, _ = dpotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise ValueError(f"ease: regularisation {regularisation} is too small for these orders")
    upper: NDArray[np.float64] = inverse.T
    return upper
