"""A simple model of what comes of an item at a place, for the estimates that use one.

The doubly robust estimate is right with right propensities whatever this model says; the
better it is, the less the estimate varies. So it is simple, and never sees the customer it
speaks of.
"""

import hashlib
from typing import Self

import numpy as np
from numpy.typing import NDArray

from restock.dataset.catalogue import IntArray
from restock.evaluation.folds import BoolArray, FloatArray
from restock.evaluation.ope.drawing import Drawing, place_chances

PRIOR_ROWS = 50.0
"""As many rows as the mean of all items stands for in the rate of each."""
PARTS = 5


class ItemAndPlace:
    """Expected reward = (rate of the place) × (factor of the item).

    The rate of a place is its mean reward, shrunk toward that of all places. The factor of an
    item is what it earned over what its places earn on average, shrunk toward 1: with
    ``PRIOR_ROWS`` rows of the mean added to both. Rewards in another currency give the same
    factors. An item that was not seen has the factor 1.
    """

    def __init__(self, place: FloatArray, item: FloatArray) -> None:
        self.place, self.item = place, item

    @classmethod
    def of(cls, items: IntArray, reward: FloatArray, there: BoolArray, n_items: int) -> Self:
        """Learn from lists (n × k): item codes, rewards, and which places count."""
        rows = int(there.sum())
        mean = float(reward[there].sum()) / rows if rows else 0.0
        count = there.sum(axis=0)
        place = (np.where(there, reward, 0.0).sum(axis=0) + PRIOR_ROWS * mean) / (
            count + PRIOR_ROWS
        )
        known = there & (items >= 0)
        code = items[known]
        usual = np.bincount(code, np.broadcast_to(place, items.shape)[known], n_items)
        earned = np.bincount(code, reward[known], n_items)
        prior = PRIOR_ROWS * mean
        return cls(place, (earned + prior) / (usual + prior) if prior > 0 else np.ones(n_items))

    def expected(self, items: IntArray, place: int | NDArray[np.integer]) -> FloatArray:
        """Of item codes at a place from 0 (or one each); negative codes have the factor 1."""
        factor = np.where(items >= 0, self.item[np.maximum(items, 0)], 1.0)
        return factor * self.place[place]


def cross_fitted(
    items: IntArray,
    reward: FloatArray,
    there: BoolArray,
    owner: NDArray[np.int64],
    n_items: int,
) -> tuple[tuple[ItemAndPlace, ...], NDArray[np.int64]]:
    """Models, each learned without one part of the customers, and the part of each list.

    items, reward, there: lists (n × k). owner: int64 (n), the customers; all lists of one fall
    into the same part, by a hash of the number. With rewards seldom and customers few a part
    may have none: its model then says 0.
    """
    part = parts(owner)
    models = [
        ItemAndPlace.of(items, reward, there & (part != one)[:, None], n_items)
        for one in range(PARTS)
    ]
    return tuple(models), part


def parts(owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """The part (int64, 0 to ``PARTS`` - 1) of each customer's number: the same on any machine."""
    distinct, of_row = np.unique(owner, return_inverse=True)
    digests = [hashlib.sha256(str(one).encode()).digest() for one in distinct.tolist()]
    part = np.array([int.from_bytes(digest[:4], "big") % PARTS for digest in digests], np.int64)
    return part[of_row]


def expectations(
    items: IntArray,
    reward: FloatArray,
    there: BoolArray,
    owner: NDArray[np.int64],
    rankings: IntArray,
    drawing: Drawing,
    n_items: int,
) -> tuple[FloatArray, FloatArray]:
    """What a cross-fitted model expects of what was shown, and of what the target would show.

    items, reward, there: the logged lists (n × k). rankings: what the target's drawing draws
    from (n × any). Both float64 (n × k); the second is the mean over the target's draws of the
    item at this place, below the items that were logged above it. For ``dr_lists``.
    """
    models, part = cross_fitted(items, reward, there, owner, n_items)
    logged, target = np.zeros(items.shape), np.zeros(items.shape)
    for place in range(items.shape[1]):
        for one, model in enumerate(models):
            rows = part == one
            logged[rows, place] = model.expected(items[rows, place], place)
    for rows, place, ranked, likely in place_chances(rankings, items, drawing):
        within = part[rows]
        found = np.zeros(within.size)
        for one, model in enumerate(models):
            mine = within == one
            worth = model.expected(ranked[mine], place)
            found[mine] = (likely[mine] * worth).sum(axis=1)
        target[rows, place] = found
    return logged, target
