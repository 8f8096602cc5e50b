"""What a re-ranker learns from and decides on: candidates with features, and what was right."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.candidates import gather_scaled, join_lists
from restock.kernels.selection import NEW
from restock.models.base import Recommender
from restock.models.context import FitContext
from restock.models.hybrid import Member
from restock.models.rerank_features import Known

CELLS_PER_BLOCK = 4_000_000  # 16 MB of scores for each member, and their candidates' rows
LONGEST_QUERY = 10_000  # candidates of a customer: LightGBM ranks no more at once


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidates of some customers as rows of features.

    customers: int32. start: int64 (customers + 1). items: int32 (candidates). rows: float32
    (candidates × features). votes: float32 (candidates), the sum of the members' scores, each
    scaled by the customer's best.
    """

    customers: IntArray
    start: NDArray[np.int64]
    items: IntArray
    rows: NDArray[np.float32]
    votes: NDArray[np.float32]

    @property
    def owner(self) -> IntArray:
        """The customer of each candidate (int32)."""
        return np.repeat(self.customers, np.diff(self.start))


@dataclass(frozen=True, eq=False)
class Examples:
    """Candidates and what was right. right: bool; weight: float64; sizes: int64 (customers)."""

    rows: NDArray[np.float32]
    right: NDArray[np.bool_]
    weight: NDArray[np.float64]
    sizes: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Moment:
    """All that is known at one cut-off: fitted members and tables of features."""

    models: Sequence[Recommender[Any]]
    known: Known

    @classmethod
    def of(
        cls,
        interactions: Interactions,
        members: Sequence[Member],
        horizon_days: int,
        context: FitContext,
    ) -> "Moment":
        """The moment ``interactions.as_of``."""
        models = [member.create().fit(interactions, context) for member in members]
        known = context.once(
            ("rerank features", horizon_days), lambda: Known.of(interactions, horizon_days)
        )
        return cls(models, known)

    @property
    def names(self) -> tuple[str, ...]:
        """The features of a row."""
        members = (f"{at}.{model.name}" for at, model in enumerate(self.models))
        return (*self.known.names, *(f"member.{name}" for name in members))

    def candidates(self, customers: IntArray, proposals: int) -> Iterator[Candidates]:
        """All items bought and the first new ``proposals`` of each member, block by block."""
        size = max(CELLS_PER_BLOCK // self.models[0].past.n_items, 1)
        for first in range(0, customers.size, size):
            yield self._propose(customers[first : first + size], proposals)

    def _propose(self, customers: IntArray, proposals: int) -> Candidates:
        past = self.models[0].past
        everything = np.ones(past.n_items, dtype=bool)
        scores = [model.scores(customers) for model in self.models]
        lists = []
        for model, score in zip(self.models, scores, strict=True):
            items, values = model._select(customers, score, proposals, NEW, everything)
            model._fill_up(customers, items, values, NEW, everything)
            lists.append(items)
        start, items, pairs = join_lists(
            past.bought_indptr[customers],
            past.bought_indptr[customers + 1],
            past.bought_items,
            np.hstack(lists),
            past.n_items,
        )
        votes = [gather_scaled(score, start, items) for score in scores]
        owner = np.repeat(customers, np.diff(start))
        rows = np.column_stack([self.known.rows(owner, items, pairs), *votes])
        return Candidates(customers, start, items, rows, np.sum(votes, axis=0))


def examples(
    interactions: Interactions,
    cutoff: dt.date,
    end: dt.date,
    members: Sequence[Member],
    proposals: int,
    exponent: float,
    context: FitContext,
) -> list[Examples]:
    """What was known before ``cutoff`` and bought from there to ``end``.

    Of the customers that ordered before and after; empty when there is none.
    """
    before, after = interactions.before(cutoff), interactions.between(cutoff, end)
    customers = np.intersect1d(before.customers, after.customers)
    if not customers.size:
        return []
    earlier = context.of_part("before", cutoff)
    moment = Moment.of(before, members, (end - cutoff).days, earlier)
    return [_judged(found, after, exponent) for found in moment.candidates(customers, proposals)]


def _judged(found: Candidates, after: Interactions, exponent: float) -> Examples:
    pairs, width = after.pairs, after.n_items
    bought = pairs.customer.astype(np.int64) * width + pairs.item  # ascending
    wanted = found.owner.astype(np.int64) * width + found.items
    at = np.minimum(np.searchsorted(bought, wanted), bought.size - 1)
    right = bought[at] == wanted
    weight = np.where(right, _worth(after)[at] ** exponent, 1.0)
    sizes = np.diff(found.start)
    short = sizes <= LONGEST_QUERY
    kept = np.repeat(short, sizes)
    if kept.all():
        return Examples(found.rows, right, weight, sizes)
    return Examples(found.rows[kept], right[kept], weight[kept], sizes[short])


def _worth(after: Interactions) -> NDArray[np.float64]:
    """The value of each pair, in means of its market: markets have currencies of their own."""
    value = after.pairs.sum(after.value)
    market = after.catalogue.customer_market[after.pairs.customer]
    total, count = np.bincount(market, value), np.bincount(market)
    mean = total / np.maximum(count, 1)
    return value / np.maximum(mean[market], 1e-300)
