"""Scorecards: the metrics of one candidate on one fold, customer by customer."""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from restock.dataset.catalogue import IntArray
from restock.evaluation import metrics as m
from restock.evaluation.folds import BoolArray, FloatArray
from restock.kernels import metrics as kernels

SCHEMA_VERSION = 2
Segment = Literal["all", "repeat", "new", "cold"]


@dataclass(frozen=True, eq=False)
class Scorecard:
    """Per-customer metric values of one candidate on one fold: a matrix, not a mean.

    fold_hash: the comparability hash of the fold, K included. cutoff, horizon_days: its
    window. customer: int32 (rows), codes. market: object array of str (rows). cold: bool
    (rows), no purchase before the cut-off. lists: int32 (rows × k), the judged lists.
    values: float64 (rows × ``metrics.columns(k)``), NaN where undefined. part: int32 (rows),
    which of the concatenated folds a row comes from; n_candidates: the size of its range.
    """

    fold_hash: str
    k: int
    cutoff: dt.date
    horizon_days: int
    customer: IntArray
    market: NDArray[np.object_]
    cold: BoolArray
    part: IntArray
    lists: IntArray
    values: FloatArray
    n_candidates: tuple[int, ...]

    def __repr__(self) -> str:
        return (
            f"Scorecard({self.cutoff} + {self.horizon_days} days: {self.n_customers:,} customers, "
            f"ndcg_at_{self.k} {self.mean()[m.metric_name('ndcg', self.k)]:.4f})"
        )

    @property
    def end(self) -> dt.date:
        """The first day after the window."""
        return self.cutoff + dt.timedelta(days=self.horizon_days)

    @property
    def n_customers(self) -> int:
        """Judged customers (cold ones are not among them)."""
        return int((~self.cold).sum())

    def column(self, name: str) -> FloatArray:
        """One column of ``per_customer``, by name (float64, judged customers)."""
        return self.values[~self.cold, self._at(name)]

    def _at(self, name: str) -> int:
        names = m.columns(self.k)
        if name not in names:
            raise KeyError(f"no column {name!r} in a scorecard of k = {self.k}")
        return names.index(name)

    @cached_property
    def per_customer(self) -> pd.DataFrame:
        """One row per judged customer, by market and code: customer, market, all columns."""
        return self._frame(~self.cold)

    def _frame(self, rows: BoolArray) -> pd.DataFrame:
        frame = pd.DataFrame(self.values[rows], columns=list(m.columns(self.k)))
        frame.insert(0, "customer", self.customer[rows])
        frame.insert(1, "market", self.market[rows])
        return frame

    def _rows(self, segment: Segment) -> BoolArray:
        if segment == "cold":
            return self.cold
        suffix = "" if segment == "all" else f"_{segment}"
        relevant: BoolArray = ~np.isnan(self.values[:, self._at(f"spend{suffix}")])
        return relevant & ~self.cold

    @property
    def segments(self) -> dict[Segment, int]:
        """How many customers each segment has."""
        names: tuple[Segment, ...] = ("all", "repeat", "new", "cold")
        return {name: int(self._rows(name).sum()) for name in names}

    def mean(self, segment: Segment = "all") -> dict[str, float]:
        """The metrics of a segment by public name (``ndcg_at_10``), NaN where undefined.

        all: judged customers. repeat, new: only items bought before, or never before, are
        relevant; customers who bought none such are left out. cold: customers without
        history. See ``metrics.EXPLAINED`` for what each metric says.
        """
        rows, k = self._rows(segment), self.k
        suffix = f"_{segment}" if segment in ("repeat", "new") else ""
        columns = {f"{name}_at_{k}": f"{name}_at_{k}{suffix}" for name in m.AVERAGED}
        columns |= {f"{name}_at_{k}": f"{name}_at_{k}" for name in m.LISTED}
        money = f"captured_at_{k}{suffix}", f"spend{suffix}"
        at = np.array([self._at(name) for name in (*columns.values(), *money)])
        average, total = kernels.means(self.values, at, rows)
        captured, spend = total[-2:].tolist()
        means = dict(zip(columns, average.tolist(), strict=False))
        means[f"{m.REVENUE_SHARE}_at_{k}"] = captured / spend if spend > 0 else float("nan")
        return means | self._of_all_lists(rows)

    def _of_all_lists(self, rows: BoolArray) -> dict[str, float]:
        total, n_items = sum(self.n_candidates), int(self.lists.max(initial=0)) + 1
        parts = len(self.n_candidates)
        part = self.part.astype(np.int32, copy=False)
        counts = kernels.count_listed(self.lists, rows, part, parts, n_items)
        counts = counts[counts > 0]
        nothing = total == 0 or not rows.any()
        return {
            f"coverage_at_{self.k}": float("nan") if nothing else counts.size / total,
            f"gini_at_{self.k}": float("nan") if nothing else m.gini(counts, total),
        }

    # selections ---------------------------------------------------------------------------
    def of_customers(self, which: IntArray | BoolArray) -> Self:
        """The scorecard of some customers: codes, or a mask over ``per_customer``'s rows.

        A mask leaves the cold customers out. The hash becomes that of the selection: two
        candidates compare when the same customers were selected from the same fold.
        """
        if which.dtype == np.bool_:
            if which.shape != (self.n_customers,):
                raise ValueError(f"the mask must be bool of shape ({self.n_customers},)")
            rows = np.zeros(self.customer.size, dtype=bool)
            rows[np.flatnonzero(~self.cold)[which]] = True
        else:
            rows = np.isin(self.customer, which)
        chosen = self._select(rows)
        return replace(chosen, fold_hash=_digest(self.fold_hash, chosen.customer.tobytes()))

    def _select(self, rows: NDArray[np.bool_ | np.int64]) -> Self:
        names = ("customer", "market", "cold", "part", "lists", "values")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def in_currency(self, rates: Mapping[str, float]) -> Self:
        """Money in the reporting currency: each market's amounts times its rate.

        rates: units of the reporting currency per unit of the market's own; a market that is
        not named keeps its amounts. Only sums over markets change.
        """
        present = {str(market) for market in set(self.market)}
        by_row = np.ones(self.market.size)
        for market in present & rates.keys():
            by_row[self.market == market] = rates[market]
        money = [
            at
            for at, name in enumerate(m.columns(self.k))
            if name.startswith(("captured", "spend", "listed_value"))
        ]
        values = self.values.copy()
        values[:, money] *= by_row[:, None]
        return replace(self, values=values)

    @classmethod
    def concat(cls, scorecards: Sequence["Scorecard"]) -> "Scorecard":
        """Pool the scorecards of one cut-off, one per market; their order does not matter.

        Raises ValueError when cut-off, horizon or k differ. See ``in_currency``.
        """
        if not scorecards:
            raise ValueError("there is no scorecard to pool")
        if len({(s.cutoff, s.horizon_days, s.k) for s in scorecards}) > 1:
            raise ValueError("only scorecards of the same cut-off, horizon and k can be pooled")
        ordered = sorted(scorecards, key=lambda s: s.fold_hash)
        first_part = np.cumsum([0] + [len(s.n_candidates) for s in ordered])
        whole = cls(
            _digest(*(s.fold_hash for s in ordered)),
            ordered[0].k,
            ordered[0].cutoff,
            ordered[0].horizon_days,
            np.concatenate([s.customer for s in ordered]),
            np.concatenate([s.market for s in ordered]),
            np.concatenate([s.cold for s in ordered]),
            np.concatenate([s.part + at for s, at in zip(ordered, first_part, strict=False)]),
            np.concatenate([s.lists for s in ordered]),
            np.concatenate([s.values for s in ordered]),
            tuple(n for s in ordered for n in s.n_candidates),
        )
        return whole._select(np.lexsort((whole.customer, whole.market.astype(str))))

    # files --------------------------------------------------------------------------------
    def save(self, path: Path) -> None:
        """Write one Parquet file: rows as columns, the rest as JSON in its metadata."""
        about = {
            "schema_version": SCHEMA_VERSION,
            "fold_hash": self.fold_hash,
            "k": self.k,
            "cutoff": self.cutoff.isoformat(),
            "horizon_days": self.horizon_days,
            "n_candidates": list(self.n_candidates),
        }
        lists = pa.array(np.ascontiguousarray(self.lists).ravel(), pa.int32())
        table = pa.table(
            {
                "customer": self.customer,
                "market": pa.array(self.market, pa.string()),
                "cold": self.cold,
                "part": self.part,
                "list": pa.FixedSizeListArray.from_arrays(lists, self.k),
                **{name: self.values[:, at] for at, name in enumerate(m.columns(self.k))},
            }
        )
        table = table.replace_schema_metadata({"restock": json.dumps(about)})
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, compression="zstd")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote."""
        table = pq.read_table(path)
        about = json.loads((table.schema.metadata or {}).get(b"restock", b"{}"))
        if about.get("schema_version") != SCHEMA_VERSION:
            raise ValueError(
                f"{path} is no scorecard of schema {SCHEMA_VERSION}: judge the candidate again"
            )
        k = int(about["k"])
        lists = table["list"].combine_chunks().flatten().to_numpy().reshape(-1, k)
        values = [table[name].to_numpy() for name in m.columns(k)]
        return cls(
            about["fold_hash"],
            k,
            dt.date.fromisoformat(about["cutoff"]),
            int(about["horizon_days"]),
            table["customer"].to_numpy(),
            table["market"].to_numpy(),
            table["cold"].to_numpy(),
            table["part"].to_numpy(),
            lists,
            np.column_stack(values),
            tuple(about["n_candidates"]),
        )


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
    return digest.hexdigest()
