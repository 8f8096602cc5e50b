"""Fit the simulated world to real order lines: ``python -m restock.dataset.fit_simulator``.

What a moment of the lines estimates is read off (``simulator_moments``). The rest is found by
simulated moments: the parameters for which a simulated world of the same size has the same
statistics (``simulator_statistics``), by least squares over log ratios. No score of any
recommender takes part, so that the world cannot flatter what is later measured on it.
"""

import argparse
import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from restock.dataset.interactions import Interactions, day_of
from restock.dataset.sample import load_sample
from restock.dataset.simulate import simulate
from restock.dataset.simulator_moments import direct_moments
from restock.dataset.simulator_parameters import FROZEN, Parameters, to_toml
from restock.dataset.simulator_statistics import TARGETS, statistics, targets_to_toml

Floats = NDArray[np.float64]

DECLARED = {
    "tastes": 24,
    "tastes_each": 3,
    "ranges": 60,
    "focus": 1.0,
    "period_sd": 0.5,
    "key_haste": 1.0,
}
"""Not fitted: the lines say little about them."""

START = {
    "newcomers_per_day": (0.0015, 0.0002, 0.01),
    "log_gap": (4.9, 2.0, 7.0),
    "log_gap_sd": (1.2, 0.2, 2.5),
    "gap_shape": (1.5, 0.7, 3.0),
    "lapse_a": (0.43, 0.05, 5.0),
    "lapse_b": (2.3, 0.5, 50.0),
    "log_size": (3.2, 1.0, 5.0),
    "log_size_sd": (0.69, 0.2, 2.0),
    "spread": (1.9, 0.5, 20.0),
    "floor": (0.15, 0.02, 0.8),
    "strength": (0.18, 0.01, 2.0),
    "strength_per_gap": (0.17, 0.02, 1.5),
    "strength_per_narrowness": (0.42, 0.02, 1.5),
    "strength_per_price": (1.1, 0.01, 2.0),
    "strength_shape": (0.73, 0.05, 5.0),
    "reorder_shape": (2.6, 0.3, 20.0),
    "period": (14.0, 1.0, 60.0),
    "need_life": (520.0, 30.0, 2000.0),
    "life_tail": (1.3, 0.5, 3.0),
    "life_per_gap": (0.53, 0.02, 1.0),
    "popularity_sd": (0.92, 0.3, 2.5),
    "rarity_sd": (1.9, 0.3, 4.0),
    "popularity_per_cheapness": (0.23, 0.01, 1.5),
    "births_per_day": (0.00038, 0.00005, 0.005),
    "item_life": (1800.0, 200.0, 20000.0),
    "key_share": (0.0096, 0.001, 0.1),
    "key_level": (2.3, 0.1, 4.0),
    "together": (0.28, 0.05, 0.95),
    "range_shape": (0.79, 0.05, 5.0),
    "liking_sd": (0.9, 0.05, 2.0),
}
"""Where the search starts, and the bounds it stays in."""

STEP = 0.1
"""Difference, in the log of a parameter, over which slopes are taken: wide, for simulated
quantiles are noisy."""

SEEDS = (0, 1)
"""Worlds that are simulated at each step: one alone would be fitted to its own accidents."""

WEIGHTS = {
    "customers": 2.0,
    "gaps": 1.0,
    "baskets": 1.0,
    "repeats": 2.0,
    "rebuys": 3.0,
    "loyalty": 4.0,
    "items": 2.0,
    "tastes": 2.0,
    "worth": 2.0,
}
"""Weight of each group of statistics as a whole; the other groups are read off directly."""


EMPHASIS = {"tastes.kin": 12.0}
"""Statistics whose ratios stay near 1 whatever the world: a small miss means much."""


def fit_parameters(
    interactions: Interactions, *, evaluations: int = 8, verbose: bool = False
) -> Parameters:
    """The parameters under which a simulated world resembles these lines.

    evaluations: steps of the search; each simulates some 60 worlds as large as the lines.
    Raises ValueError when there is no line.
    """
    real = statistics(interactions)
    fixed = {**direct_moments(interactions), **DECLARED}
    names = [name for name in real if name.split(".")[0] in WEIGHTS and usable(real[name])]
    groups = [name.split(".")[0] for name in names]
    weight = np.array([np.sqrt(WEIGHTS[group] / groups.count(group)) for group in groups])
    weight *= np.array([EMPHASIS.get(name, 1.0) for name in names])
    target = np.log([real[name] for name in names])
    logs = np.log(list(START.values()))

    def misfit(point: Floats) -> Floats:
        parameters = _at(point, fixed)
        miss = np.zeros(len(names))
        for seed in SEEDS:
            found = statistics(like(interactions, parameters, seed=seed))
            values = np.array([found.get(name, np.nan) for name in names])
            miss += (np.log(np.maximum(np.nan_to_num(values), 1e-4)) - target) / len(SEEDS)
        if verbose:
            print(f"misfit {np.sqrt(np.sum((weight * miss) ** 2)):.4f}", flush=True)
        scaled: Floats = weight * np.clip(miss, -2.0, 2.0)
        return scaled

    def slopes(point: Floats) -> Floats:
        here = misfit(point)
        columns = []
        for at in range(point.size):
            one = np.zeros(point.size)
            one[at] = -STEP if point[at] + STEP > logs[at, 2] else STEP
            columns.append((misfit(point + one) - here) / one[at])
        return np.stack(columns, axis=1)

    found = least_squares(
        misfit,
        logs[:, 0],
        jac=slopes,
        bounds=(logs[:, 1], logs[:, 2]),
        loss="soft_l1",
        f_scale=0.1,
        max_nfev=evaluations,
    )
    return _at(found.x, fixed)


def like(interactions: Interactions, parameters: Parameters, *, seed: int = 0) -> Interactions:
    """A simulated world of the size, the span and the number of markets of these lines."""
    first = day_of(int(interactions.minute.min()))
    return simulate(
        markets=np.unique(interactions.market).size,
        customers=round(interactions.customers.size * 1.01),  # some never order in the window
        items=round(np.unique(interactions.item).size * 1.02),
        days=(interactions.as_of_date - first) // dt.timedelta(days=1),
        start=first,
        currency="reporting",
        seed=seed,
        parameters=parameters,
    ).interactions()


def start_parameters(interactions: Interactions) -> Parameters:
    """Where the search for these lines starts: what can be read off, and ``START``."""
    logs = np.log([start for start, _, _ in START.values()])
    return _at(logs, {**direct_moments(interactions), **DECLARED})


def usable(value: float) -> bool:
    """Whether a statistic can be compared as a ratio."""
    return bool(np.isfinite(value) and value > 0)


def _at(point: Floats, fixed: dict[str, Any]) -> Parameters:
    fitted = dict(zip(START, np.exp(point).tolist(), strict=True))
    return Parameters.model_validate({**fixed, **fitted})


def main() -> None:
    """Fit to the bundled sample and write the two files that the package freezes."""
    options = argparse.ArgumentParser(description=main.__doc__)
    here = Path(__file__).parent / "data"
    options.add_argument("--to", type=Path, default=here, help=f"folder (default {here})")
    options.add_argument("--evaluations", type=int, default=8, help="steps of the search")
    chosen = options.parse_args()
    sample = load_sample(cancellations="drop", home_market="most_frequent")
    interactions = Interactions.from_frame(sample.orders)
    about = (
        "Online Retail, both years, cancellations dropped, home market the most frequent one.\n"
        "Written by: python -m restock.dataset.fit_simulator"
    )
    measured = targets_to_toml(statistics(interactions), f"Statistics of {about}")
    parameters = fit_parameters(interactions, evaluations=chosen.evaluations, verbose=True)
    chosen.to.mkdir(parents=True, exist_ok=True)
    (chosen.to / TARGETS).write_text(measured)
    heading = f"Parameters of the simulated world, fitted to {about}\nand then frozen."
    (chosen.to / FROZEN).write_text(to_toml(parameters, heading))
    print(f"wrote {FROZEN} and {TARGETS} to {chosen.to}")


if __name__ == "__main__":
    main()
