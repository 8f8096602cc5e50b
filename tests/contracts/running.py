"""Steps on small invented orders, run in process."""

from collections.abc import Sequence
from typing import Any

from contracts.orders import many

from restock.dataset import Interactions
from restock.evaluation import Objective
from restock.evaluation.contest import FoldPlan
from restock.models import Candidate, FitContext
from restock.tuning.policy import SearchPolicy
from restock.tuning.running import run
from restock.tuning.setting import Kept, Setting
from restock.tuning.trials import Ask, Outcome, Rung, Step, StudyKey, Trial

ORDERS = many()
PLAN = FoldPlan(windows=3, k=5)
TOP = 1


def setting(orders: Interactions = ORDERS, **policy: Any) -> Setting:
    markets = orders.catalogue.markets
    rungs = (Rung(customers=0.5, effort=0.25), Rung(customers=1.0))
    return Setting(
        fold_plans=dict.fromkeys(markets, PLAN),
        objectives=dict.fromkeys(markets, Objective.at(5)),
        policy=SearchPolicy(rungs=rungs, **{"least_customers": 10, **policy}),
    )


def step(where: str, *candidates: Candidate, rung: int = TOP, **rest: Any) -> Step:
    study = StudyKey(where=where, family=candidates[0].name)
    trials = tuple(
        Trial(study=study, index=at, origin="default", candidate=candidate)
        for at, candidate in enumerate(candidates)
    )
    return Step(study=study, rung=rung, windows=(0, 2), trials=trials, **rest)


def asked(where: str, family: str, count: int = 3, rung: int = TOP) -> Step:
    study, ask = StudyKey(where=where, family=family), Ask(count=count, first=0, seed=5)
    return Step(study=study, rung=rung, windows=(0, 2), ask=ask)


def nowhere(trial: Trial, kept: Kept) -> str:
    raise AssertionError("nothing was to be kept")


def go(steps: Sequence[Step], threads: int = 1, **rest: Any) -> list[Outcome]:
    of, orders = rest.pop("of", setting()), rest.pop("orders", ORDERS)
    return run(orders, steps, of, FitContext(threads=threads), keep=nowhere, **rest)


def results(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """All that an outcome says but for how long it took."""
    return [outcome.model_dump(exclude={"seconds"}) for outcome in outcomes]
