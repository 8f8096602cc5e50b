"""The CPU engine of ``als``, and the objective that both of its engines minimise."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from restock.dataset.catalogue import IntArray
from restock.kernels.least_squares import solve_rows
from restock.kernels.neighbours import transpose
from restock.kernels.policy import over_blocks
from restock.kernels.products import gram

STEPS = 3
"""Conjugate-gradient steps per half-step: what ``implicit`` takes; more do not pay."""
LEAST_RATING = 1e-30
"""Of a purchase so old that its weight vanishes: it stays a purchase, on both engines."""
ROWS_PER_BLOCK, ROWS_PER_GRAM = 512, 4096
FloatArray = NDArray[np.float32]


class Weights(Protocol):
    """What the objective needs of a config."""

    factors: int
    regularisation: float
    alpha: float
    iterations: int


@dataclass(frozen=True, eq=False)
class Ratings:
    """Who bought what and how much, as a CSR matrix over codes without gaps.

    indptr: int64 (rows + 1), every row has an entry. column: int32 (entries), ascending in
    a row. rating: float32 (entries), above 0. columns: how many there are.
    """

    indptr: NDArray[np.int64]
    column: IntArray
    rating: FloatArray
    columns: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.indptr.size - 1

    def transposed(self) -> "Ratings":
        """The same by column."""
        start, rows, entries = transpose(self.indptr, self.column, self.columns)
        return Ratings(start, rows, self.rating[entries], self.rows)


def factorise(
    ratings: Ratings, weights: Weights, *, seed: int, threads: int
) -> tuple[FloatArray, FloatArray]:
    """Factors of rows and columns (float32, rows × k and columns × k).

    Begins with columns of about unit length, drawn from ``seed``, and solves for rows and
    columns in turn. Neither threads nor machine change the result.
    """
    rng = np.random.default_rng(seed)
    k = weights.factors
    left = np.zeros((ratings.rows, k), dtype=np.float32)
    right = rng.standard_normal((ratings.columns, k), dtype=np.float32) / np.float32(np.sqrt(k))
    by_column = ratings.transposed()
    for _ in range(weights.iterations):
        half_step(ratings, left, right, weights, threads)
        half_step(by_column, right, left, weights, threads)
    return left, right


def half_step(
    ratings: Ratings, solved: FloatArray, fixed: FloatArray, weights: Weights, threads: int
) -> None:
    """Improve ``solved``, the factors of the rows, in place; ``fixed`` are the columns'."""
    extra = np.float32(weights.alpha) * ratings.rating
    ridge = (weights.regularisation * np.diff(ratings.indptr)).astype(np.float32)
    products = products_of(fixed, threads).astype(np.float32)

    def solve(first: int, last: int) -> None:
        columns = ratings.column
        solve_rows(
            first, last, ratings.indptr, columns, extra, ridge, products, fixed, solved, STEPS
        )

    over_blocks(solve, ratings.rows, ROWS_PER_BLOCK, threads)


def products_of(factors: FloatArray, threads: int = 1) -> NDArray[np.float64]:
    """``Y'Y`` (float64, k × k)."""
    parts = over_blocks(
        lambda first, last: gram(first, last, factors), len(factors), ROWS_PER_GRAM, threads
    )
    total: NDArray[np.float64] = np.sum(parts, axis=0)
    return total


def loss(ratings: Ratings, left: FloatArray, right: FloatArray, weights: Weights) -> float:
    """The objective: see ``restock.models.als.Als``. The same formula for any engine.

    Cells without a purchase are counted without visiting them: the sum of ``(x.y)^2`` over
    all cells is the inner product of X'X and Y'Y.
    """
    x, y = left.astype(np.float64), right.astype(np.float64)
    row = np.repeat(np.arange(ratings.rows), np.diff(ratings.indptr))
    score = np.concatenate(
        [
            np.einsum("ik,ik->i", x[row[at : at + 100_000]], y[ratings.column[at : at + 100_000]])
            for at in range(0, row.size, 100_000)
        ]
    )
    confidence = 1 + weights.alpha * ratings.rating.astype(np.float64)
    fit = ((x.T @ x) * (y.T @ y)).sum() + (confidence * (1 - score) ** 2 - score**2).sum()
    bought = np.diff(ratings.indptr), np.bincount(ratings.column, minlength=ratings.columns)
    size = bought[0] @ (x**2).sum(axis=1) + bought[1] @ (y**2).sum(axis=1)
    return float(fit + weights.regularisation * size)
