"""What a ledger of experiments teaches: objective weights, and the lift of what comes next."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from restock.evaluation import metrics as m
from restock.evaluation.folds import FloatArray
from restock.evaluation.link.deltas import LISTED_VALUE
from restock.evaluation.link.entry import Ahead, Entry
from restock.evaluation.link.fit import Posterior, fit
from restock.evaluation.objective import Objective

LEAST_EXPERIMENTS: Final = 3
"""With fewer the declared weights stay, and nothing is foretold."""

WEIGHED: Final = ("ndcg", "recall", "revenue_capture", "revenue_ndcg", "revenue_share")
"""What weights are learned for beside the declared metrics: order, hits and money, of all items.

Those of new or of repeated items alone are reported, not weighed: a list that leaves one kind out
has a log ratio without bounds there.
"""

BESIDE: Final = (LISTED_VALUE,)
"""What foretells beside them: hits on dear items earn more than hits on cheap ones, and an
objective that weighed it would fill lists with what is dear."""

LEAST_ERROR: Final = 1e-4
"""No lift is taken to be known better than to a hundredth of a per cent."""

LEAST_WEIGHT: Final = 0.02
"""Smaller weights are dropped: an objective is read by people."""


@dataclass(frozen=True)
class Prediction:
    """What an experiment would measure: log lift, its standard deviation, a 95 % interval.

    by_metrics: from the offline metrics alone, where an off-policy estimate was joined.
    """

    value: float
    error: float
    by_metrics: float

    @property
    def interval(self) -> tuple[float, float]:
        """value ± 1.96 errors."""
        return self.value - 1.96 * self.error, self.value + 1.96 * self.error


@dataclass(frozen=True, eq=False)
class Link:
    """The fitted link. Made by ``learn``.

    declared: the objective it began with. metrics: what it weighs, then what only foretells.
    used: the entries it learned from; left_out: name of an entry → why it could not be used.
    posterior: None with fewer than
    ``LEAST_EXPERIMENTS``. ope_misfit: standard deviation of lifts about off-policy estimates
    beyond both noises; None with fewer than ``LEAST_EXPERIMENTS`` estimates.
    """

    declared: Objective
    metrics: tuple[str, ...]
    used: tuple[Entry, ...]
    left_out: dict[str, str]
    posterior: Posterior | None
    ope_misfit: float | None

    @property
    def enough(self) -> bool:
        """Whether there are experiments enough to learn from."""
        return self.posterior is not None

    @property
    def weights(self) -> dict[str, float]:
        """The proposed weights, summing to 1; the declared ones while too little is known."""
        if self.posterior is None:
            return self.declared.shares
        pairs = zip(self.metrics, self.posterior.weights, strict=True)
        kept = {name: float(weight) for name, weight in pairs if weight >= LEAST_WEIGHT}
        total = sum(kept.values())
        return {name: weight / total for name, weight in kept.items()}

    @property
    def objective(self) -> Objective:
        """The declared objective with the proposed weights; guardrails stay."""
        return Objective(weights=self.weights, guardrails=self.declared.guardrails)

    def predict(self, ahead: Ahead) -> Prediction:
        """The lift that an experiment would measure; an entry's own lift is not looked at.

        An off-policy estimate is joined by inverse variance once ``LEAST_EXPERIMENTS`` entries
        say how far such estimates were off. ValueError when too little is known, or when a
        metric is missing.
        """
        if self.posterior is None:
            raise ValueError(
                f"{len(self.used)} experiments are too few to foretell a lift: "
                f"it takes {LEAST_EXPERIMENTS}"
            )
        if missing := [name for name in self.metrics if name not in ahead.offline]:
            raise ValueError(f"{ahead.name}: no delta of {missing[0]}, which the link weighs")
        return _predict(self.posterior, self.metrics, ahead, self.ope_misfit)


def learn(entries: Sequence[Entry], declared: Objective | None = None) -> Link:
    """Fit the link on the entries of a ledger; their order does not matter.

    declared: the objective in force, default ``Objective()``. Entries without a delta of one of
    its metrics are left out, and say why; of the other metrics those that all entries have are
    weighed. Entries should measure one business metric: ValueError for several.
    """
    declared = declared or Objective()
    if len(kinds := {entry.metric for entry in entries}) > 1:
        raise ValueError(
            f"the experiments measured different things ({', '.join(sorted(kinds))}): "
            "link each on its own"
        )
    used, left_out = [], {}
    for entry in sorted(entries, key=lambda one: (one.start, one.name)):
        if missing := [name for name in declared.shares if name not in entry.offline]:
            left_out[entry.name] = f"no delta of {missing[0]}"
        else:
            used.append(entry)
    metrics = _metrics(used, declared)
    posterior = _fit(used, metrics, declared) if len(used) >= LEAST_EXPERIMENTS else None
    return Link(declared, metrics, tuple(used), left_out, posterior, _ope_misfit(used))


def foretold(link: Link) -> list[Prediction]:
    """For each used entry, the lift foretold from all the others: an honest calibration."""
    found = []
    for at, entry in enumerate(link.used):
        others = [*link.used[:at], *link.used[at + 1 :]]
        posterior = _fit(others, link.metrics, link.declared)
        found.append(_predict(posterior, link.metrics, entry, _ope_misfit(others)))
    return found


def _predict(
    posterior: Posterior, metrics: Sequence[str], ahead: Ahead, ope_misfit: float | None
) -> Prediction:
    mean, deviation = (float(one[0]) for one in posterior.lifts(*_rows([ahead], metrics)))
    if ahead.ope is None or ahead.ope_error is None or ope_misfit is None:
        return Prediction(mean, deviation, mean)
    mine, theirs = deviation**-2, 1.0 / (ahead.ope_error**2 + ope_misfit**2)
    joined = (mean * mine + ahead.ope * theirs) / (mine + theirs)
    return Prediction(joined, (mine + theirs) ** -0.5, mean)


def _fit(entries: Sequence[Entry], metrics: Sequence[str], declared: Objective) -> Posterior:
    deltas, errors = _rows(entries, metrics)
    shares = declared.shares
    return fit(
        deltas,
        errors,
        np.array([entry.lift for entry in entries]),
        np.array([max(entry.error, LEAST_ERROR) for entry in entries]),
        np.array([shares.get(name, 0.0) for name in metrics]),
        beside=sum(m.parse_name(name)[0] in BESIDE for name in metrics),
    )


def _metrics(entries: Sequence[Entry], declared: Objective) -> tuple[str, ...]:
    """The declared metrics, then the others that every entry has, at the same k; last what only
    foretells."""
    k = m.parse_name(next(iter(declared.weights)))[1]
    others = [m.metric_name(stem, k) for stem in (*WEIGHED, *BESIDE)]
    common = [name for name in others if all(name in entry.offline for entry in entries)]
    return tuple(dict.fromkeys([*declared.weights, *(common if entries else ())]))


def _rows(known: Sequence[Ahead], metrics: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    deltas = np.array([[one.offline[name] for name in metrics] for one in known])
    errors = np.array([[one.offline_error.get(name, 0.0) for name in metrics] for one in known])
    return deltas, errors


def _ope_misfit(entries: Sequence[Entry]) -> float | None:
    """By moments: mean of (lift - ope)² - error² - ope_error², at least 0; precise ones first."""
    known = [one for one in entries if one.ope is not None and one.ope_error is not None]
    if len(known) < LEAST_EXPERIMENTS:
        return None
    noise = np.array([one.error**2 + (one.ope_error or 0.0) ** 2 for one in known])
    apart = np.array([one.lift - (one.ope or 0.0) for one in known])
    weight = 1.0 / noise
    return math.sqrt(max(float(weight @ (apart**2 - noise) / weight.sum()), 0.0))
