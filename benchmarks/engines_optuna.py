"""Optuna's TPESampler behind our ask and tell, as a peer to compare with."""

from typing import Any

from restock.models.space import Choice, Dimension, Space
from restock.tuning.space import Point, base, coordinate_of, ends, value_at


class Optuna:
    """TPESampler with its defaults, on the coordinates that our engines use.

    startup: random trials before it derives any. For spaces without conditional dimensions.
    """

    def __init__(self, space: Space, seed: int, startup: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._space = space
        self._distributions = {name: _distribution(space[name]) for name in space}
        self._open: list[tuple[Point, Any]] = []

    def ask(self, count: int) -> list[Point]:
        """Points of trials that stay open until they are told."""
        trials = [self._study.ask(self._distributions) for _ in range(count)]
        points = [
            {name: value_at(self._space[name], at) for name, at in trial.params.items()}
            for trial in trials
        ]
        self._open += zip(points, trials, strict=True)
        return points

    def tell(self, point: Point, value: float | None) -> None:
        """Close the trial that was asked for, or add one from elsewhere."""
        from optuna.trial import TrialState, create_trial

        state = TrialState.FAIL if value is None else TrialState.COMPLETE
        for at, (asked, trial) in enumerate(self._open):
            if asked == point:
                self._study.tell(trial, value, state=state)
                del self._open[at]
                return
        params = {name: _coordinate(self._space[name], found) for name, found in point.items()}
        self._study.add_trial(
            create_trial(state=state, value=value, params=params, distributions=self._distributions)
        )


def _distribution(dimension: Dimension) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if isinstance(found := base(dimension), Choice):
        return CategoricalDistribution(range(len(found.options)))
    return FloatDistribution(*ends(found))


def _coordinate(dimension: Dimension, value: Any) -> float | int:
    """Places of options are whole: Optuna looks them up."""
    at = coordinate_of(dimension, value)
    return int(at) if isinstance(base(dimension), Choice) else at
