"""What follows from an alert: a retraining, a search, a word to people, or nothing more."""

import datetime as dt
from collections.abc import Sequence
from typing import Literal

from restock.monitoring.findings import Action, Cause, Record
from restock.monitoring.policy import ResponsePolicy

Started = Literal["retrain", "search"]


class Asked(Record):
    """What is known of an alert when it is answered.

    storm: so many markets alarm at once that the data are to blame.
    """

    alert: str
    market: str
    as_of: dt.date
    cause: Cause
    action: Action
    storm: bool = False


class Answer(Record):
    """What is done about an alert, and why. Days are days of the data, not of the clock."""

    alert: str
    as_of: dt.date
    cause: Cause
    action: Action
    why: str


def answer(asked: Asked, earlier: Sequence[Answer], policy: ResponsePolicy) -> Answer:
    """Decide about one alert, given the answers to the earlier ones of its market.

    A market is retrained at most once within the cooldown, whatever the causes. An alarm that
    comes soon after a retraining has answered the last one asks for a search: the plan, not its
    age, is what no longer fits. On a data incident nothing is trained.
    """
    action, why = _decide(asked, earlier, policy)
    return Answer(alert=asked.alert, as_of=asked.as_of, cause=asked.cause, action=action, why=why)


def _decide(asked: Asked, earlier: Sequence[Answer], policy: ResponsePolicy) -> tuple[Action, str]:
    if asked.action == "note":
        return "note", "it is known, and nothing is to be done"
    if asked.action == "page":
        if asked.storm:
            return "page", "so many markets alarm at once that no retraining is the answer"
        return "page", "the data are to blame: nothing is trained on them"
    if asked.storm:
        return "note", "it is part of an incident that people were told of"
    started = [one for one in earlier if one.action in ("retrain", "search")]
    near = [one for one in started if abs((asked.as_of - one.as_of).days) <= policy.cooldown_days]
    if near:
        last = near[-1]
        return "note", f"{last.alert} started a {last.action} less than the cooldown away"
    before = [one for one in started if one.as_of < asked.as_of]
    latest = max(before, key=lambda one: one.as_of, default=None)
    if latest is None or (asked.as_of - latest.as_of).days > policy.persistent_days:
        return asked.action, f"a {asked.cause} asks for it"
    if latest.action == "retrain":
        return "search", f"the retraining that answered {latest.alert} has not helped for long"
    return asked.action, f"a {asked.cause} asks for it"
