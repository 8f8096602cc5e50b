"""Arbitrary logs for off-policy estimates."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from restock.evaluation.ope import Logged, LoggedLists


def _floats(shape: int | tuple[int, int], low: float, high: float) -> st.SearchStrategy:
    return npst.arrays(np.float64, shape, elements=st.floats(low, high, width=32))


@st.composite
def logs(draw: st.DrawFn, rows: int | None = None) -> Logged:
    """A few rows of a few customers, with an outcome model; some weight is above 0."""
    n = rows or draw(st.integers(2, 25))
    target = draw(_floats(n, 0.0, 1.0))
    target[0] = max(target[0], 0.125)
    return Logged(
        reward=draw(_floats(n, 0.0, 100.0)),
        propensity=draw(_floats(n, 0.03125, 1.0)),
        target=target,
        cluster=draw(npst.arrays(np.int64, n, elements=st.integers(-3, 6))),
        expected_logged=draw(_floats(n, 0.0, 100.0)),
        expected_target=draw(_floats(n, 0.0, 100.0)),
    )


@st.composite
def list_logs(draw: st.DrawFn, places: int | None = None) -> LoggedLists:
    """A few lists of a few customers, some shorter than others; some list has a weight."""
    n, k = draw(st.integers(2, 10)), places or draw(st.integers(1, 4))
    target = draw(_floats((n, k), 0.0, 1.0))
    target[0] = np.maximum(target[0], 0.125)
    there = draw(npst.arrays(np.bool_, (n, k)))
    return LoggedLists(
        reward=draw(_floats((n, k), 0.0, 100.0)),
        propensity=draw(_floats((n, k), 0.03125, 1.0)),
        target=target,
        there=there,
        cluster=draw(npst.arrays(np.int64, n, elements=st.integers(-3, 6))),
        expected_logged=draw(_floats((n, k), 0.0, 100.0)),
        expected_target=draw(_floats((n, k), 0.0, 100.0)),
    )


def rows_of(log: Logged, rows: np.ndarray) -> Logged:
    """Some rows of a log, in this order."""
    return Logged(
        *(getattr(log, name)[rows] for name in ("reward", "propensity", "target", "cluster")),
        log.expected_logged[rows],
        log.expected_target[rows],
    )


def lists_of(log: LoggedLists, rows: np.ndarray) -> LoggedLists:
    """Some lists of a log, in this order."""
    names = ("reward", "propensity", "target", "there", "cluster")
    return LoggedLists(
        *(getattr(log, name)[rows] for name in names),
        log.expected_logged[rows],
        log.expected_target[rows],
    )


def in_currency(log: Logged | LoggedLists, rate: float) -> Logged | LoggedLists:
    """The log with its money in another currency."""
    return replace(
        log,
        reward=rate * log.reward,
        expected_logged=rate * log.expected_logged,
        expected_target=rate * log.expected_target,
    )
