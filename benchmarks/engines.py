"""What proposes configurations best? hyperopt's TPE, random search and Optuna, at equal budget.

Studies in the place of all markets: 15 % of the customers of Online Retail, fitted on everything
before one of the older windows and judged in it. The value of a trial is its log-lift over
``reorder``. Every trial is a real fit; so that many fit into minutes, what mostly costs time is
held (``HELD``) and all else of a model's space is searched, its scope too. ``als`` runs on the
engine of the CPU, not on Spark; ``wide_deep`` trains on the CPU. In a seed all engines start
from the same 8 random points and go on to 30 trials, one by one. ``optuna`` is its TPESampler
with its defaults, on the same coordinates as ours; ``tpe_brackets`` is our TPE asked as a search
asks, nine at a time.

best_after_30.<model>.<engine>  mean over seeds of the best value; interval: 95 %, over seeds.
gain_over_random.<model>.<engine>  the same less what random search came to in the same seed.
trials_to_random.<model>.<engine>  median number of trials after which an engine is where random
    search is after 30; 31 for one that never gets there.
ask_ms.<engine>.<told>  milliseconds to propose a point after so many were told; median of 9.
"""

import argparse
import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.stats import t as student

from restock.benchmarks.engines_optuna import Optuna
from restock.benchmarks.engines_plot import draw
from restock.benchmarks.figures import Figure, report
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

K, BUDGET, SEEDS, CUSTOMERS = 10, 30, 8, 0.15
FIRST_SEED = 100  # those below helped to choose the settings of tuning.tpe
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

FloatArray = NDArray[np.float64]
Curves = dict[str, FloatArray]
"""Engine → best value so far (seeds × trials)."""


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
        engine, values = _engine(name, searched(model), seed), []
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


def _engine(name: str, space: Space, seed: int) -> Engine:
    return Optuna(space, seed, STARTUP) if name == "optuna" else create_engine(name, space, seed)


def races(seeds: int) -> dict[str, Curves]:
    """All of them, side by side on the machine's cores: model → its curves."""
    jobs = [(model, seed) for model in HELD for seed in range(FIRST_SEED, FIRST_SEED + seeds)]
    done = Parallel(os.cpu_count() or 1, batch_size=1)(delayed(race)(*job) for job in jobs)
    found: dict[str, Curves] = {}
    for model in HELD:
        own = [curves for (of, _), curves in zip(jobs, done, strict=True) if of == model]
        found[model] = {label: np.array([one[label] for one in own]) for label in RACED}
    return found


def of_model(model: str, curves: Curves) -> Iterator[Figure]:
    """The figures of one model's races."""
    last = {label: curve[:, -1] for label, curve in curves.items()}
    for label, best in last.items():
        yield _over_seeds(f"best_after_{BUDGET}.{model}.{label}", best)
    for label, best in last.items():
        if label != "random":
            yield _over_seeds(f"gain_over_random.{model}.{label}", best - last["random"])
            behind = (curves[label] < last["random"][:, None]).sum(axis=1)
            name = f"trials_to_random.{model}.{label}"
            yield Figure(name, float(np.median(behind + 1)), "trials")


def _over_seeds(name: str, values: FloatArray) -> Figure:
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / values.size**0.5
    half = float(student.ppf(0.975, values.size - 1)) * error
    return Figure(name, mean, "log-lift", mean - half, mean + half)


def ask_ms(name: str, told: int) -> Figure:
    """How long a point takes after so many were told."""
    space = searched("wide_deep")
    engine = _engine(name, space, 0)
    for at, point in enumerate(create_engine("random", space, 1).ask(told)):
        engine.tell(point, float(np.sin(at)))
    taken = []
    engine.ask(1)  # imports, and what is made once
    for at in range(9):
        start = time.perf_counter()
        [point] = engine.ask(1)
        taken.append(time.perf_counter() - start)
        engine.tell(point, float(at))
    return Figure(f"ask_ms.{name}.{told}", 1000 * statistics.median(taken), "ms")


def figures(seeds: int, plots: Path | None) -> Iterator[Figure]:
    """All of them."""
    for name in dict.fromkeys(name for name, _ in RACED.values()):
        for told in (0, 50, 200):
            yield ask_ms(name, told)
    found = races(seeds)
    for model, curves in found.items():
        yield from of_model(model, curves)
    if plots is not None:
        draw(found, plots)


def main() -> None:
    """Read the command line and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON per figure")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="races of each model, at least 2")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw engines.png there")
    arguments = parser.parse_args()
    if arguments.seeds < 2:
        parser.error("an interval over seeds needs at least 2 of them")
    report(figures(arguments.seeds, arguments.plots), arguments.json)


if __name__ == "__main__":
    main()
