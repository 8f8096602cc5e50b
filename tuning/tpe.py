"""hyperopt's TPE behind ask and tell."""

from functools import cached_property
from typing import Any

import numpy as np
from hyperopt import Domain, Trials, hp, tpe
from hyperopt.base import JOB_STATE_DONE, STATUS_OK

from restock.models.space import Choice
from restock.tuning.random_search import RandomSearch, draw
from restock.tuning.space import Point, base, coordinate_of, ends, is_active, value_at

STARTUP = 8
"""Random points before the first that is derived: few, for studies of 10 to 50 trials."""

GAMMA = 0.5
"""Points that count as good: ``GAMMA * sqrt(n)`` of n. hyperopt's own 0.25 would leave 2 of 30,
where the paper takes 15 %; this is 3."""


class Tpe(RandomSearch):
    """Tree-structured Parzen estimator (Bergstra et al., "Algorithms for Hyper-Parameter
    Optimization", NeurIPS 2011, section 4): of 24 draws from the density of the good points, per
    dimension, the one with the largest ratio to the density of the others.

    hyperopt sees plain coordinates (``tuning.space``): one uniform or randint each, whatever
    the dimension. A dimension that is not active in a point has no observation there, which is
    what hyperopt's nested choices come to: every density is estimated from the points in which
    its dimension counts, and what is not active is left out of the answer. Pending points and
    failures have an infinite loss: they count among the bad points, as long as there are good
    ones, so that a batch spreads out. ``suggest`` gives one point however many ids it gets,
    hence one call for each. Cost: 4 to 10 ms a point, most of it to build the graph.
    """

    def _propose(self, rng: np.random.Generator) -> Point:
        succeeded = sum(value is not None for _, value in self._told)
        if succeeded < STARTUP or not self.space:
            return draw(self.space, rng)
        trials = self._trials()
        seed = int(rng.integers(2**31))
        number = len(trials.trials)
        found = tpe.suggest(
            [number], self._domain, trials, seed, n_startup_jobs=0, gamma=GAMMA, verbose=False
        )
        return self._point(found[0]["misc"]["vals"])

    def _point(self, vals: dict[str, list[Any]]) -> Point:
        """The point of hyperopt's coordinates: its active dimensions."""
        point: Point = {}
        for name, dimension in self.space.items():
            if is_active(dimension, point):
                point[name] = value_at(dimension, float(vals[name][0]))
        return point

    @cached_property
    def _domain(self) -> Any:
        graph = {
            name: hp.randint(name, len(found.options))
            if isinstance(found := base(dimension), Choice)
            else hp.uniform(name, *ends(found))
            for name, dimension in self.space.items()
        }
        return Domain(None, graph)

    def _trials(self) -> Any:
        """hyperopt's view of the history: nothing is run again."""
        known = [(p, None if v is None else -v) for p, v in self._told]
        known += [(p, None) for p in self._pending]
        trials = Trials()
        trials.insert_trial_docs([self._document(*one, tid) for tid, one in enumerate(known)])
        trials.refresh()
        return trials

    def _document(self, point: Point, loss: float | None, tid: int) -> dict[str, Any]:
        vals: dict[str, list[Any]] = {name: [] for name in self.space}
        for name, value in point.items():
            found = coordinate_of(self.space[name], value)
            vals[name] = [int(found) if isinstance(base(self.space[name]), Choice) else found]
        idxs = {name: [tid] if vals[name] else [] for name in self.space}
        return {
            "tid": tid,
            "spec": None,
            "result": {"status": STATUS_OK, "loss": loss},
            "misc": {"tid": tid, "cmd": None, "workdir": None, "idxs": idxs, "vals": vals},
            "state": JOB_STATE_DONE,
            "owner": None,
            "book_time": None,
            "refresh_time": None,
            "exp_key": None,
        }
