"""All items compared by what shards of customers count: a triangle that travels in few bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restock.kernels.lanes import WIDTH
from restock.kernels.policy import over_blocks, threads
from restock.kernels.triangle import add_rows, count_before, write_rows, write_tiles
from restock.models.co_occurrence import NARROW, CoOccurrence, by_name, room_for
from restock.models.requirements import check_memory
from restock.models.rows import CELLS, Rows, by_demand, shares, total_cost
from restock.models.sharded import Counts

WIDTHS = {"fours": np.int32, "twos": np.uint16, "ones": np.uint8}
BYTE = np.iinfo(np.uint8).max
PLACES = 64  # rows that become tiles at a time: what they share with all lies in a core's cache


@dataclass(frozen=True)
class Triangle:
    """The way to compare all items: parts are rows of the triangle (``kernels.triangle``).

    No count of a row is above the buyers of its item: rows take four bytes a count, then two,
    and most of them one. They become the tiles of a ``CoOccurrence`` where lists are made.
    """

    comparing = 0

    def compare(
        self, rows: Sequence[Rows], buyers: NDArray[np.int64], part: int, parts: int
    ) -> Counts:
        """The rows of a part of the places, by width."""
        order = by_demand(buyers)
        ends = shares(total_cost(rows), self.comparing, part, parts)
        found: Counts = {}
        for name, first, last in _by_width(buyers[order], ends[0], ends[1]):
            found[name] = np.empty(_size(first, last), dtype=WIDTHS[name])
            _count(rows, order, first, last, found[name])
        return found

    def join(self, found: Sequence[Counts]) -> Counts:
        """The rows of all parts, one behind the other."""
        return {name: np.concatenate([one[name] for one in found]) for name in WIDTHS}

    def complete(self, buyers: NDArray[np.int64], found: Counts) -> Counts:
        """The tiles, by name. CannotFit where they find no room."""
        sold = np.sort(buyers[buyers > 0])[::-1]
        room = CoOccurrence.bytes_for(sold, 0)
        check_memory("counts of all items", room, "let each item keep few with ``neighbours``")
        levels = room_for(sold)
        padded = WIDTH**3 * (levels.groups.wide.shape[0] + levels.groups.narrow.shape[0])

        def block(begin: int, end: int) -> None:
            shared = np.zeros((PLACES, padded), dtype=np.int32)
            for at in range(begin, end, PLACES):
                to = min(at + PLACES, end)
                for name, first, last in _by_width(sold, 0, sold.size):
                    add_rows(at, to, first, last, found[name], shared)
                write_tiles(at, to, shared, levels)

        over_blocks(block, sold.size, -(-sold.size // threads()), threads())
        return by_name(levels)


def _by_width(buyers: NDArray[np.int64], first: int, last: int) -> Iterator[tuple[str, int, int]]:
    """The name, first and last row of each width; buyers: by place, descending."""
    twos, ones = np.searchsorted(-buyers, [-NARROW, -BYTE])
    borders = np.clip([0, twos, ones, buyers.size], first, last).tolist()
    yield from zip(WIDTHS, borders[:-1], borders[1:], strict=True)


def _size(first: int, last: int) -> int:
    """How many counts the rows have."""
    return (last * (last + 1) - first * (first + 1)) // 2


def _count(
    rows: Sequence[Rows], order: NDArray[np.int32], first: int, last: int, to: NDArray[np.integer]
) -> None:
    step = CELLS // order.size + 1

    def block(begin: int, end: int) -> None:
        shared = np.zeros((step, order.size), dtype=np.int32)
        for at in range(first + begin, first + end, step):
            stop = min(at + step, first + end)
            for shard in rows:
                who = (order, shard.item_start, shard.customers, shard.before, shard.indptr)
                count_before(at, stop, *who, shard.places, shared)
            write_rows(at, stop, shared, to, _size(first, at))

    over_blocks(block, last - first, -(-(last - first) // (4 * threads())), threads())
