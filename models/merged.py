"""Hybrids that merge the lists of their members, place by place, rather than their scores."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from restock.dataset.catalogue import IntArray
from restock.kernels.merging import ranked
from restock.kernels.selection import ANY
from restock.models.base import BoolArray, Config, Lists, joined
from restock.models.hybrid import Hybrid

M = TypeVar("M", bound=Config)


class Merged(Hybrid[M]):
    """Asks every member for its list under the same filters, and merges the lists.

    A subclass writes ``_merge``. It may leave a member out for some customers (``_serves``),
    and let a member offer only what is new to the customer, or only what is not (``_histories``).
    Places are counted after all filters: an item that may not be listed takes none. Scores are
    1 / place (see ``kernels.merging``): the order of the merged list, and nothing else. Where
    no member has anything left, the market's popular items follow, as everywhere.
    """

    @abstractmethod
    def _merge(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Scores (rows × items) from the lists of the members (members × rows × k)."""

    def _serves(self, member: int, customers: IntArray) -> BoolArray:
        """Which of the customers see items of this member."""
        return np.ones(customers.size, dtype=bool)

    def _histories(self) -> Sequence[int]:
        """What each member may offer: ANY, REPEAT or NEW."""
        return [ANY] * len(self.models)

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        past = self.past
        start, stop = past.bought_indptr[customers], past.bought_indptr[customers + 1]
        lists = np.full((len(self.models), customers.size, past.n_items), -1, dtype=np.int32)
        for at, (model, own) in enumerate(zip(self.models, self._histories(), strict=True)):
            rows = np.flatnonzero(self._serves(at, customers))
            scores = model.scores(customers[rows])
            lists[at, rows] = ranked(scores, start[rows], stop[rows], past.bought_items, own)
        return self._merge(lists)

    def _best(self, customers: IntArray, k: int, history: int, allowed: BoolArray) -> Lists:
        lists = self._member_lists(customers, k, history, allowed)

        def best(first: int, last: int) -> Lists:
            scores = self._merge(lists[:, first:last])
            return self._select(customers[first:last], scores, k, history, allowed)

        return joined(best, len(customers), self.past.n_items)

    def _member_lists(
        self, customers: IntArray, k: int, history: int, allowed: BoolArray
    ) -> NDArray[np.int32]:
        """What each member offers by itself (members × customers × k), without its fallback.

        k items of each are enough: fewer than k are listed before any place.
        """
        lists = np.full((len(self.models), customers.size, k), -1, dtype=np.int32)
        for at, (model, own) in enumerate(zip(self.models, self._histories(), strict=True)):
            if ANY not in (own, history) and own != history:
                continue  # new items are asked for, and this member has bought ones only
            rows = np.flatnonzero(self._serves(at, customers))
            wanted = own if history == ANY else history
            lists[at, rows], _ = model._best(customers[rows], k, wanted, allowed)
        return lists
