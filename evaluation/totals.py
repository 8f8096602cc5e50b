"""Per-customer totals over folds: what a paired comparison is computed from."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from restock.evaluation import metrics as m
from restock.evaluation.folds import FloatArray
from restock.evaluation.scorecard import Scorecard


@dataclass(frozen=True, eq=False)
class Ground:
    """The customers and windows that two candidates are compared on.

    Taken from the scorecards of one of them, one per fold (or per fold and market).
    """

    scorecards: tuple[Scorecard, ...]

    @cached_property
    def _keys(self) -> tuple[NDArray[np.int64], int]:
        """The cluster of each row of all scorecards together, and the number of clusters.

        A customer who is in several folds is one cluster. Markets may have catalogues of
        their own, so a code alone does not name a customer.
        """
        markets: dict[str, int] = {}
        keys = []
        for card in self.scorecards:
            names = card.market[~card.cold]
            present = {str(name) for name in set(names)}
            for name in sorted(present):
                markets.setdefault(name, len(markets))
            if len(present) == 1:
                market = np.full(names.size, markets[present.pop()])
            else:
                market = np.array([markets[str(name)] for name in names], dtype=np.int64)
            keys.append(market.astype(np.int64) << 32 | card.customer[~card.cold])
        whole = np.concatenate(keys) if keys else np.empty(0, np.int64)
        unique, cluster = np.unique(whole, return_inverse=True)
        return cluster.astype(np.int64), int(unique.size)

    @property
    def n_customers(self) -> int:
        """Distinct customers over all folds."""
        return self._keys[1]

    @property
    def identities(self) -> set[tuple[str, int]]:
        """The comparability hashes."""
        return {(card.fold_hash, card.k) for card in self.scorecards}

    @cached_property
    def cutoffs(self) -> tuple[dt.date, ...]:
        """The different cut-offs, oldest first."""
        return tuple(sorted({card.cutoff for card in self.scorecards}))

    def arranged(self, scorecards: Sequence[Scorecard]) -> list[Scorecard]:
        """The other candidate's scorecards in the order of these.

        Raises ValueError when they are not from the same folds.
        """
        by_hash = {(card.fold_hash, card.k): card for card in scorecards}
        if by_hash.keys() != self.identities or len(scorecards) != len(self.scorecards):
            mine = sorted(f"{card.cutoff} at {card.k}" for card in self.scorecards)
            other = sorted(f"{card.cutoff} at {card.k}" for card in scorecards)
            raise ValueError(
                "only scorecards of the same folds can be compared (same customers, candidate "
                f"items, cut-offs, horizon and k): one side has {mine}, the other {other}, and "
                "their hashes differ; judge both candidates on the same list of folds"
            )
        return [by_hash[(card.fold_hash, card.k)] for card in self.scorecards]

    def above(self, scorecards: Sequence[Scorecard], names: Sequence[str]) -> FloatArray:
        """Each customer's sum of the numerators of the metrics (customers × names)."""
        return self._add_up([_numerators(card, names) for card in scorecards], len(names))

    def below(self, names: Sequence[str]) -> FloatArray:
        """Each customer's sum of the denominators: windows that count, or spend."""
        return self._add_up([_denominators(card, names) for card in self.scorecards], len(names))

    def per_cutoff(self, scorecards: Sequence[Scorecard], names: Sequence[str]) -> FloatArray:
        """The metrics of each cut-off on its own (cut-offs × names), NaN where undefined."""
        above = np.zeros((len(self.cutoffs), len(names)))
        below = np.zeros_like(above)
        for card in scorecards:
            at = self.cutoffs.index(card.cutoff)
            above[at] += _numerators(card, names).sum(axis=0)
            below[at] += _denominators(card, names).sum(axis=0)
        return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)

    def _add_up(self, parts: list[FloatArray], width: int) -> FloatArray:
        cluster, n = self._keys
        total = np.zeros((n, width))
        if n:
            order = np.argsort(cluster, kind="stable")
            starts = np.searchsorted(cluster[order], np.arange(n))
            total = np.add.reduceat(np.concatenate(parts)[order], starts, axis=0)
        return total


def _numerators(card: Scorecard, names: Sequence[str]) -> FloatArray:
    columns = []
    for name in names:
        metric, k, segment = m.parse_name(name)
        share = metric == m.REVENUE_SHARE
        columns.append(card.column(m.metric_name("captured", k, segment) if share else name))
    return np.nan_to_num(np.column_stack(columns))


def _denominators(card: Scorecard, names: Sequence[str]) -> FloatArray:
    columns = []
    for name in names:
        metric, _, segment = m.parse_name(name)
        if metric == m.REVENUE_SHARE:
            columns.append(card.column("spend" if segment == "all" else f"spend_{segment}"))
        else:
            columns.append((~np.isnan(card.column(name))).astype(np.float64))
    return np.nan_to_num(np.column_stack(columns))
