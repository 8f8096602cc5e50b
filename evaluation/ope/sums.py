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


@dataclass(frozen=True)
class Support:
    """Of rows, or lists. targeted: those that the target could show. near: among them, those with
    a weight up to ``POOR_SUPPORT``.
    """

    targeted: int
    near: int

    @classmethod
    def of(cls, weight: FloatArray) -> "Support":
        """Of the weights of a batch."""
        return cls(int((weight > 0).sum()), int(((weight > 0) & (weight <= POOR_SUPPORT)).sum()))

    def __add__(self, other: "Support") -> "Support":
        """Both batches together."""
        return Support(self.targeted + other.targeted, self.near + other.near)


@dataclass(frozen=True, eq=False)
class Sums:
    """Of single choices with weights w.

    cluster: int64 (c), sorted, distinct. columns: float64 (c × 6), named below. squares: the sum
    of w². largest: w. modelled: the log has an outcome model.
    """

    cluster: NDArray[np.int64]
    columns: FloatArray
    squares: float
    largest: float
    support: Support
    modelled: bool

    @classmethod
    def of(cls, log: Logged) -> "Sums":
        """The sums of a batch."""
        w = log.weight
        expected, residual = np.zeros(log.n), np.zeros(log.n)
        if log.expected_target is not None and log.expected_logged is not None:
            expected, residual = log.expected_target, w * (log.reward - log.expected_logged)
        columns = [np.ones(log.n), log.reward, w, w * log.reward, expected, residual]
        return cls(
            *_by_cluster(log.cluster, np.column_stack(columns)),
            squares=float(w @ w),
            largest=float(w.max(initial=0.0)),
            support=Support.of(w),
            modelled=log.expected_target is not None,
        )

    def __add__(self, other: "Sums") -> "Sums":
        """Both batches together; BadLog when one of them has an outcome model and one has not."""
        _same_model(self, other)
        return Sums(
            *_joined(self, other),
            squares=self.squares + other.squares,
            largest=max(self.largest, other.largest),
            support=self.support + other.support,
            modelled=self.modelled,
        )

    @property
    def n(self) -> int:
        """Rows in all."""
        return round(float(self.rows.sum()))

    @property
    def rows(self) -> FloatArray:
        """How many (float64, c; so are the other columns)."""
        return self.columns[:, 0]

    @property
    def reward(self) -> FloatArray:
        """Of rewards."""
        return self.columns[:, 1]

    @property
    def weight(self) -> FloatArray:
        """Of w."""
        return self.columns[:, 2]

    @property
    def weighted(self) -> FloatArray:
        """Of w·reward."""
        return self.columns[:, 3]

    @property
    def expected(self) -> FloatArray:
        """Of the outcome model's mean under the target."""
        return self.columns[:, 4]

    @property
    def residual(self) -> FloatArray:
        """Of w·(reward - what the model expects of the choice shown)."""
        return self.columns[:, 5]


@dataclass(frozen=True, eq=False)
class ListSums:
    """Of lists of k places, with weights w down to each place and v of each place alone.

    cluster: int64 (c), sorted, distinct. columns: float64 (c × (2 + 5 k)), named below. totals:
    float64 (4 × k), over all lists the sums of w², v, v² and reward². largest: w, float64 (k).
    support: by the weight of the whole list. modelled: the log has an outcome model.
    """

    cluster: NDArray[np.int64]
    columns: FloatArray
    totals: FloatArray
    largest: FloatArray
    support: Support
    modelled: bool

    @classmethod
    def of(cls, log: LoggedLists) -> "ListSums":
        """The sums of a batch."""
        w, v, reward = log.weight, log.place_weight, log.reward
        value = np.zeros_like(reward)
        if log.expected_target is not None and log.expected_logged is not None:
            above = np.column_stack([np.ones(log.n), w[:, :-1]])
            value = w * (reward - log.expected_logged) + above * log.expected_target
        by_list = [np.ones(log.n), w[:, -1] * reward.sum(axis=1)]
        by_place = [reward, v * reward, w, w * reward, value]
        totals = [np.square(w), v, np.square(v), np.square(reward)]
        return cls(
            *_by_cluster(log.cluster, np.column_stack(by_list + by_place)),
            totals=np.array([part.sum(axis=0) for part in totals]),
            largest=w.max(axis=0, initial=0.0),
            support=Support.of(w[:, -1]),
            modelled=log.expected_target is not None,
        )

    def __add__(self, other: "ListSums") -> "ListSums":
        """Both batches together; BadLog for other lengths, or an outcome model on one side only."""
        if self.k != other.k:
            raise BadLog(f"lists of {self.k} and of {other.k} places: pad them to one length")
        _same_model(self, other)
        return ListSums(
            *_joined(self, other),
            totals=self.totals + other.totals,
            largest=np.maximum(self.largest, other.largest),
            support=self.support + other.support,
            modelled=self.modelled,
        )

    @property
    def n(self) -> int:
        """Lists in all."""
        return round(float(self.rows.sum()))

    @property
    def k(self) -> int:
        """Places."""
        return self.largest.size

    @property
    def rows(self) -> FloatArray:
        """Lists (float64, c)."""
        return self.columns[:, 0]

    @property
    def whole(self) -> FloatArray:
        """Of (the whole list's w)·(its rewards) (float64, c)."""
        return self.columns[:, 1]

    @property
    def reward(self) -> FloatArray:
        """Of rewards (float64, c × k; so are the others)."""
        return self._places(0)

    @property
    def alone(self) -> FloatArray:
        """Of v·reward."""
        return self._places(1)

    @property
    def weight(self) -> FloatArray:
        """Of w."""
        return self._places(2)

    @property
    def weighted(self) -> FloatArray:
        """Of w·reward."""
        return self._places(3)

    @property
    def modelled_value(self) -> FloatArray:
        """Of w·(reward - expected of what was shown) + (w one place above)·(expected under the
        target)."""
        return self._places(4)

    def _places(self, block: int) -> FloatArray:
        return self.columns[:, 2 + block * self.k : 2 + (block + 1) * self.k]


def _same_model(one: Sums | ListSums, other: Sums | ListSums) -> None:
    if one.modelled != other.modelled:
        raise BadLog("one batch has an outcome model and the other has not: give it to both")


def _joined(one: Sums | ListSums, other: Sums | ListSums) -> tuple[NDArray[np.int64], FloatArray]:
    return _by_cluster(
        np.concatenate([one.cluster, other.cluster]),
        np.concatenate([one.columns, other.columns]),
    )


def _by_cluster(
    cluster: NDArray[np.int64], columns: FloatArray
) -> tuple[NDArray[np.int64], FloatArray]:
    """The distinct clusters in order, and the sums of each (clusters × columns)."""
    distinct, code = np.unique(cluster, return_inverse=True)
    sums = np.zeros((distinct.size, columns.shape[1]))
    for at, column in enumerate(columns.T):
        sums[:, at] = np.bincount(code, weights=column, minlength=distinct.size)
    return distinct, sums
