"""Where trials are run: training lines, folds and the yardstick of a place at a rung."""

import datetime as dt
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, TypeVar

import psutil

from restock.dataset import Interactions
from restock.evaluation.folds import Fold
from restock.evaluation.judging import evaluate
from restock.evaluation.lift import LogLift, Measured, Yardstick
from restock.evaluation.scorecard import Scorecard
from restock.models import FitContext
from restock.models.shared import SHARE_OF_FREE_MEMORY, Shared
from restock.models.slate import FIRST_INCUMBENT
from restock.tuning.failures import Nobody
from restock.tuning.sampling import sampled
from restock.tuning.setting import Setting
from restock.tuning.trials import ALL, Lift

T = TypeVar("T")
Cards = Mapping[str, Sequence[Scorecard]]


@dataclass(frozen=True, eq=False)
class MarketFold:
    """A fold of a market with the length of its lists and the yardstick's scorecard on it."""

    market: str
    fold: Fold
    k: int
    yardstick: Scorecard


@dataclass(frozen=True, eq=False)
class Cut:
    """The lines before a cut-off, and the folds on which what was fitted on them is judged.

    shared: what fits on these lines have in common; None where nothing is to be shared.
    """

    train: Interactions
    folds: tuple[MarketFold, ...]
    shared: Shared | None


@dataclass(frozen=True, eq=False)
class Testbed:
    """All that the trials of a place have in common at a rung, on some windows.

    yardsticks: of the markets that are added up; then, in the place ALL, of markets with lists
    of another length, which cannot be.
    """

    where: str
    setting: Setting
    cuts: tuple[Cut, ...]
    yardsticks: tuple[Yardstick, ...]

    def lift(self, cards: Cards) -> tuple[Lift | None, dict[str, float]]:
        """The lift of a candidate over all customers that are added up, and its metrics.

        cards: market → the scorecards of the candidate there, one per fold.
        """
        measured = _measured(self.yardsticks[0], cards)
        pooled, setting = self.where == ALL, self.setting
        objective = setting.pooled_objective if pooled else setting.objectives[self.where]
        found = measured.lift(objective)
        return _lift(found) if found else None, measured.means()

    def lift_by_market(self, cards: Cards) -> dict[str, Lift]:
        """The lift in every market that has one, each under its own objective."""
        return {
            market: _lift(found)
            for yardstick in self.yardsticks
            for market, found in _measured(yardstick, cards)
            .lift_by_market(self.setting.objectives)
            .items()
        }


class Testbeds:
    """Makes each testbed once, and what several have in common once for all of them.

    Threads may ask at once. share: whether fits on the same lines share what they can.
    """

    def __init__(
        self, interactions: Interactions, setting: Setting, context: FitContext, *, share: bool
    ) -> None:
        self._interactions, self._setting = interactions, setting
        self._context, self._share = replace(context, threads=1), share
        self._memory = _Memory()

    def of(self, where: str, rung: int, windows: tuple[int, ...]) -> Testbed:
        """The testbed of a place; Nobody when there is nobody to judge in these windows."""
        return self._memory.once(
            (where, rung, windows), lambda: self._testbed(where, rung, windows)
        )

    def release(self, where: str, rung: int, windows: tuple[int, ...]) -> None:
        """Forget a testbed, and what its fits shared; folds are kept for others."""
        self._memory.forget((where, rung, windows))

    def _testbed(self, where: str, rung: int, windows: tuple[int, ...]) -> Testbed:
        setting = self._setting
        markets = setting.markets if where == ALL else (where,)
        found = [self._fold(market, rung, at) for market in markets for at in windows]
        folds = [fold for fold in found if fold]
        added = setting.pooled_markets if where == ALL else markets
        yardsticks = [self._yardstick([fold for fold in folds if fold.market in added])]
        lengths = sorted({fold.k for fold in folds if fold.market not in added})
        yardsticks += [
            self._yardstick([fold for fold in folds if fold.k == k and fold.market not in added])
            for k in lengths
        ]
        if not yardsticks[0].n_customers:
            raise Nobody(f"{where}: there is no customer to judge in windows {windows}")
        return Testbed(where, setting, self._cuts(where, rung, folds), tuple(yardsticks))

    def _cuts(self, where: str, rung: int, folds: Sequence[MarketFold]) -> tuple[Cut, ...]:
        """In a market each fold has its own lines; in the place ALL folds of a day have them."""
        by_day: dict[dt.date, list[MarketFold]] = {}
        for fold in folds:
            by_day.setdefault(fold.fold.cutoff, []).append(fold)
        free = psutil.virtual_memory().available * SHARE_OF_FREE_MEMORY
        cuts = []
        for day in sorted(by_day):
            here = tuple(by_day[day])
            train = self._lines(rung).before(day) if where == ALL else here[0].fold.train
            shared = Shared(int(free / len(by_day))) if self._share else None
            cuts.append(Cut(train, here, shared))
        return tuple(cuts)

    def _lines(self, rung: int) -> Interactions:
        shape = self._setting.policy.rungs[rung]
        return self._memory.once(
            ("lines", rung), lambda: sampled(self._interactions, shape, self._setting)
        )

    def _fold(self, market: str, rung: int, window: int) -> MarketFold | None:
        """A fold of a market's customers at a rung; None where it has nobody to judge."""
        return self._memory.once(
            ("fold", market, rung, window), lambda: self._judged(market, rung, window)
        )

    def _judged(self, market: str, rung: int, window: int) -> MarketFold | None:
        own = self._memory.once(
            ("own lines", market, rung), lambda: self._lines(rung).of_market(market)
        )
        plan = self._setting.fold_plans[market]
        for fold in plan.folds(own, (window,)):
            if fold.customers.size:
                first = FIRST_INCUMBENT.create().fit(fold.train, self._context)
                lists = first.recommend(fold.customers, plan.k, allowed=fold.candidates)
                return MarketFold(market, fold, plan.k, evaluate(lists, fold, k=plan.k))
        return None

    def _yardstick(self, folds: Sequence[MarketFold]) -> Yardstick:
        setting = self._setting
        objectives = [setting.objectives[market] for market in sorted({f.market for f in folds})]
        if any(fold.market in setting.pooled_markets for fold in folds):
            objectives.append(setting.pooled_objective)
        return Yardstick([fold.yardstick for fold in folds], objectives, setting.rates)


class _Memory:
    """Values by key; of those who ask for one at once, one makes it and the others wait."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Any] = {}
        self._making: dict[Hashable, Lock] = {}
        self._lock = Lock()

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            making = self._making.setdefault(key, Lock())
        with making:
            if key not in self._kept:
                self._kept[key] = make()
            made: T = self._kept[key]
        return made

    def forget(self, key: Hashable) -> None:
        self._kept.pop(key, None)


def _measured(yardstick: Yardstick, cards: Cards) -> Measured:
    return yardstick.measure([card for market in yardstick.markets for card in cards[market]])


def _lift(found: LogLift) -> Lift:
    return Lift(value=found.value, error=found.error, customers=found.customers)
