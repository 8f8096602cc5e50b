"""What every market's own search starts from: the best of what was tried on all markets."""

from collections import Counter
from collections.abc import Sequence

from restock.models import Candidate
from restock.tuning.trials import ALL, Outcome

PER_FAMILY = 2
"""Configurations of one family: a portfolio is for markets that differ from the whole."""


def portfolio(outcomes: Sequence[Outcome], count: int) -> list[Candidate]:
    """The ``count`` best configurations in the place ALL at the top rung, best first.

    At most PER_FAMILY of a family, and each configuration once, whatever its scope: all that
    is kept of a candidate is its own version. Hybrids are families like others. Equal lifts
    go by trial. Feurer, Springenberg and Hutter ("Initializing Bayesian hyperparameter
    optimization via meta-learning", AAAI 2015) start a search from what was best on similar
    data; here all markets together are the similar data.
    """
    pooled = [one for one in outcomes if one.trial.study.where == ALL and one.lift is not None]
    top = max((one.rung for one in pooled), default=0)
    finished = [one for one in pooled if one.rung == top and one.lift is not None]
    finished.sort(key=lambda one: (-one.lift.value if one.lift else 0.0, one.trial.key))
    found: dict[str, Candidate] = {}
    families: Counter[str] = Counter()
    for one in finished:
        candidate = one.trial.candidate
        key = own_version(candidate).key
        if key not in found and families[candidate.name] < PER_FAMILY:
            families[candidate.name] += 1
            found[key] = candidate
    return list(found.values())[:count]


def own_version(candidate: Candidate) -> Candidate:
    """The same model and configuration, fitted on a market's own order lines.

    Of a candidate in the scope "prior" that is the model itself: on one market's lines it sees
    what this market buys without being told.
    """
    return candidate.model_copy(update={"scope": "market"})
