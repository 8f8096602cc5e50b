"""What proposes configurations best? hyperopt's TPE, random search and Optuna, at equal budget.

Studies in the place of all markets: 15 % of the customers of Online Retail, fitted on everything
before one of the older windows and judged in it. The value of a trial is its log-lift over
``reorder``. Every trial is a real fit; so that many fit into minutes, what mostly costs time is
held (``engines_race.HELD``) and all else of a model's space is searched, its scope too. ``als``
runs on the engine of the CPU, not on Spark; ``wide_deep`` trains on the CPU. In a seed all
engines start from the same 8 random points and go on to 30 trials, one by one. ``optuna`` is its
TPESampler with its defaults, on the same coordinates as ours; ``tpe_brackets`` is our TPE asked
as a search asks, nine at a time.

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
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.stats import t as student

from restock.benchmarks.engines_plot import draw
from restock.benchmarks.engines_race import BUDGET, HELD, RACED, engine_of, race, searched
from restock.benchmarks.figures import Figure, report
from restock.tuning.engine import create_engine

SEEDS = 8
FIRST_SEED = 100  # those below helped to choose the settings of tuning.tpe

FloatArray = NDArray[np.float64]
Curves = dict[str, FloatArray]
"""Engine → best value so far (seeds × trials)."""


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
    engine = engine_of(name, space, 0)
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
