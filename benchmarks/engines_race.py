"""One race of engines: the same study, start and budget. Apart, so that processes can import it."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from restock.benchmarks.engines_optuna import Optuna
from restock.dataset import Interactions, load_sample
from restock.evaluation import Fold, Objective, Scorecard, evaluate, rolling_folds
from restock.evaluation.lift import log_lift
from restock.models import Candidate
from restock.models.slate import FIRST_INCUMBENT
from restock.models.space import Space
from restock.tuning.engine import Engine, create_engine
from restock.tuning.policy import SearchPolicy
from restock.tuning.sampling import place_of
from restock.tuning.space import Point, candidate_of, study_space
from restock.tuning.tpe import STARTUP
from restock.tuning.trials import ALL, StudyKey

K, BUDGET, CUSTOMERS = 10, 30, 0.15
WINDOW = 3  # counted back from the newest, which is 0: the newest of those that select
HELD: Mapping[str, Mapping[str, Any]] = {
    "sar": {},
    "als": {"factors": 64},
    "wide_deep": {"cutoffs": 3, "hidden": 32, "second": 16, "negatives": 4, "purchases": 8},
}
RACED = {
    "random": ("random", 1),
    "tpe": ("tpe", 1),
    "tpe_brackets": ("tpe", SearchPolicy().bracket),
    "optuna": ("optuna", 1),
}
"""What is raced: the engine, and how many points it is asked for at once."""


class Ground(NamedTuple):
    """Where all trials are judged, and what they are judged against."""

    fold: Fold
    yardstick: Scorecard

    def value(self, candidate: Candidate) -> float | None:
        """The candidate's log-lift over the yardstick; None when it has none."""
        lift = log_lift([_card(candidate, self.fold)], [self.yardstick], Objective())
        return lift.value if lift else None


@cache
def ground() -> Ground:
    """The window, on a share of the customers."""
    whole = Interactions.from_frame(load_sample().orders)
    place = place_of(whole.catalogue.customer_ids(whole.customers))
    lines = whole.of_customers(whole.customers[place < CUSTOMERS])
    fold = rolling_folds(lines, horizon_days=28, windows=6)[-1 - WINDOW]
    return Ground(fold, _card(FIRST_INCUMBENT, fold))


def _card(candidate: Candidate, fold: Fold) -> Scorecard:
    model = candidate.create().fit(fold.train)
    return evaluate(model.recommend(fold.customers, K, allowed=fold.candidates), fold, k=K)


def race(model: str, seed: int, budget: int = BUDGET) -> dict[str, list[float]]:
    """Engine → best value after each trial, all from the same start. Nothing is fitted twice."""
    key = StudyKey(where=ALL, family=model)
    known: dict[str, float | None] = {}

    def value(point: Point) -> float | None:
        candidate = candidate_of(key, {**HELD[model], **point})
        if candidate.key not in known:
            known[candidate.key] = ground().value(candidate)
        return known[candidate.key]

    start = create_engine("random", searched(model), seed).ask(min(STARTUP, budget))
    curves = {}
    for label, (name, batch) in RACED.items():
        engine, values = engine_of(name, searched(model), seed), []
        for point in start:
            values.append(value(point))
            engine.tell(point, values[-1])
        while len(values) < budget:
            asked = engine.ask(min(batch, budget - len(values)))
            found = [value(point) for point in asked]
            for point, told in zip(asked, found, strict=True):
                engine.tell(point, told)
            values += found
        curves[label] = best_so_far(values)
    return curves


def searched(model: str) -> Space:
    """What is searched of a model's study: all that is not held."""
    space = study_space(StudyKey(where=ALL, family=model))
    return {name: found for name, found in space.items() if name not in HELD[model]}


def best_so_far(values: Sequence[float | None]) -> list[float]:
    """The largest value up to each trial; -inf before the first that has one."""
    numbers = [-np.inf if value is None else value for value in values]
    return [float(best) for best in np.maximum.accumulate(numbers)]


def engine_of(name: str, space: Space, seed: int) -> Engine:
    """One of ours, or the peer."""
    return Optuna(space, seed, STARTUP) if name == "optuna" else create_engine(name, space, seed)
