"""Many candidates against one yardstick: the log-lift of each and its error, in closed form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from restock.evaluation import metrics as m
from restock.evaluation.folds import FloatArray
from restock.evaluation.objective import PSEUDO_CUSTOMERS, Objective
from restock.evaluation.scorecard import Scorecard
from restock.evaluation.totals import Ground, denominators, numerators


@dataclass(frozen=True)
class LogLift:
    """The logarithm of a utility ratio, its standard error, and the customers behind both."""

    value: float
    error: float
    customers: int


def log_lift(
    candidate: Sequence[Scorecard], yardstick: Sequence[Scorecard], objective: Objective
) -> LogLift | None:
    """How much better a candidate is than a yardstick on the same folds, over all customers.

    ``value`` is ``log1p(compare(candidate, yardstick, objective).lift)``, see ``Measured``.
    ValueError when the two sides are not from the same folds, or the objective has another k.
    """
    return Yardstick(yardstick, [objective]).measure(candidate).lift(objective)


class Yardstick:
    """The scorecards that candidates are measured against, added up once for all of them.

    cards: one per fold, or per fold and market, all of one k. objectives: those that lifts
    will be asked for. rates: units of the reporting currency per unit of a market's own.
    """

    def __init__(
        self,
        cards: Sequence[Scorecard],
        objectives: Sequence[Objective],
        rates: Mapping[str, float] | None = None,
    ) -> None:
        self._ground = Ground(tuple(cards))
        k = cards[0].k if cards else 10
        weighed = [name for objective in objectives for name in objective.weights]
        if other := [name for name in weighed if m.parse_name(name)[1] != k]:
            raise ValueError(
                f"an objective names {other[0]}, the scorecards are of k = {k}: "
                f"judge with k={m.parse_name(other[0])[1]}"
            )
        usual = [m.metric_name(metric, k) for metric in (*m.AVERAGED, m.REVENUE_SHARE)]
        self.names = tuple(dict.fromkeys([*usual, *weighed]))
        """The metrics that are added up."""
        self._rates = self._money_factors(rates or {})
        self.above = self._by_customer([numerators(card, self.names) for card in cards])
        """What each customer adds above the line (float64, customers × names)."""
        self.below = self._by_customer([denominators(card, self.names) for card in cards])
        """And below it."""

    def measure(self, cards: Sequence[Scorecard]) -> "Measured":
        """A candidate's scorecards beside these; ValueError unless they are of the same folds."""
        arranged = self._ground.arranged(cards)
        return Measured(self, self._by_customer([numerators(s, self.names) for s in arranged]))

    @property
    def n_customers(self) -> int:
        """Distinct customers over all folds."""
        return self._ground.n_customers

    @cached_property
    def markets(self) -> dict[str, int]:
        """The markets in order of the customers → the first customer of each."""
        markets = self._ground.market_of_customer
        changes = np.flatnonzero(markets[1:] != markets[:-1]) + 1
        return {str(markets[at]): int(at) for at in [0, *changes]} if markets.size else {}

    def _by_customer(self, parts: Sequence[FloatArray]) -> FloatArray:
        if not parts:
            return np.empty((0, len(self.names)))
        total = self._ground.by_customer(parts)
        return total if self._rates is None else total * self._rates

    def _money_factors(self, rates: Mapping[str, float]) -> FloatArray | None:
        """What brings each customer's money into one currency (customers × names)."""
        if not rates:
            return None
        money = np.array([m.parse_name(name)[0] == m.REVENUE_SHARE for name in self.names])
        of_market = [rates.get(str(name), 1.0) for name in self._ground.market_of_customer]
        return np.where(money, np.array(of_market).reshape(-1, 1), 1.0)


@dataclass(frozen=True, eq=False)
class Measured:
    """A candidate beside the yardstick. above: its sums (float64, customers × names).

    A lift is ``log U = sum_j w_j log((m_j + e_j) / (t_j + e_j))``: m_j and t_j are the two
    sides' ratios of totals over the customers, e_j the ``PSEUDO_CUSTOMERS`` customers' worth of
    their mean that both are given (``objective.shrunk_ratio``). Its error is linearised about
    the totals (the delta method; Särndal, Swensson and Wretman, Model Assisted Survey Sampling,
    1992, sections 5.5 and 5.6), e_j held fixed as in the bootstrap of ``compare``:

        d_i = sum_j w_j [ (a_ij - m_j b_ij) / (m_j + e_j) - (c_ij - t_j b_ij) / (t_j + e_j) ] / B_j
        error² = n / (n - 1) · sum_i d_i²

    over customers i with all their folds (the clusters); a and c are what the customer adds
    above the line for either side, b below it, B_j = sum_i b_ij.
    """

    yardstick: Yardstick
    above: FloatArray

    def lift(self, objective: Objective) -> LogLift | None:
        """Over all customers; None below two of them, or where a weighted metric is unknown."""
        return self._lifts([objective], [0])[0] if self.yardstick.n_customers else None

    def lift_by_market(self, objectives: Mapping[str, Objective]) -> dict[str, LogLift]:
        """Market by market, each under its own objective; without those that have no lift."""
        markets = self.yardstick.markets
        wanted = [objectives[market] for market in markets]
        found = self._lifts(wanted, list(markets.values())) if markets else []
        return {name: lift for name, lift in zip(markets, found, strict=True) if lift}

    def means(self) -> dict[str, float]:
        """The candidate's metrics over all customers and folds, by public name."""
        above, below = self.above.sum(axis=0), self.yardstick.below.sum(axis=0)
        pairs = zip(self.yardstick.names, above, below, strict=True)
        return {name: float(a / b) for name, a, b in pairs if b > 0}

    def _lifts(self, objectives: Sequence[Objective], starts: list[int]) -> list[LogLift | None]:
        """One per group of customers; a group goes from its start to the next one's."""
        yardstick, mine = self.yardstick, self.above
        weight = np.array([[o.shares.get(n, 0.0) for n in yardstick.names] for o in objectives])
        used = weight.any(axis=0)
        a, b, c = mine[:, used], yardstick.below[:, used], yardstick.above[:, used]
        weight = weight[:, used]

        def total(rows: FloatArray | NDArray[np.bool_]) -> FloatArray:
            added: FloatArray = np.add.reduceat(rows, starts, axis=0, dtype=np.float64)
            return added

        whole = total(b)
        whole[whole == 0] = 1.0  # then nothing stands above the line either
        m_, t = total(a) / whole, total(c) / whole
        extra = (m_ + t) / 2 * PSEUDO_CUSTOMERS / np.maximum(total(b > 0), 1) + 1e-12
        values = (weight * np.log((m_ + extra) / (t + extra))).sum(axis=1)

        sizes = np.diff([*starts, len(a)])
        of_mine, of_theirs = weight / whole / (m_ + extra), weight / whole / (t + extra)
        below = of_mine * m_ - of_theirs * t
        each = (
            a * np.repeat(of_mine, sizes, axis=0)
            - c * np.repeat(of_theirs, sizes, axis=0)
            - b * np.repeat(below, sizes, axis=0)
        ).sum(axis=1)
        errors = np.sqrt(total(each**2) * sizes / np.maximum(sizes - 1, 1))
        known = ((total(b) > 0) | (weight == 0)).all(axis=1) & (sizes > 1)
        return [
            LogLift(float(value), float(error), int(size)) if is_known else None
            for value, error, size, is_known in zip(values, errors, sizes, known, strict=True)
        ]
