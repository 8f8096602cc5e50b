"""From an alarm to exactly one retraining: a real server, worker, automation and night."""

import datetime as dt
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from contracts.servers import standing_platform
from contracts.watched import finding

from restock.infra import platform, prefect_server
from restock.infra.alerting import OUTBOX, deliver, raise_alerts
from restock.infra.local_store import LocalStore
from restock.infra.platform_state import SERVER, PlatformState, read_state
from restock.infra.reporting import FOLDER as REPORTS
from restock.infra.responding import read_answers
from restock.infra.settings import Settings, load_settings
from restock.monitoring.findings import Finding
from restock.monitoring.policy import ResponsePolicy

pytestmark = pytest.mark.platform
DAY = dt.date(2011, 11, 30)
DEPLOYMENTS = """
name: alerts
build: []
push: []
pull: []
deployments:
  - name: respond
    description: as shipped
    entrypoint: restock.flows.respond.respond
    work_pool: {{name: alerts}}
  - name: alert
    description: as shipped, on a few orders
    entrypoint: restock.flows.retrain.retrain
    parameters: {{orders: {orders}}}
    concurrency_limit: {{limit: 2, collision_strategy: ENQUEUE}}
    work_pool: {{name: alerts}}
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(home=tmp_path_factory.mktemp("home"), runner="threads")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, orders: Path) -> Path:
    folder = tmp_path_factory.mktemp("deployments")
    (folder / "prefect.yaml").write_text(DEPLOYMENTS.format(orders=orders))
    (folder / "automations").mkdir()
    shipped = (platform.packaged() / "automations" / "drift.yaml").read_text()
    (folder / "automations" / "drift.yaml").write_text(shipped)
    return folder


@pytest.fixture(scope="module")
def state(settings: Settings, folder: Path) -> Iterator[PlatformState]:
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    before = os.environ.get("RESTOCK_RUNNER")
    os.environ["RESTOCK_RUNNER"] = "threads"
    try:
        with standing_platform(settings, folder=folder, every_market=False) as state:
            url, home = f"{state.services[SERVER].url}/api", settings.home / "prefect"
            with temporary_settings({PREFECT_API_URL: url, PREFECT_HOME: home}):
                yield state
    finally:
        del os.environ["RESTOCK_RUNNER"]
        if before is not None:
            os.environ["RESTOCK_RUNNER"] = before


@pytest.fixture
def store(settings: Settings) -> LocalStore:
    return LocalStore(Path(settings.storage))


def ask(settings: Settings, path: str, **body: Any) -> Any:
    """The answer of the server that runs now."""
    return prefect_server.ask(f"{read_state(settings.home).services[SERVER].url}/api", path, **body)


def retrainings(settings: Settings, because: str | None = None) -> list[dict[str, Any]]:
    """The runs that an alert has started."""
    runs = ask(settings, "/flow_runs/filter", flows={"name": {"any_": ["retrain"]}})
    return [run for run in runs if because in (None, run["parameters"]["because"])]


def alarm(
    store: LocalStore, *findings: Finding, watched: int = 40, hours_ago: int = 0
) -> list[str]:
    """Write down what alarms."""
    alarming = [one.market for one in findings]
    markets = [*alarming, *(f"M{at}" for at in range(watched))][:watched]
    now, policy = dt.datetime.now(dt.UTC) - dt.timedelta(hours=hours_ago), ResponsePolicy()
    raised = raise_alerts(store, findings, watched=markets, now=now, policy=policy)
    return [alert.id for alert in raised.alerts]


def wait(what: Callable[[], Any], seconds: float = 60) -> Any:
    """The first true value; an assertion fails after so many seconds."""
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.5)
    return found


def answered(store: LocalStore, market: str, alert: str) -> Callable[[], bool]:
    """Whether an alert is answered and out of the outbox."""
    return lambda: (
        any(one.alert == alert for one in read_answers(store, market))
        and not any(entry.key.endswith(alert) for entry in store.list(OUTBOX))
    )


def test_an_alarm_starts_one_retraining_of_its_market_which_names_it(
    state: PlatformState, settings: Settings, store: LocalStore
) -> None:
    (alert,) = alarm(store, finding("FR", as_of=DAY))
    assert deliver(store) == 0
    run = wait(lambda: retrainings(settings, alert))[0]
    assert run["parameters"]["markets"] == ["FR"]
    assert deliver(store) == 0  # the event once more
    wait(answered(store, "FR", alert))
    night = wait(lambda: [e.key for e in store.list(REPORTS) if e.key.endswith("night.json")], 120)
    because = json.loads(store.get(night[0]).data)["because"]
    assert because["id"] == alert and because["cause"] == "price shock"
    assert len(retrainings(settings)) == 1
    name = retrainings(settings)[0]["name"]
    assert name == f"retrain FR before {DAY} because of {alert}"


def test_a_second_alarm_within_the_cooldown_starts_none(
    state: PlatformState, settings: Settings, store: LocalStore
) -> None:
    before = len(retrainings(settings))
    later = DAY + dt.timedelta(days=3)
    (alert,) = alarm(store, finding("FR", as_of=later, cause="lost supplier"))
    deliver(store)
    wait(answered(store, "FR", alert))
    assert read_answers(store, "FR")[-1].action == "note"
    assert len(retrainings(settings)) == before


def test_forty_alarms_at_once_start_none_and_page_once(
    state: PlatformState, settings: Settings, store: LocalStore
) -> None:
    before = len(retrainings(settings))
    markets = [f"X{chr(65 + at // 26)}{chr(65 + at % 26)}" for at in range(40)]
    alerts = alarm(store, *(finding(market, as_of=DAY) for market in markets))
    assert len(alerts) == 40
    deliver(store)

    def pages() -> list[dict[str, Any]]:
        found = ask(settings, "/artifacts/filter", artifacts={"type": {"any_": ["markdown"]}})
        return [one for one in found if one["key"].startswith("page-x")]

    wait(answered(store, alerts[0][:3], alerts[0]))
    deliver(store)
    time.sleep(5)  # time enough for what must not come
    assert len(pages()) == 1 and "40 of 40 markets alarm at once" in pages()[0]["data"]
    assert len(retrainings(settings)) == before
    assert not store.list(OUTBOX)


def test_a_server_that_dies_between_the_alarm_and_the_answer_leads_to_one_retraining(
    state: PlatformState, settings: Settings, folder: Path, store: LocalStore
) -> None:
    (first,) = alarm(store, finding("BE", as_of=DAY))
    assert deliver(store) == 0
    os.kill(read_state(settings.home).services[SERVER].pid, signal.SIGKILL)
    (second,) = alarm(store, finding("DE", as_of=DAY, cause="lost supplier"), hours_ago=9)
    assert deliver(store) == 2  # no server: both wait
    platform.up(settings, folder=folder, every_market=False)
    assert deliver(store) == 0
    for market, alert in (("BE", first), ("DE", second)):
        wait(answered(store, market, alert), 90)
        assert [run["parameters"]["markets"] for run in retrainings(settings, alert)] == [[market]]
