"""The ballots of many trials side by side, and what a mixture of them would have been worth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from restock.dataset.catalogue import IntArray
from restock.evaluation import metrics as m
from restock.evaluation.folds import BoolArray, FloatArray, Fold, Relevance
from restock.evaluation.objective import PSEUDO_CUSTOMERS, Objective
from restock.kernels import metrics as kernels
from restock.kernels.voting import add_votes, listed_with, named_items
from restock.tuning.setting import Ballot, Kept


@dataclass(frozen=True, eq=False)
class Ballots:
    """What M members would list for R rows: the judged customers of some folds, with purchases.

    k: length of the lists. market: code of the market of each row (R). orders: of the customer
    before the cut-off (R). customer: distinct numbers of customers (R). items: named by
    anybody, ascending, -1 padded (R × L). places: of each member's choices among them (M × R ×
    D), -1 where it has none. votes: scores over the customer's best (M × R × D), as in
    ``models.blend``; 0 where the best is not above 0. The rest are the purchases of the rows,
    money in the reporting currency, as ``evaluation.Relevance`` wants them.
    """

    k: int
    n_items: int
    market: NDArray[np.object_]
    orders: FloatArray
    customer: NDArray[np.int64]
    items: NDArray[np.int32]
    places: NDArray[np.int32]
    votes: NDArray[np.float32]
    indptr: NDArray[np.int64]
    item: NDArray[np.int32]
    value: FloatArray
    margin: FloatArray
    repeat: BoolArray

    @classmethod
    def of(
        cls,
        kept: Iterable[Kept],
        folds: Sequence[tuple[str, Fold]],
        k: int,
        rates: dict[str, float],
    ) -> "Ballots":
        """From what each member left behind, and the folds that it was judged on.

        A member without a ballot for a fold has no say there. ValueError where a ballot is of
        other customers than the fold's.
        """
        n_items = folds[0][1].train.n_items
        lists = [_lined_up(one.ballots, folds) for one in kept]
        items, places = named_items(np.stack([one[0] for one in lists]), n_items)
        bought = [_purchases(fold, rates.get(market, 1.0)) for market, fold in folds]
        sizes = np.concatenate([np.diff(indptr) for indptr, *_ in bought])
        return cls(
            k=k,
            n_items=n_items,
            market=np.concatenate([np.full(f.customers.size, name, object) for name, f in folds]),
            orders=np.concatenate([_orders(fold) for _, fold in folds]),
            customer=np.concatenate([fold.customers.astype(np.int64) for _, fold in folds]),
            items=items,
            places=places,
            votes=np.stack([one[1] for one in lists]),
            indptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            item=np.concatenate([one[1] for one in bought]),
            value=np.concatenate([one[2] for one in bought]),
            margin=np.concatenate([one[3] for one in bought]),
            repeat=np.concatenate([one[4] for one in bought]),
        )

    @property
    def members(self) -> int:
        """How many vote."""
        return len(self.votes)

    def of_rows(self, rows: BoolArray) -> "Ballots":
        """Those of some rows (bool, R)."""
        lines = np.repeat(rows, np.diff(self.indptr))
        sizes = np.diff(self.indptr)[rows]
        return replace(
            self,
            market=self.market[rows],
            orders=self.orders[rows],
            customer=self.customer[rows],
            items=self.items[rows],
            places=self.places[:, rows],
            votes=self.votes[:, rows],
            indptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            item=self.item[lines],
            value=self.value[lines],
            margin=self.margin[lines],
            repeat=self.repeat[lines],
        )

    @cached_property
    def n_customers(self) -> int:
        """Distinct customers."""
        return int(np.unique(self.customer).size)

    # lists --------------------------------------------------------------------------------
    def nothing(self) -> FloatArray:
        """The scores before anybody voted (R × L)."""
        return np.full(self.items.shape, -np.inf)

    def add(self, total: FloatArray, member: int, weight: float) -> None:
        """Add a member's votes to the scores."""
        add_votes(total, self.places[member], self.votes[member], weight)

    def lists_with(self, total: FloatArray, member: int, weight: float) -> IntArray:
        """The lists (R × k) if a member's votes were added."""
        found: IntArray = listed_with(
            total, self.items, self.places[member], self.votes[member], weight, self.k
        )
        return found

    def lists(self, weights: FloatArray) -> IntArray:
        """The lists (R × k) of a blend with these weights of the members (M)."""
        total = self.nothing()
        voting = np.flatnonzero(weights > 0)
        for member in voting[:-1]:
            self.add(total, int(member), float(weights[member]))
        return self.lists_with(total, int(voting[-1]), float(weights[voting[-1]]))

    def metrics(self, lists: IntArray) -> FloatArray:
        """The metrics of lists for all rows, the first columns of ``metrics.columns(k)``."""
        found = np.empty((len(lists), kernels.SEGMENTS * kernels.WIDTH))
        m.rank(lists, self._relevance, self.n_items, found)
        return found

    @cached_property
    def _relevance(self) -> Relevance:
        customer = np.zeros(0, dtype=np.int32)  # no code: rows of several markets
        return Relevance(customer, self.indptr, self.item, self.value, self.margin, self.repeat)


class Worth:
    """Log-utility of lists beside that of the lists of reference, on the same rows.

    ``sum_j w_j log((m_j + e_j) / (t_j + e_j))`` with the objective's weights w and e_j ten
    customers' worth of the reference t_j: ``evaluation.objective.shrunk_ratio``.
    """

    def __init__(self, ballots: Ballots, objective: Objective, reference: IntArray) -> None:
        self._ballots = ballots
        known = m.columns(ballots.k)
        self._weights = np.array(list(objective.shares.values()))
        above, below = [], []
        for name in objective.shares:
            metric, k, segment = m.parse_name(name)
            suffix = "" if segment == "all" else f"_{segment}"
            share = metric == m.REVENUE_SHARE
            above.append(known.index(f"captured_at_{k}{suffix}" if share else name))
            below.append(known.index(f"spend{suffix}") if share else -1)
        self._above = np.array(above)
        values = ballots.metrics(reference)
        divisors = [
            np.nan_to_num(values[:, at]) if at >= 0 else ~np.isnan(values[:, name])
            for at, name in zip(below, above, strict=True)
        ]
        divisor = np.column_stack(divisors).astype(np.float64)
        self._total = np.maximum(divisor.sum(axis=0), 1e-300)
        counted = np.maximum((divisor > 0).sum(axis=0), 1)
        self._reference = self._means(values)
        self._extra = self._reference * PSEUDO_CUSTOMERS / counted + 1e-12

    def __call__(self, lists: IntArray) -> float:
        """Of these lists (R × k)."""
        mine = self._means(self._ballots.metrics(lists)) + self._extra
        return float(self._weights @ np.log(mine / (self._reference + self._extra)))

    def _means(self, values: FloatArray) -> FloatArray:
        found: FloatArray = np.nan_to_num(values[:, self._above]).sum(axis=0) / self._total
        return found


def _lined_up(
    ballots: Sequence[Ballot], folds: Sequence[tuple[str, Fold]]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """A member's items and scaled votes over all folds (both R × D)."""
    by_fold = {(one.market, one.cutoff): one for one in ballots}
    depth = max(one.items.shape[1] for one in ballots)
    items, votes = [], []
    for market, fold in folds:
        size = fold.customers.size
        ballot = by_fold.get((market, fold.cutoff))
        chosen = np.full((size, depth), -1, dtype=np.int32)
        scaled = np.zeros((size, depth), dtype=np.float32)
        if ballot is not None:
            if not np.array_equal(ballot.customer, fold.customers):
                raise ValueError(f"a ballot of {market}, {fold.cutoff} is of other customers")
            width = ballot.items.shape[1]
            best = ballot.scores.max(axis=1, initial=0.0, where=ballot.items >= 0)
            heard = (best > 0)[:, None] & (ballot.items >= 0)
            chosen[:, :width] = np.where(heard, ballot.items, -1)
            scaled[:, :width] = ballot.scores / np.where(best > 0, best, 1.0)[:, None] * heard
        items.append(chosen)
        votes.append(scaled)
    return np.concatenate(items), np.concatenate(votes)


def _purchases(
    fold: Fold, rate: float
) -> tuple[NDArray[np.int64], NDArray[np.int32], FloatArray, FloatArray, BoolArray]:
    """What the judged customers bought in the window; the cold ones come after them."""
    bought = fold.relevance
    last = bought.indptr[fold.customers.size]
    return (
        bought.indptr[: fold.customers.size + 1],
        bought.item[:last],
        bought.value[:last] * rate,
        bought.margin[:last] * rate,
        bought.repeat[:last],
    )


def _orders(fold: Fold) -> FloatArray:
    """How many orders each judged customer had placed before the cut-off."""
    table = fold.train.features.read("customer", fold.train)
    orders: FloatArray = table.values[fold.customers, table.names.index("orders")].astype(float)
    return orders
