"""Models that are fitted where their customers are: shard by shard, on one machine or on many."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.kernels.policy import threads
from restock.kernels.strongest import merge_kept
from restock.models.base import C, Recommender
from restock.models.neighbours import Neighbourhood
from restock.models.past import Past
from restock.models.popularity import lines_of_shard, ranked
from restock.models.rows import COMPARING, Rows, by_demand, shares, strongest

HEAPS = ("size", "codes", "values")

Counts = dict[str, NDArray[Any]]
"""What customers come to, by name: a value without customers, which travels well."""


def merge(counts: Sequence[Counts]) -> Counts:
    """What shards come to together: sums, taken one after the other in the order of the shards.

    Sums of floats depend on their order. ``merge([merge(first), *rest])`` is ``merge`` of all,
    to the last bit; no other brackets are.
    """
    return {name: reduce(np.add, [one[name] for one in counts]) for name in counts[0]}


class Sharded(Recommender[C]):
    """A recommender whose fit adds up over customers, in the shards of ``Interactions.shards``.

        shards = [orders.shard(n) for n in range(orders.shards.size - 1)]
        counts = merge([model.count_shard(shard) for shard in shards])
        model.fit_shard(shards[3], counts).recommend(shards[3].customers, 10)

    lists for the customers of a shard what a model fitted on all order lines lists, and
    ``fit_shard(orders, counts)`` is that model, bit for bit. All of it is pure: who has many
    machines sends a shard to each.
    """

    def count_shard(self, shard: Interactions) -> Counts:
        """What the customers of a shard come to. Cost: one pass over its lines."""
        return {"lines": lines_of_shard(shard)}

    def fit_shard(self, shard: Interactions, counts: Counts) -> Self:
        """Learn about these customers, given what all of them come to. Returns itself."""
        self._past = Past.of(shard, ranked(counts["lines"]))
        self._fit_shard(shard, counts)
        return self

    @abstractmethod
    def _fit_shard(self, shard: Interactions, counts: Counts) -> None:
        """Learn; ``self.past`` is already there."""


class Comparison(Protocol):
    """A way to compare items by the rows of all shards, a part of the pairs of items at a time."""

    @property
    def comparing(self) -> int:
        """What a place costs beside its pairs for each one before it, in pairs (``shares``)."""
        ...

    def compare(
        self, rows: Sequence[Rows], buyers: NDArray[np.int64], part: int, parts: int
    ) -> Counts:
        """What one of ``parts`` comes to.

        rows: of all shards, in order, or of each of them what the part takes (``needed``);
        buyers: int64 (items).
        """
        ...

    def join(self, found: Sequence[Counts]) -> Counts:
        """What some parts that follow each other come to, as of one: ``join`` takes it again."""
        ...

    def complete(self, buyers: NDArray[np.int64], found: Counts) -> Counts:
        """What ``fit_shard`` wants to be told among the counts; found: all parts joined."""
        ...


class ShardedNeighbours(Sharded[C]):
    """One that compares items, too. After ``merge`` and before ``fit_shard`` come

        rows = [model.rows_of_shard(shard, counts) for shard in shards]
        buyers, way = counts["buyers"], model.way
        found = [way.compare(rows, buyers, part, 4) for part in range(4)]
        counts |= way.complete(buyers, way.join(found))

    What two items share would add up over shards as well, but that is a number for every two
    items and shard: rows are smaller, unless customers are very many and items few.
    """

    def count_shard(self, shard: Interactions) -> Counts:
        """The same, and how many customers bought each item."""
        buyers = np.bincount(shard.pairs.item, minlength=shard.n_items)
        return {**super().count_shard(shard), "buyers": buyers}

    @abstractmethod
    def rows_of_shard(self, shard: Interactions, counts: Counts) -> Rows:
        """What the customers of a shard bought, as items are compared by it."""

    @property
    @abstractmethod
    def way(self) -> Comparison:
        """How items are compared."""


def needed(
    way: Comparison,
    rows: Sequence[Rows],
    buyers: NDArray[np.int64],
    cost: NDArray[np.int64],
    span: tuple[int, int, int],
) -> list[Rows]:
    """Of the rows of some shards what a span of the parts compares.

    cost: ``total_cost`` of all shards. span: the first of the parts, the one behind the last, and
    how many there are.
    """
    first, end, parts = span
    begin = shares(cost, way.comparing, first, parts)[0]
    stop = shares(cost, way.comparing, end - 1, parts)[1]
    order = by_demand(buyers)
    return [shard.part(order, begin, stop) for shard in rows]


@dataclass(frozen=True)
class Strongest:
    """Each item keeps so many similar ones (``rows.strongest``). kind: see ``kernels.neighbours``.

    Parts are heaps: 12 bytes × items × neighbours each.
    """

    kind: int
    threshold: float
    neighbours: int
    comparing = COMPARING

    def compare(
        self, rows: Sequence[Rows], buyers: NDArray[np.int64], part: int, parts: int
    ) -> Counts:
        """The heaps of what a part compares."""
        order = by_demand(buyers)
        width = min(self.neighbours, order.size)
        how = (order, self.kind, self.threshold, width)
        kept = strongest(rows, *how, part=part, parts=parts, threads=threads())
        return dict(zip(HEAPS, kept, strict=True))

    def join(self, found: Sequence[Counts]) -> Counts:
        """The strongest in any of the heaps."""
        kept = [found[0][name].copy() for name in HEAPS]
        for other in found[1:]:
            merge_kept(*kept, *(other[name] for name in HEAPS))
        return dict(zip(HEAPS, kept, strict=True))

    def complete(self, buyers: NDArray[np.int64], found: Counts) -> Counts:
        """The arrays of a ``Neighbourhood``."""
        size, codes, values = (found[name] for name in HEAPS)
        return Neighbourhood.of_kept(by_demand(buyers), buyers.size, (size, codes, values)).arrays()
