"""Alerts: written down once, before anybody is told; what no server took waits."""

import datetime as dt
import time
from pathlib import Path

import pytest
from contracts.watched import AS_OF, finding

from restock.infra import alerting
from restock.infra.alerting import OUTBOX, Raised, alerts_of, deliver, raise_alerts, settle
from restock.infra.local_store import LocalStore
from restock.infra.prefect_server import ask
from restock.monitoring.findings import Finding
from restock.monitoring.policy import ResponsePolicy

POLICY = ResponsePolicy()
NOW = dt.datetime.now(dt.UTC)
WATCHED = [f"{letter}{letter}" for letter in "ABCDEFGHIJ"]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def raised(store: LocalStore, *findings: Finding) -> Raised:
    return raise_alerts(store, findings, watched=WATCHED, now=NOW, policy=POLICY)


def ids(alerts: object) -> list[str]:
    return [alert.id for alert in alerts]  # type: ignore[attr-defined]


@pytest.mark.unit
def test_an_alarm_is_written_once_and_what_is_no_alarm_never(store: LocalStore) -> None:
    first = raised(
        store, finding(), finding("DE", severity="warning"), finding("GB", severity="note")
    )
    assert ids(first.alerts) == [f"FR-{AS_OF}-price-shock"] and not first.repeated
    assert [entry.key for entry in store.list(OUTBOX)] == [f"{OUTBOX}/FR-{AS_OF}-price-shock"]
    again = raised(store, finding())
    assert not again.alerts and ids(again.repeated) == ids(first.alerts)
    assert ids(alerts_of(store, "FR")) == ids(first.alerts)


@pytest.mark.unit
@pytest.mark.parametrize(("days", "new"), [(1, False), (14, False), (15, True)])
def test_the_same_cause_goes_on_for_as_long_as_the_cooldown(
    store: LocalStore, days: int, new: bool
) -> None:
    raised(store, finding())
    later = AS_OF + dt.timedelta(days=days)
    assert bool(raised(store, finding(as_of=later)).alerts) == new
    assert raised(store, finding(as_of=later, cause="lost supplier")).alerts


@pytest.mark.unit
def test_many_at_once_are_a_storm(store: LocalStore) -> None:
    assert not raised(store, *(finding(market) for market in WATCHED[:3])).storm
    many = raised(store, *(finding(market, cause="stale") for market in WATCHED[:4]))
    assert many.storm and all(alert.storm for alert in many.alerts)
    assert [alert.action for alert in many.alerts] == ["page", "note", "note", "note"]
    told = many.alerts[0].evidence
    assert told.startswith("4 of 10 markets alarm at once: the nights do not run. ")
    later = AS_OF + dt.timedelta(days=30)
    shocks = raised(store, *(finding(market, as_of=later) for market in WATCHED[4:9])).alerts
    assert shocks[0].evidence.startswith("5 of 10 markets alarm at once: a data incident. ")
    few = raise_alerts(store, [finding("AA")], watched=["AA"], now=NOW, policy=POLICY)
    assert not few.storm


@pytest.mark.unit
def test_groups_of_markets_that_alarm_one_after_the_other_are_one_storm_and_one_page(
    store: LocalStore,
) -> None:
    """The first group is too small to tell; whoever comes after the third market knows."""

    def look(*markets: str, days: int = 0) -> list[str]:
        found = raise_alerts(
            store,
            [finding(market, as_of=AS_OF + dt.timedelta(days=days)) for market in markets],
            watched=markets,
            now=NOW,
            policy=POLICY,
            elsewhere=WATCHED,
        )
        return [alert.action for alert in found.alerts]

    assert look("AA", "BB") == ["retrain", "retrain"]
    assert look("CC", "DD") == ["page", "note"]
    assert look("EE", "FF", "GG", days=1) == ["note", "note", "note"]  # people know
    assert look("HH", days=3) == ["retrain"]


@pytest.mark.unit
def test_old_lists_everywhere_do_not_hide_what_moved_in_one_market(store: LocalStore) -> None:
    stale = [finding(market, cause="stale", kind="staleness") for market in WATCHED]
    found = raised(store, *stale, finding("AA"))
    by_id = {alert.id: alert for alert in found.alerts}
    shock = by_id.pop(f"AA-{AS_OF}-price-shock")
    assert found.storm and not shock.storm and shock.action == "retrain"
    assert sorted(alert.action for alert in by_id.values()) == ["note"] * 9 + ["page"]


@pytest.mark.unit
def test_alarms_that_go_on_since_long_ago_are_no_storm(store: LocalStore) -> None:
    for at, market in enumerate(WATCHED[:6]):
        raised(store, finding(market, as_of=AS_OF + dt.timedelta(days=2 * at)))
    today = AS_OF + dt.timedelta(days=11)
    again = raised(store, *(finding(market, as_of=today) for market in WATCHED[:7]))
    assert len(again.repeated) == 6 and not again.storm
    assert [alert.action for alert in again.alerts] == ["retrain"]


@pytest.mark.unit
def test_what_no_server_takes_waits_and_goes_later(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(alerts: object) -> None:
        raise ConnectionError("no server")

    raised(store, finding())
    monkeypatch.setattr(alerting, "_emit", away)
    assert deliver(store) == 1 and store.list(OUTBOX)
    taken: list[str] = []
    monkeypatch.setattr(alerting, "_emit", lambda alerts: taken.extend(ids(alerts)))
    raised(store, finding("DE"))
    assert deliver(store) == 0
    both = [f"DE-{AS_OF}-price-shock", f"FR-{AS_OF}-price-shock"]
    assert sorted(taken) == both
    assert deliver(store) == 0 and sorted(taken) == sorted(2 * both)  # nobody has answered yet
    settle(store, both[0])
    assert deliver(store) == 0 and taken[4:] == both[1:]


@pytest.mark.unit
def test_what_needs_no_answer_and_what_nobody_answers_is_not_told_for_ever(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "_emit", lambda alerts: None)
    now = dt.datetime.now(dt.UTC)
    old, new = now - alerting.ASKED_FOR - dt.timedelta(hours=1), now
    for when, one in ((old, finding()), (new, finding("DE")), (new, finding("GB", action="note"))):
        raise_alerts(store, [one], watched=WATCHED, now=when, policy=POLICY)
    deliver(store)
    assert [entry.key for entry in store.list(OUTBOX)] == [f"{OUTBOX}/DE-{AS_OF}-price-shock"]


@pytest.mark.unit
def test_a_marker_whose_alert_was_never_written_stops_nothing(store: LocalStore) -> None:
    store.put(f"{OUTBOX}/FR-{AS_OF}-price-shock", b"")  # killed between the two writes
    assert deliver(store) == 0
    assert raised(store, finding()).alerts


@pytest.mark.platform
def test_a_server_has_each_alert_once(store: LocalStore, prefect_api: str) -> None:
    now = dt.datetime.now(dt.UTC)
    alerts = raise_alerts(store, [finding()], watched=WATCHED, now=now, policy=POLICY).alerts
    assert deliver(store) == 0
    store.put(f"{OUTBOX}/{alerts[0].id}", b"")
    assert deliver(store) == 0

    def events() -> list[dict[str, object]]:
        body = {"filter": {"event": {"name": [alerting.DETECTED]}}}
        return list(ask(prefect_api, "/events/filter", **body)["events"])

    until = time.monotonic() + 30
    while not events() and time.monotonic() < until:
        time.sleep(0.5)
    (event,) = events()
    assert event["resource"]["prefect.resource.id"] == "restock.market.FR"  # type: ignore[index]
    assert event["resource"]["restock.cause"] == "price shock"  # type: ignore[index]
    assert event["payload"]["alert"] == alerts[0].id  # type: ignore[index]
