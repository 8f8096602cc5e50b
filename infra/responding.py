"""Answering alerts exactly once: claim, do, write down that it is done."""

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from typing import Literal

from restock.infra.alerts import Alert, read_alert
from restock.infra.records import SCHEMA_VERSION, Record
from restock.infra.store import Conflict, NotFound, Store, swap
from restock.monitoring.policy import ResponsePolicy
from restock.monitoring.response import Answer, Asked, answer

FOLDER = "answers"
KEPT = 100
_ATTEMPTS = 20

logger = logging.getLogger(__name__)


class Answered(Record):
    """An answer, and whether what it says was done."""

    answer: Answer
    done: bool = False


class Answers(Record):
    """The answers to the alerts of a market, oldest first; the last hundred.

    write: makes each write unlike any other.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    market: str
    answers: tuple[Answered, ...] = ()
    write: dt.datetime

    def of(self, alert: str) -> Answered | None:
        """The answer to an alert; None while nobody has answered."""
        return next((one for one in self.answers if one.answer.alert == alert), None)


def claim(store: Store, alert: str, policy: ResponsePolicy) -> Answered:
    """The answer to an alert: decided by whoever comes first, read by everybody after.

    One that is not done has to be done (again, where its process died between the two): what it
    starts is started once, for it carries the alert's id. ValueError for what is no id, NotFound
    where there is no such alert.
    """
    asked = _asked(read_alert(store, alert))

    def decided(now: Sequence[Answered]) -> Sequence[Answered]:
        if any(one.answer.alert == alert for one in now):
            return now
        given = answer(asked, [one.answer for one in now], policy)
        return [*now, Answered(answer=given)]

    found = _update(store, asked.market, decided).of(alert)
    assert found is not None
    return found


def finish(store: Store, market: str, alert: str) -> None:
    """Write down that what the answer says was done."""

    def done(now: Sequence[Answered]) -> Sequence[Answered]:
        return [
            one.model_copy(update={"done": True}) if one.answer.alert == alert else one
            for one in now
        ]

    _update(store, market, done)


def read_answers(store: Store, market: str) -> Sequence[Answer]:
    """The answers to a market's alerts, oldest first."""
    return [one.answer for one in _read(store, market)[0]]


def _asked(alert: Alert) -> Asked:
    return Asked(
        alert=alert.id,
        market=alert.market,
        as_of=alert.as_of,
        cause=alert.cause,
        action=alert.action,
        storm=alert.storm,
    )


def _update(
    store: Store, market: str, change: Callable[[Sequence[Answered]], Sequence[Answered]]
) -> Answers:
    for _ in range(_ATTEMPTS):
        now, etag = _read(store, market)
        changed = tuple(change(now))[-KEPT:]
        answers = Answers(market=market, answers=changed, write=dt.datetime.now(dt.UTC))
        if changed == tuple(now):
            return answers
        try:
            swap(store, _key(market), answers.bytes(), etag)
        except Conflict:
            continue
        return answers
    raise Conflict(f"{_key(market)} keeps changing: {_ATTEMPTS} attempts to answer failed")


def _read(store: Store, market: str) -> tuple[Sequence[Answered], str | None]:
    try:
        blob = store.get(_key(market))
    except NotFound:
        return (), None
    return Answers.parse(blob.data, f"{_key(market)} in {store.uri}").answers, blob.etag


def _key(market: str) -> str:
    return f"{FOLDER}/{market}.json"
