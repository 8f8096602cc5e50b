"""How the studies of a search stand: who is ahead, who may be mixed, what is in service."""

from collections import Counter
from collections.abc import Mapping

from restock.tuning.study import Study
from restock.tuning.trials import ALL, Outcome, StudyKey

MEMBERS, OF_A_FAMILY = 20, 4
"""Best trials of a place that may enter a mixture, and so many of one family: those are alike."""

Studies = Mapping[StudyKey, Study]


def finished(studies: Studies, where: str) -> list[Outcome]:
    """Outcomes of a place at the top rung, the best first; equals by trial."""
    found = [one for key, study in studies.items() if key.where == where for one in study.finished]
    return sorted(found, key=lambda one: (-one.lift.value if one.lift else 0.0, one.trial.key))


def cut_short(studies: Studies, where: str) -> list[Outcome]:
    """Of each family that never reached the top, its best so far, if it beat all that did.

    There was no time for more of it; it may have been the best.
    """
    best = max((one.lift.value for one in finished(studies, where) if one.lift), default=0.0)
    found = []
    for key, study in sorted(studies.items(), key=lambda one: one[0].title):
        known = [one for one in study.outcomes.values() if one.lift and one.lift.value > best]
        if key.where == where and known and not study.finished:
            found.append(max(known, key=lambda one: (one.rung, one.lift.value if one.lift else 0)))
    return found


def members(studies: Studies, where: str) -> list[Outcome]:
    """The best trials that left ballots, not too many of one family."""
    found: list[Outcome] = []
    families: Counter[str] = Counter()
    for one in finished(studies, where):
        family = one.trial.study.family
        if one.kept and families[family] < OF_A_FAMILY and len(found) < MEMBERS:
            families[family] += 1
            found.append(one)
    return found


def ranked(studies: Studies) -> dict[StudyKey, float]:
    """Studies of ALL → weight 1 / (1 + rank), by the best lift so far; failed ones are out."""
    best = {
        key: max(one.lift.value for one in study.outcomes.values() if one.lift is not None)
        for key, study in studies.items()
        if key.where == ALL and any(one.lift for one in study.outcomes.values())
    }
    order = sorted(best, key=lambda key: (-best[key], key.family))
    return {key: 1.0 / (1 + rank) for rank, key in enumerate(order)}


def in_service(studies: Studies, where: str) -> float:
    """The log-lift of the plan in service in a place, as far as the place ALL tells.

    That of the yardstick is 0. Asked for when a phase starts: it must not depend on what comes
    in later.
    """
    found = []
    for key, study in studies.items():
        for _, one in sorted(study.outcomes.items()):
            if key.where == ALL and one.trial.origin == "service":
                lift = one.lift if where == ALL else one.markets.get(where)
                found += [lift.value] if lift else []
    return max(found, default=0.0)
