"""What estimates need of a log, added up by customer: batches may come one after the other.

Every estimate and every diagnosis is a function of these sums, so a log that does not fit into
memory is read in parts, on any number of machines, and the parts are added in any order.
Memory grows with the customers, not with the rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restock.evaluation.folds import FloatArray
from restock.evaluation.ope.logged import BadLog, Logged, LoggedLists

POOR_SUPPORT = 1000.0
"""A choice with a greater weight was logged far too seldom for what the target does with it."""


@dataclass(frozen=True, eq=False)
class Sums:
    """Of single choices. cluster: int64 (c), sorted, distinct. All sums: float64 (c).

    rows: how many. reward: of rewards. weight: of weights w. weighted: of w·reward. expected:
    of the outcome model's mean under the target. residual: of w·(reward - expected of what was
    shown). Over all rows: ``squares``, the sum of w²; ``largest`` w; ``targeted``, rows that
    the target could show; ``supported``, those among them with w ≤ ``POOR_SUPPORT``;
    ``rewarded``, rows with weight and a reward. modelled: the log has an outcome model.
    """

    cluster: NDArray[np.int64]
    rows: FloatArray
    reward: FloatArray
    weight: FloatArray
    weighted: FloatArray
    expected: FloatArray
    residual: FloatArray
    squares: float
    largest: float
    targeted: int
    supported: int
    rewarded: int
    modelled: bool

    @classmethod
    def of(cls, log: Logged) -> "Sums":
        """The sums of a batch."""
        w = log.weight
        expected, residual = np.zeros(log.n), np.zeros(log.n)
        if log.expected_target is not None and log.expected_logged is not None:
            expected, residual = log.expected_target, w * (log.reward - log.expected_logged)
        columns = [np.ones(log.n), log.reward, w, w * log.reward, expected, residual]
        cluster, added = _by_cluster(log.cluster, np.column_stack(columns))
        return cls(
            cluster,
            *added.T,
            squares=float(w @ w),
            largest=float(w.max(initial=0.0)),
            targeted=int((w > 0).sum()),
            supported=int(((w > 0) & (w <= POOR_SUPPORT)).sum()),
            rewarded=int(((w > 0) & (log.reward != 0)).sum()),
            modelled=log.expected_target is not None,
        )

    def __add__(self, other: "Sums") -> "Sums":
        """Both batches together; BadLog when one of them has an outcome model and one has not."""
        if self.modelled != other.modelled:
            raise BadLog("one batch has an outcome model and the other has not: give it to both")
        cluster, added = _by_cluster(
            np.concatenate([self.cluster, other.cluster]),
            np.concatenate([self._columns(), other._columns()]),
        )
        return Sums(
            cluster,
            *added.T,
            squares=self.squares + other.squares,
            largest=max(self.largest, other.largest),
            targeted=self.targeted + other.targeted,
            supported=self.supported + other.supported,
            rewarded=self.rewarded + other.rewarded,
            modelled=self.modelled,
        )

    @property
    def n(self) -> int:
        """Rows in all."""
        return round(float(self.rows.sum()))

    def _columns(self) -> FloatArray:
        return np.column_stack(
            [self.rows, self.reward, self.weight, self.weighted, self.expected, self.residual]
        )


@dataclass(frozen=True, eq=False)
class ListSums:
    """Of lists of k places. cluster: int64 (c), sorted, distinct.

    rows: float64 (c), lists. whole: float64 (c), of (the whole list's weight)·(its rewards). The
    other sums by customer are float64 (c × k), place by place. reward: of rewards. alone: of (a
    place's own weight v)·reward. weight: of w, the weight of the list down to the place.
    weighted: of w·reward. modelled_value: of w·(reward - expected of what was shown) + (w one
    place above)·(expected under the target).

    Over all lists, float64 (k): ``squares`` of w, ``largest`` w, ``alone_weight`` and
    ``alone_squares`` of v and v², ``reward_squares``. Lists, counted as in ``Sums``:
    ``targeted`` and ``supported`` by their whole weight, ``rewarded`` by that of the place.
    """

    cluster: NDArray[np.int64]
    rows: FloatArray
    whole: FloatArray
    reward: FloatArray
    alone: FloatArray
    weight: FloatArray
    weighted: FloatArray
    modelled_value: FloatArray
    squares: FloatArray
    largest: FloatArray
    alone_weight: FloatArray
    alone_squares: FloatArray
    reward_squares: FloatArray
    targeted: int
    supported: int
    rewarded: int
    modelled: bool

    @classmethod
    def of(cls, log: LoggedLists) -> "ListSums":
        """The sums of a batch."""
        w, alone, reward = log.weight, log.place_weight, log.reward
        list_weight = w[:, -1]
        value = np.zeros_like(reward)
        if log.expected_target is not None and log.expected_logged is not None:
            above = np.column_stack([np.ones(log.n), w[:, :-1]])
            value = w * (reward - log.expected_logged) + above * log.expected_target
        by_list = [np.ones(log.n), list_weight * reward.sum(axis=1)]
        by_place = [reward, alone * reward, w, w * reward, value]
        cluster, added = _by_cluster(log.cluster, np.column_stack(by_list + by_place))
        return cls(
            cluster,
            *_split(added),
            squares=np.square(w).sum(axis=0),
            largest=w.max(axis=0, initial=0.0),
            alone_weight=alone.sum(axis=0),
            alone_squares=np.square(alone).sum(axis=0),
            reward_squares=np.square(reward).sum(axis=0),
            targeted=int((list_weight > 0).sum()),
            supported=int(((list_weight > 0) & (list_weight <= POOR_SUPPORT)).sum()),
            rewarded=int(((w > 0) & (reward != 0)).any(axis=1).sum()),
            modelled=log.expected_target is not None,
        )

    def __add__(self, other: "ListSums") -> "ListSums":
        """Both batches together; BadLog for other lengths, or an outcome model on one side only."""
        if self.k != other.k:
            raise BadLog(f"lists of {self.k} and of {other.k} places: pad them to one length")
        if self.modelled != other.modelled:
            raise BadLog("one batch has an outcome model and the other has not: give it to both")
        cluster, added = _by_cluster(
            np.concatenate([self.cluster, other.cluster]),
            np.concatenate([self._columns(), other._columns()]),
        )
        return ListSums(
            cluster,
            *_split(added),
            squares=self.squares + other.squares,
            largest=np.maximum(self.largest, other.largest),
            alone_weight=self.alone_weight + other.alone_weight,
            alone_squares=self.alone_squares + other.alone_squares,
            reward_squares=self.reward_squares + other.reward_squares,
            targeted=self.targeted + other.targeted,
            supported=self.supported + other.supported,
            rewarded=self.rewarded + other.rewarded,
            modelled=self.modelled,
        )

    @property
    def n(self) -> int:
        """Lists in all."""
        return round(float(self.rows.sum()))

    @property
    def k(self) -> int:
        """Places."""
        return int(self.weight.shape[1])

    def _columns(self) -> FloatArray:
        by_place = [self.reward, self.alone, self.weight, self.weighted, self.modelled_value]
        return np.column_stack([self.rows, self.whole, *by_place])


def _split(added: FloatArray) -> list[FloatArray]:
    """Columns as ``ListSums`` names them: two of lists, then five blocks of places."""
    return [added[:, 0], added[:, 1], *np.split(added[:, 2:], 5, axis=1)]


def _by_cluster(
    cluster: NDArray[np.int64], columns: FloatArray
) -> tuple[NDArray[np.int64], FloatArray]:
    """The distinct clusters in order, and the sums of each (clusters × columns)."""
    distinct, code = np.unique(cluster, return_inverse=True)
    sums = [np.bincount(code, weights=column, minlength=distinct.size) for column in columns.T]
    return distinct, np.array(sums).reshape(len(sums), distinct.size).T
