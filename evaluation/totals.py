"""Per-customer totals over folds: what a paired comparison is computed from."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from restock.evaluation import metrics as m
from restock.evaluation.folds import FloatArray
from restock.evaluation.scorecard import Scorecard
from restock.evaluation.significance import resampled_sums


@dataclass(frozen=True, eq=False)
class Ground:
    """The customers and windows that two candidates are compared on.

    Taken from the scorecards of one of them, one per fold (or per fold and market).
    """

    scorecards: tuple[Scorecard, ...]

    @cached_property
    def _keys(self) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
        """The cluster of each row of all scorecards together, and the market of each cluster.

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
        return cluster.astype(np.int64), np.array([*markets, ""], dtype=object)[unique >> 32]

    @property
    def n_customers(self) -> int:
        """Distinct customers over all folds."""
        return int(self._keys[1].size)

    @property
    def market_of_customer(self) -> NDArray[np.object_]:
        """The market of each row of ``by_customer`` (object array of str), together."""
        return self._keys[1]

    @cached_property
    def _rows_by_customer(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows of all scorecards in order of their cluster, and where each cluster starts."""
        cluster = self._keys[0]
        order = np.argsort(cluster, kind="stable")
        return order, np.searchsorted(cluster[order], np.arange(self.n_customers))

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

    def by_customer(self, parts: Sequence[FloatArray]) -> FloatArray:
        """Add up rows per customer: one part per scorecard → (customers × columns)."""
        rows = np.concatenate(parts)
        if self.n_customers == 0:
            return rows
        order, starts = self._rows_by_customer
        total: FloatArray = np.add.reduceat(rows[order], starts, axis=0)
        return total

    def by_cutoff(self, parts: Sequence[FloatArray]) -> FloatArray:
        """Add up rows per cut-off: one part per scorecard → (cut-offs × columns)."""
        total = np.zeros((len(self.cutoffs), parts[0].shape[1]))
        for card, part in zip(self.scorecards, parts, strict=True):
            total[self.cutoffs.index(card.cutoff)] += part.sum(axis=0)
        return total


@dataclass(frozen=True, eq=False)
class Totals:
    """What candidates add up to on one ground: enough to compare any two of them.

    sides: the scorecards of each candidate, in the order of the ground's. names: the metrics,
    which are the columns of all arrays (float64). resamples, seed: see ``drawn``.
    """

    ground: Ground
    sides: Sequence[Sequence[Scorecard]]
    names: tuple[str, ...]
    resamples: int
    seed: int

    @property
    def below(self) -> FloatArray:
        """What each customer adds below the line of a metric, for all sides alike."""
        return self._below[0]

    @property
    def windows_below(self) -> FloatArray:
        """The same for each cut-off."""
        return self._below[1]

    @property
    def above(self) -> list[FloatArray]:
        """What each customer adds above the line, for each side."""
        return [by_customer for by_customer, _ in self._above]

    @property
    def windows_above(self) -> list[FloatArray]:
        """The same for each cut-off."""
        return [by_cutoff for _, by_cutoff in self._above]

    @cached_property
    def sum_below(self) -> FloatArray:
        """``below`` of all customers (names)."""
        total: FloatArray = self.below.sum(axis=0)
        return total

    @cached_property
    def sum_above(self) -> list[FloatArray]:
        """``above`` of all customers (names), for each side."""
        return [above.sum(axis=0) for above in self.above]

    @cached_property
    def counted(self) -> NDArray[np.int64]:
        """How many customers add anything below the line (names)."""
        return np.count_nonzero(self.below > 0, axis=0)

    @cached_property
    def drawn(self) -> tuple[FloatArray, list[FloatArray]]:
        """Sums over bootstrap samples of customers, the same ones below the line and above.

        (resamples × names) each; see ``resampled_sums``.
        """
        sums = resampled_sums(np.hstack([self.below, *self.above]), self.resamples, self.seed)
        below, *above = np.split(sums, 1 + len(self.sides), axis=1)
        return below, above

    @cached_property
    def _below(self) -> tuple[FloatArray, FloatArray]:
        return self._sums([denominators(card, self.names) for card in self.ground.scorecards])

    @cached_property
    def _above(self) -> list[tuple[FloatArray, FloatArray]]:
        return [self._sums([numerators(card, self.names) for card in side]) for side in self.sides]

    def _sums(self, parts: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
        return self.ground.by_customer(parts), self.ground.by_cutoff(parts)


def numerators(card: Scorecard, names: tuple[str, ...]) -> FloatArray:
    """What each customer adds above the line of the metrics (rows × names)."""
    values = card.values if not card.cold.any() else card.values[~card.cold]
    return np.nan_to_num(values[:, _places(names, card.k)[0]])


def denominators(card: Scorecard, names: tuple[str, ...]) -> FloatArray:
    """What each customer adds below the line: spend, or 1 where the metric is known."""
    values = card.values if not card.cold.any() else card.values[~card.cold]
    _, below, is_money = _places(names, card.k)
    chosen = values[:, below]
    return np.where(is_money, np.nan_to_num(chosen), ~np.isnan(chosen))


@lru_cache(maxsize=256)
def _places(
    names: tuple[str, ...], k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Where the columns above and below the line are, and which of those below are money."""
    known = m.columns(k)
    above, below, is_money = [], [], []
    for name in names:
        metric, _, segment = m.parse_name(name)
        share = metric == m.REVENUE_SHARE
        suffix = "" if segment == "all" else f"_{segment}"
        above.append(known.index(f"captured_at_{k}{suffix}" if share else name))
        below.append(known.index(f"spend{suffix}" if share else name))
        is_money.append(share)
    return np.array(above), np.array(below), np.array(is_money)
