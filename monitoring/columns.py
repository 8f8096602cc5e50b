"""Which columns of a table differ between two windows? Fast, for millions of rows.

This is the standard table of drift tests. Rows count as independent: with many lines of one
customer its p-values are far too small (see ``restock.monitoring.clustered``), so alarms do not
rest on it; it shows where to look.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kstwo

from restock.kernels.policy import over_blocks
from restock.kernels.two_samples import ks_distance
from restock.monitoring.findings import Record

MOST_LEVELS = 100
Table = pd.DataFrame | Mapping[str, Any]


class ColumnShift(Record):
    """How far one column moved.

    statistic: ``ks`` (numbers: the largest gap between the distribution functions, 0 … 1) or
    ``psi`` (levels). p_value: of ks, rows taken as independent. js: Jensen-Shannon distance of
    the levels (base 2, 0 … 1). missing: shares without a value, before and now. drifted: ks at
    p ≤ 0.05, or psi ≥ 0.1, unless other thresholds were given.
    """

    column: str
    statistic: Literal["ks", "psi"]
    value: float
    p_value: float | None = None
    js: float | None = None
    missing: tuple[float, float]
    drifted: bool


def compare_columns(
    reference: Table,
    current: Table,
    *,
    columns: Sequence[str] | None = None,
    most_p: float = 0.05,
    least_psi: float = 0.1,
    threads: int = 1,
) -> tuple[ColumnShift, ...]:
    """Compare the columns (None: those of the reference) of two tables.

    Numbers and times are compared by the exact two-sample Kolmogorov-Smirnov distance, with the
    p-value of its asymptotic distribution; texts, categories and booleans by the population
    stability index over at most 100 levels: the most frequent of the reference, the others
    joined. A level without a row counts as half a row, so that the index is finite.

    Cost: one sort of each number column in each table, one hashing of each other column; memory:
    two columns per thread. ValueError for a column that one table lacks, or without any value.
    """
    names = list(reference.keys() if columns is None else columns)
    for name in names:
        for table, which in ((reference, "reference"), (current, "current")):
            if name not in table:
                raise ValueError(f"the {which} table has no column {name!r}")

    def one(at: int, _: int) -> ColumnShift:
        before, now = pd.Series(reference[names[at]]), pd.Series(current[names[at]])
        return _compare(names[at], before, now, most_p, least_psi)

    return tuple(over_blocks(one, len(names), 1, threads))


def psi(reference: NDArray[np.floating], current: NDArray[np.floating]) -> float:
    """Population stability index of two vectors of counts over the same levels.

    sum over levels of (q - p) ln(q / p), with shares p before and q now; a level without a row
    counts as half a row (Siddiqi 2006, with the floor that makes it finite).
    """
    p = np.maximum(reference, 0.5) / max(reference.sum(), 1)
    q = np.maximum(current, 0.5) / max(current.sum(), 1)
    return float(np.sum((q - p) * np.log(q / p)))


def js_distance(reference: NDArray[np.floating], current: NDArray[np.floating]) -> float:
    """Jensen-Shannon distance of two vectors of counts over the same levels, base 2 (0 … 1).

    The square root of the divergence (Lin 1991; Endres and Schindelin 2003), a metric. Agrees
    with ``scipy.spatial.distance.jensenshannon(p, q, base=2)``.
    """
    p, q = reference / reference.sum(), current / current.sum()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log2(p / middle), 0) + np.where(
            q > 0, q * np.log2(q / middle), 0
        )
    return float(np.sqrt(max(terms.sum() / 2, 0.0)))


def _compare(
    name: str, reference: pd.Series, current: pd.Series, most_p: float, least_psi: float
) -> ColumnShift:
    if _is_number(reference) and _is_number(current):
        one, other = _sorted(reference), _sorted(current)
        missing = _missing(name, reference, one.size), _missing(name, current, other.size)
        distance = ks_distance(one, other)
        rows = max(round(one.size * other.size / (one.size + other.size)), 1)
        p = float(np.clip(kstwo.sf(distance, rows), 0, 1))
        return ColumnShift(
            column=name, statistic="ks", value=distance, p_value=p, missing=missing,
            drifted=p <= most_p,
        )  # fmt: skip
    before, now = reference.value_counts(), current.value_counts()
    missing = _missing(name, reference, before.sum()), _missing(name, current, now.sum())
    counts = _joined(before.rename(index=str), now.rename(index=str))
    value = psi(*counts)
    return ColumnShift(
        column=name, statistic="psi", value=value, js=js_distance(*counts), missing=missing,
        drifted=value >= least_psi,
    )  # fmt: skip


def _missing(name: str, column: pd.Series, there: int) -> float:
    if not there:
        raise ValueError(f"column {name!r} has no value in one of the tables: leave it out")
    return 1.0 - there / len(column)


def _is_number(column: pd.Series) -> bool:
    kinds = pd.api.types
    if kinds.is_bool_dtype(column):
        return False
    return kinds.is_numeric_dtype(column) or kinds.is_datetime64_any_dtype(column)


def _sorted(column: pd.Series) -> NDArray[np.float64]:
    values = column.dropna()
    if pd.api.types.is_datetime64_any_dtype(values):
        values = values.astype("int64")
    return np.sort(values.to_numpy(dtype=np.float64))


def _joined(before: pd.Series, now: pd.Series) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Counts over the most frequent levels of the reference, and over all others together."""
    levels = before.index[: MOST_LEVELS - 1]
    counts, known = before.iloc[: levels.size].to_numpy(), now.reindex(levels, fill_value=0)
    counts = np.append(counts, before.sum() - counts.sum()).astype(np.float64)
    others = np.append(known, now.sum() - known.sum()).astype(np.float64)
    used = counts + others > 0
    return counts[used], others[used]
