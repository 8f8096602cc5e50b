"""The worth of a target policy from logged lists: what a whole list earns, over all places."""

from collections.abc import Callable

import numpy as np

from restock.evaluation.folds import FloatArray
from restock.evaluation.ope.estimate import Estimate, Linear, estimate, ratios
from restock.evaluation.ope.logged import BadLog, LoggedLists
from restock.evaluation.ope.sums import ListSums

Lists = LoggedLists | ListSums
"""A log of lists, or its sums."""


def ips_lists(log: Lists) -> Estimate:
    """Whole lists: mean of (weight of the list)·(its rewards). Assumes nothing, varies most."""
    return _estimate("ips_lists", log)


def snips_lists(log: Lists) -> Estimate:
    """``ips_lists`` with the lists' weights divided by their own mean."""
    return _estimate("snips_lists", log)


def iips(log: Lists) -> Estimate:
    """Places on their own: each reward weighed by its own place alone. Varies least.

    Li, Abbasi-Yadkori, Kveton, Muthukrishnan, Vinay and Wen, "Offline evaluation of ranking
    policies with click models", KDD 2018 (item-position model). Right only where a reward
    depends on nothing but the item and its place, and the probabilities do not depend on the
    items above; with lists drawn without repetition it is an approximation.
    """
    return _estimate("iips", log)


def rips(log: Lists) -> Estimate:
    """Reward interaction: each reward weighed by the items from the top down to its place.

    McInerney, Brost, Chandar, Mehrotra and Carterette, "Counterfactual evaluation of slate
    recommendations with sequential reward interactions", KDD 2020; the per-decision importance
    sampling of Precup, Sutton and Singh, ICML 2000. Unbiased when a reward depends on its item
    and the items above, not on those below: who reads from the top.
    """
    return _estimate("rips", log)


def snrips(log: Lists) -> Estimate:
    """``rips`` with the weights of each place divided by their own mean."""
    return _estimate("snrips", log)


def dr_lists(log: Lists) -> Estimate:
    """Doubly robust, place by place: ``rips`` with an outcome model taken out of the noise.

    sum_k of w_k·(reward_k - expected of what was shown) + w_(k-1)·(expected under the target, below
    the same items), with w_0 = 1: Kiyohara, Saito, Matsuhiro, Narita, Shimizu and Yamamoto,
    "Doubly robust off-policy evaluation for ranking policies under the cascade behavior model",
    WSDM 2022, with a model of each place's own reward. Unbiased where ``rips`` is.
    """
    return _estimate("dr_lists", log)


def logged_mean_lists(log: Lists) -> Estimate:
    """What the logged lists earned: the plain mean over lists of their rewards."""
    return _estimate("logged", log)


def log_lift_lists(log: Lists, estimator: str) -> Estimate:
    """log(estimate / the logged mean), its error from both at once: they share the customers.

    estimator: one of this module's functions by name. NaN where one of the two is not above 0.
    """
    sums = log if isinstance(log, ListSums) else ListSums.of(log)
    ours, logged = _linear(estimator, sums), _linear("logged", sums)
    return estimate(estimator, ours.log_ratio(logged), sums.n, _ess(estimator, sums))


def ess_by_place(sums: ListSums) -> FloatArray:
    """(Σw)² / Σw² of the weights down to each place (float64, k); the last is of whole lists."""
    return _kish(sums.weight.sum(axis=0), sums.totals[0])


def earning_share(sums: ListSums) -> FloatArray:
    """The share of each place in the logged squared rewards (float64, k, adds up to 1)."""
    squares = sums.totals[3]
    total = squares.sum()
    return squares / total if total > 0 else np.full(sums.k, 1.0 / sums.k)


def rips_ess(sums: ListSums) -> float:
    """Effective lists of ``rips``: the harmonic mean over places, each as it earns.

    Where rewards are rare the variance of sum_k w_k r_k is about sum_k E(w_k²) E(r_k²) / n,
    against sum_k E(r_k²) / n with the target's own lists: n divided by that ratio.
    """
    return _harmonic(sums, ess_by_place(sums))


def _estimate(name: str, log: Lists) -> Estimate:
    sums = log if isinstance(log, ListSums) else ListSums.of(log)
    return estimate(name, _linear(name, sums), sums.n, _ess(name, sums))


def _linear(name: str, sums: ListSums) -> Linear:
    if name not in _FORMS:
        raise ValueError(f"no estimator {name!r} of lists: there are {', '.join(_FORMS)}")
    if name == "dr_lists" and not sums.modelled:
        raise BadLog(
            "dr_lists needs a model of outcomes: give the log expected_logged and expected_target"
        )
    return _FORMS[name](sums)


_FORMS: dict[str, Callable[[ListSums], Linear]] = {
    "logged": lambda s: ratios(s.reward, s.rows),
    "ips_lists": lambda s: ratios(s.whole, s.rows),
    "snips_lists": lambda s: ratios(s.whole, s.weight[:, -1]),
    "iips": lambda s: ratios(s.alone, s.rows),
    "rips": lambda s: ratios(s.weighted, s.rows),
    "snrips": lambda s: ratios(s.weighted, s.weight),
    "dr_lists": lambda s: ratios(s.modelled_value, s.rows),
}


def _ess(name: str, sums: ListSums) -> float:
    if name == "logged":
        return float(sums.n)
    if name == "iips":
        return _harmonic(sums, _kish(sums.totals[1], sums.totals[2]))
    return float(ess_by_place(sums)[-1]) if name in ("ips_lists", "snips_lists") else rips_ess(sums)


def _kish(weight: FloatArray, squares: FloatArray) -> FloatArray:
    return np.divide(np.square(weight), squares, out=np.zeros(weight.size), where=squares > 0)


def _harmonic(sums: ListSums, ess: FloatArray) -> float:
    share = earning_share(sums)
    earning = share > 0
    if (ess[earning] == 0).any():
        return 0.0
    return float(1.0 / (share[earning] / ess[earning]).sum())
