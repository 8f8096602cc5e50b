"""The worth of a target policy from logged single choices, with intervals by customer."""

from collections.abc import Callable

import numpy as np

from restock.evaluation.ope.estimate import Estimate, Linear, estimate, ratios
from restock.evaluation.ope.logged import BadLog, Logged
from restock.evaluation.ope.sums import Sums

Log = Logged | Sums
"""A log, or its sums."""


def ips(log: Log) -> Estimate:
    """Inverse propensity score: mean of w·reward. Unbiased; any one weight can move it far.

    Horvitz and Thompson (1952); Strehl, Langford, Li and Kakade, "Learning from logged implicit
    exploration data", NeurIPS 2010.
    """
    return _estimate("ips", log)


def snips(log: Log) -> Estimate:
    """Self-normalised: sum(w·reward) / sum(w). Stays within the rewards' range, little bias.

    Swaminathan and Joachims, "The self-normalized estimator for counterfactual learning",
    NeurIPS 2015; the error is that of a ratio (Owen, Monte Carlo theory, methods and examples,
    2013, section 9.2).
    """
    return _estimate("snips", log)


def dm(log: Log) -> Estimate:
    """Direct method: the outcome model's mean under the target. As wrong as the model is.

    Its interval says how the mean varies with the customers, not how far the model is off.
    """
    return _estimate("dm", log)


def dr(log: Log) -> Estimate:
    """Doubly robust: the direct method plus the mean of w·(reward - expected of what was shown).

    Dudík, Langford and Li, "Doubly robust policy evaluation and learning", ICML 2011,
    equation 2. Unbiased with right propensities whatever the model; the better the model, the less
    error. The model must not have seen the row it speaks of (cross-fitting).
    """
    return _estimate("dr", log)


def logged_mean(log: Log) -> Estimate:
    """What the logging policy itself earned: the plain mean of the rewards."""
    return _estimate("logged", log)


def log_lift(log: Log, estimator: str) -> Estimate:
    """log(estimate / the logged mean), its error from both at once: they share the customers.

    estimator: ips, snips, dm or dr. NaN where one of the two is not above 0.
    """
    sums = log if isinstance(log, Sums) else Sums.of(log)
    ours, logged = _linear(estimator, sums), _linear("logged", sums)
    return estimate(estimator, ours.log_ratio(logged), sums.n, _ess(estimator, sums))


def _estimate(name: str, log: Log) -> Estimate:
    sums = log if isinstance(log, Sums) else Sums.of(log)
    return estimate(name, _linear(name, sums), sums.n, _ess(name, sums))


def _linear(name: str, sums: Sums) -> Linear:
    if name not in _FORMS:
        raise ValueError(f"no estimator {name!r}: there are {', '.join(_FORMS)}")
    if name in ("dm", "dr") and not sums.modelled:
        raise BadLog(
            f"{name} needs a model of outcomes: give the log expected_logged and expected_target"
        )
    return _FORMS[name](sums)


_FORMS: dict[str, Callable[[Sums], Linear]] = {
    "logged": lambda s: ratios(s.reward, s.rows),
    "ips": lambda s: ratios(s.weighted, s.rows),
    "snips": lambda s: ratios(s.weighted, s.weight),
    "dm": lambda s: ratios(s.expected, s.rows),
    "dr": lambda s: ratios(s.expected + s.residual, s.rows),
}


def _ess(name: str, sums: Sums) -> float:
    """Rows' worth of what the estimate rests on: all where nothing is weighed."""
    if name in ("logged", "dm"):
        return float(sums.n)
    return float(np.square(sums.weight.sum()) / sums.squares) if sums.squares else 0.0
