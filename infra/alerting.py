"""From findings to alerts: each written down once, then told to the server.

An alert lies in the store, with a marker in the outbox (``spool/alerts/<id>``), before anybody is
told: an event that is emitted while the server is away is lost without an error, and so is one
that a server has taken when it dies before it acts. The marker goes when the alert is answered;
until then every run tells the server again.
"""

import datetime as dt
import logging
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from restock.infra.alerts import FOLDER, ID_PATTERN, Alert, alert_id, alert_key, read_alert
from restock.infra.store import NotFound, Store
from restock.monitoring.findings import Finding
from restock.monitoring.policy import ResponsePolicy

OUTBOX = "spool/alerts"
DETECTED = "restock.drift.detected"
SECONDS = 20.0  # for a server to take what waits
ASKED_FOR = dt.timedelta(days=3)
"""So long an alert that nobody answers is told again: perhaps nothing here answers alerts."""
_EVENTS = uuid.UUID("5f1c1c0e-4a7b-5d0c-9c43-2f7e1f5a9d10")

logger = logging.getLogger(__name__)


class Raised(NamedTuple):
    """The alerts that are new, those that go on, and whether so many came at once that people are
    told of all of them together, and nothing is trained."""

    alerts: Sequence[Alert]
    repeated: Sequence[Alert]
    storm: bool


def raise_alerts(
    store: Store,
    findings: Iterable[Finding],
    *,
    watched: Sequence[str],
    now: dt.datetime,
    policy: ResponsePolicy,
    reports: Mapping[str, str] | None = None,
    elsewhere: Sequence[str] = (),
) -> Raised:
    """Write down what alarms and is not known yet; doing it again changes nothing.

    An alarm of the same market and cause within the cooldown, counted in days of the data, is the
    same alert going on. watched: all markets that were looked at; elsewhere: those that other runs
    have looked at within a day: many new alarms among the first, or among both, are a storm.
    now: when it was written. reports: market → address of its page. ``deliver`` tells the server.
    """
    alarms = [finding for finding in findings if finding.severity == "alarm"]
    known = {market: alerts_of(store, market) for market in {one.market for one in alarms}}
    new: dict[str, Alert] = {}
    repeated: dict[str, Alert] = {}
    for finding in alarms:
        before = _going_on(finding, [*known[finding.market], *new.values()], policy)
        if before is not None:
            repeated[before.id] = before
            continue
        alert = Alert.of(finding, now, (reports or {}).get(finding.market, ""))
        new[alert.id] = alert
    lately = _lately(store, max((finding.as_of for finding in alarms), default=dt.date.min))
    storm = False
    for stale in (True, False):  # that no night runs must not hide what moved in one market
        coming = {id: alert for id, alert in new.items() if _is_stale(id) is stale}
        others = [id for id in lately if _is_stale(id) is stale]
        what = _storm({*others, *coming}, set(watched), set(elsewhere), policy)
        if what:
            storm = True
            new |= _incident(list(coming.values()), what, told=_told(store, others))
    for alert in new.values():
        store.put(f"{OUTBOX}/{alert.id}", b"")  # before the alert: none is written and not told
        store.put(alert_key(alert.id), alert.bytes())
    return Raised(tuple(new.values()), tuple(repeated.values()), storm)


def _lately(store: Store, day: dt.date) -> list[str]:
    """Ids of the alerts of a day of the data and the one before, in all markets.

    Groups of markets are looked at one after the other as the morning comes to them.
    """
    if day == dt.date.min:
        return []
    days = (str(day), str(day - dt.timedelta(days=1)))
    names = (entry.key.rpartition("/")[2].removesuffix(".json") for entry in store.list(FOLDER))
    return [
        name for name in names if re.fullmatch(ID_PATTERN, name) and "-".join(_day(name)) in days
    ]


def _is_stale(alert: str) -> bool:
    return alert.endswith("-stale")


def _day(alert: str) -> list[str]:
    return alert.split("-")[1:4]


def _storm(lately: set[str], watched: set[str], elsewhere: set[str], policy: ResponsePolicy) -> str:
    """What to say of so many alarms at once; empty where they are not many."""
    alarming = {alert.split("-")[0] for alert in lately}
    for markets in (watched, watched | elsewhere):
        many = len(alarming & markets)
        if many >= policy.storm_least and many > policy.storm_share * len(markets):
            return f"{many} of {len(markets)} markets alarm at once"
    return ""


def _told(store: Store, lately: Iterable[str]) -> bool:
    """Whether people were told of a storm already."""
    alerts = (read_alert(store, alert) for alert in lately)
    return any(alert.storm and alert.action == "page" for alert in alerts)


def _incident(alerts: Sequence[Alert], what: str, *, told: bool) -> dict[str, Alert]:
    """The alerts of a storm: the first one tells people of all, and nothing is trained.

    told: people know of it already.
    """
    storm = {}
    stale = all(alert.cause == "stale" for alert in alerts)
    says = "the nights do not run" if stale else "a data incident"
    for at, alert in enumerate(sorted(alerts, key=lambda one: one.id)):
        page = at == 0 and not told
        why = f"{what}: {says}. " if page else ""
        action = "page" if page else "note"
        about = {"storm": True, "action": action, "evidence": f"{why}{alert.evidence}"}
        storm[alert.id] = alert.model_copy(update=about)
    return storm


def alerts_of(store: Store, market: str) -> list[Alert]:
    """The alerts of a market, oldest first."""
    found = []
    for entry in store.list(f"{FOLDER}/{market}"):
        try:
            found.append(read_alert(store, entry.key.rpartition("/")[2].removesuffix(".json")))
        except ValueError:
            continue  # what lies beside them is no alert
    return sorted(found, key=lambda alert: (alert.as_of, alert.id))


def deliver(store: Store) -> int:
    """Tell the server what waits in the outbox; how many alerts no server has taken yet.

    What an earlier run left goes too, and what was told before and not answered yet. An event's id
    follows from its alert, so that one that is sent twice is the same event. Never raises: what
    cannot be sent now goes with the next run.
    """
    waiting: dict[str, Alert] = {}
    for entry in store.list(OUTBOX):
        name = entry.key.removeprefix(f"{OUTBOX}/")
        try:
            waiting[entry.key] = read_alert(store, name)
        except (NotFound, ValueError):
            logger.warning("%s has no alert", entry.key)
    if not waiting:
        return 0
    try:
        _emit(list(waiting.values()))
    except Exception as error:
        logger.warning("no server took %d alerts; they wait: %s", len(waiting), error)
        return len(waiting)
    since = dt.datetime.now(dt.UTC) - ASKED_FOR
    for alert in waiting.values():
        if alert.action == "note" or alert.raised < since:
            settle(store, alert.id)
    return 0


def settle(store: Store, alert: str) -> None:
    """Take an alert out of the outbox: it was answered."""
    alert_key(alert)  # ValueError for what is no id
    store.delete(f"{OUTBOX}/{alert}")


def _going_on(finding: Finding, known: Sequence[Alert], policy: ResponsePolicy) -> Alert | None:
    """The alert that a finding is a repetition of."""
    same = [
        alert
        for alert in known
        if alert.id == alert_id(finding)
        or (
            (alert.market, alert.cause) == (finding.market, finding.cause)
            and dt.timedelta() <= finding.as_of - alert.as_of
            and (finding.as_of - alert.as_of).days <= policy.cooldown_days
        )
    ]
    return same[-1] if same else None


def _emit(alerts: Sequence[Alert]) -> None:
    """Send events; returns when the server has them."""
    import asyncio

    from prefect.events import Event
    from prefect.events.clients import get_events_client

    async def send() -> None:
        async with get_events_client(checkpoint_every=1) as client:
            for alert in alerts:
                await client.emit(Event(**_event(alert)))

    asyncio.run(asyncio.wait_for(send(), SECONDS))


def _event(alert: Alert) -> dict[str, Any]:
    return {
        "id": uuid.uuid5(_EVENTS, alert.id),
        "event": DETECTED,
        "occurred": alert.raised,
        "resource": {
            "prefect.resource.id": f"restock.market.{alert.market}",
            "restock.kind": alert.kind,
            "restock.cause": alert.cause,
            "restock.severity": alert.severity,
            "restock.action": alert.action,
        },
        "payload": {
            "alert": alert.id,
            **alert.model_dump(
                mode="json",
                include={
                    "market", "as_of", "kind", "cause", "severity", "evidence", "action", "report"
                },
            ),
        },
    }  # fmt: skip
