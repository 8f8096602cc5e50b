"""Logs as arrays: what was shown, how likely that was, and how likely the target makes it.

The *logging* policy chose what was shown; the *target* policy is the one whose worth is asked
for. A weight is the target's probability of a choice divided by the logging policy's.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from restock.evaluation.folds import FloatArray

ROUNDING = 1e-9
"""How far above 1 a probability may lie that was added up from floats."""


class BadLog(ValueError):
    """A log that no estimate can rest on; the message names field, row, cause and remedy."""


@dataclass(frozen=True, eq=False)
class Logged:
    """Single choices (n rows), each with its reward.

    reward: float64, what came of the choice. propensity: float64 in (0, 1], the logging
    policy's probability of it. target: float64 in [0, 1], the target policy's probability of
    the *same* choice. cluster: int64, whose row it is: the rows of one customer depend on each
    other, so intervals are taken over clusters; each row is its own when left out.
    expected_logged, expected_target: float64, what a model of outcomes expects of the choice
    shown, and on average of the target's choice; both or neither (``dm`` and ``dr`` need them).

    Raises BadLog for lengths that differ, values that are not finite, and probabilities
    outside their range.
    """

    reward: FloatArray
    propensity: FloatArray
    target: FloatArray
    cluster: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    expected_logged: FloatArray | None = None
    expected_target: FloatArray | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.reward)
        if len(shape) != 1:
            raise BadLog(f"a log of single choices has one dimension, not {len(shape)}")
        _settle(self, shape)

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.reward.size)

    @cached_property
    def weight(self) -> FloatArray:
        """target / propensity (float64, n)."""
        return self.target / self.propensity


@dataclass(frozen=True, eq=False)
class LoggedLists:
    """Lists (n × k), place by place from the top.

    reward, propensity, target: as in ``Logged``, float64 (n × k); the probabilities are
    *given the items above*, so that their product over a list is the probability of the list.
    there: bool (n × k), the places that are filled; all when left out. What the other arrays
    hold where there is nothing does not matter. cluster: int64 (n).
    expected_logged, expected_target: float64 (n × k) or None, what a model of outcomes expects
    of the item shown at this place, and on average of the item that the target would have put
    there below the same items (for ``dr_lists``).

    Raises BadLog as ``Logged`` does.
    """

    reward: FloatArray
    propensity: FloatArray
    target: FloatArray
    there: NDArray[np.bool_] | None = None
    cluster: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    expected_logged: FloatArray | None = None
    expected_target: FloatArray | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.reward)
        if len(shape) != 2:
            raise BadLog(f"a log of lists has two dimensions (lists × places), not {len(shape)}")
        if shape[1] == 0:
            raise BadLog("the lists have no places: give at least one")
        there = np.ones(shape, np.bool_) if self.there is None else np.asarray(self.there, np.bool_)
        if there.shape != shape:
            raise BadLog(f"there is {there.shape}, reward {shape}: give one flag a place")
        object.__setattr__(self, "there", there)
        for name, nothing in _EMPTY_PLACE.items():
            values = getattr(self, name)
            if values is not None and np.shape(values) == shape:
                object.__setattr__(self, name, np.where(there, values, nothing))
        _settle(self, shape)

    @property
    def n(self) -> int:
        """Lists."""
        return int(self.reward.shape[0])

    @property
    def k(self) -> int:
        """Places."""
        return int(self.reward.shape[1])

    @cached_property
    def filled(self) -> NDArray[np.bool_]:
        """``there``, never None."""
        assert self.there is not None
        return self.there

    @cached_property
    def place_weight(self) -> FloatArray:
        """target / propensity of each place given those above (n × k); 1 where there is none."""
        return self.target / self.propensity

    @cached_property
    def weight(self) -> FloatArray:
        """The weight of a list down to each place (n × k): products of ``place_weight``.

        Its mean over lists is 1 at every place when the propensities are right and the
        logging policy can show all that the target shows. The last column weighs whole lists.
        """
        return np.cumprod(self.place_weight, axis=1, dtype=np.float64)

    def alone(self) -> Logged:
        """Every filled place as a choice of its own, list by list.

        What is then estimated is the mean reward of a place when *its* item alone is chosen by
        the target, below the items that were logged: the target's own worth only where a
        reward depends on the item and its place, and a choice not on the items above.
        """
        there = self.filled

        def flat(values: FloatArray | None) -> FloatArray | None:
            return None if values is None else values[there]

        return Logged(
            self.reward[there],
            self.propensity[there],
            self.target[there],
            np.repeat(self.cluster, there.sum(axis=1)),
            flat(self.expected_logged),
            flat(self.expected_target),
        )


_EMPTY_PLACE = {
    "reward": 0.0,
    "propensity": 1.0,
    "target": 1.0,
    "expected_logged": 0.0,
    "expected_target": 0.0,
}
"""A place without an item earns nothing and was no choice."""


def _settle(log: Logged | LoggedLists, shape: tuple[int, ...]) -> None:
    """Convert the fields of a new log in place, and check them."""
    for name in _EMPTY_PLACE:
        values = getattr(log, name)
        if values is not None:
            object.__setattr__(log, name, _floats(name, values, shape))
    _within("propensity", log.propensity, (log.propensity <= 0) | (log.propensity > 1 + ROUNDING))
    _within("target", log.target, (log.target < 0) | (log.target > 1 + ROUNDING))
    if (log.expected_logged is None) != (log.expected_target is None):
        raise BadLog("a model of outcomes gives expected_logged and expected_target, not one alone")
    cluster = np.asarray(log.cluster)
    if cluster.size == 0:
        cluster = np.arange(shape[0])
    if cluster.shape != shape[:1] or not np.issubdtype(cluster.dtype, np.integer):
        raise BadLog(
            f"cluster is {cluster.dtype} {cluster.shape}: give the {shape[0]} rows' customers as "
            "whole numbers"
        )
    object.__setattr__(log, "cluster", cluster.astype(np.int64))


def _floats(name: str, values: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape:
        raise BadLog(f"{name} is {array.shape}, reward {shape}: give one value a choice")
    _within(name, array, ~np.isfinite(array))
    return array


_REMEDY = {
    "propensity": "a choice that was made has a probability in (0, 1]: log it as it was drawn",
    "target": "a probability lies in [0, 1]",
}


def _within(name: str, values: FloatArray, wrong: NDArray[np.bool_]) -> None:
    if wrong.any():
        first = np.argwhere(wrong)[0].tolist()
        raise BadLog(
            f"{name} at {', '.join(map(str, first))} is {values[tuple(first)]:g} "
            f"({int(wrong.sum())} such values): {_REMEDY.get(name, 'give finite numbers')}"
        )
