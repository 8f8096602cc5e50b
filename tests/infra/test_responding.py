"""An alert has one answer, whoever asks and however often."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from contracts.watched import finding
from prefect.flows import Flow, load_flow_from_entrypoint

from restock.infra import paging
from restock.infra.alerting import raise_alerts
from restock.infra.alerts import Alert
from restock.infra.deployments import packaged, read_prefect_file
from restock.infra.local_store import LocalStore
from restock.infra.responding import Answered, claim, finish, read_answers
from restock.infra.settings import SettingsError, load_settings
from restock.infra.store import NotFound
from restock.monitoring.findings import Action
from restock.monitoring.policy import ResponsePolicy
from restock.monitoring.response import Answer
from restock.tasks import respond as tasks

pytestmark = pytest.mark.unit
POLICY = ResponsePolicy()
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def alert(store: LocalStore, market: str = "FR", **more: object) -> Alert:
    found = raise_alerts(store, [finding(market, **more)], watched=["FR"], now=NOW, policy=POLICY)
    return found.alerts[0]


def test_the_first_answer_stays_and_is_done_until_it_is_finished(store: LocalStore) -> None:
    one = alert(store)
    first = claim(store, one.id, POLICY)
    assert first.answer.action == "retrain" and not first.done
    assert claim(store, one.id, POLICY) == first  # its process died: it is done again
    finish(store, "FR", one.id)
    assert claim(store, one.id, POLICY).done
    assert len(read_answers(store, "FR")) == 1


def test_another_alert_of_the_market_knows_of_it_and_other_markets_do_not(
    store: LocalStore,
) -> None:
    claim(store, alert(store).id, POLICY)
    second = claim(store, alert(store, cause="lost supplier").id, POLICY)
    assert second.answer.action == "note" and "cooldown" in second.answer.why
    assert claim(store, alert(store, "DE").id, POLICY).answer.action == "retrain"


def test_of_many_at_once_one_answers(store: LocalStore) -> None:
    causes = ("price shock", "lost supplier", "new assortment", "new customers")
    ids = [alert(store, cause=cause).id for cause in causes]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda id: claim(store, id, POLICY), ids * 4))
    assert len(read_answers(store, "FR")) == len(causes)
    retrained = {one.answer.alert for one in found if one.answer.action == "retrain"}
    assert len(retrained) == 1


@pytest.mark.parametrize("bad", ["../../etc/passwd", "FR", "FR-2024-01-01", "fr-2024-01-01-x"])
def test_what_is_no_alert_is_refused(store: LocalStore, bad: str) -> None:
    with pytest.raises(ValueError, match="is no alert"):
        claim(store, bad, POLICY)


def test_an_alert_that_is_not_there_is_said(store: LocalStore) -> None:
    with pytest.raises(NotFound, match="there is no alert FR-2024-01-01-stale"):
        claim(store, "FR-2024-01-01-stale", POLICY)


def test_a_block_that_fails_does_not_keep_the_others_from_being_told(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = alert(store, cause="broken feed", action="page")
    told: list[str] = []

    def notify(name: str, subject: str, text: str) -> None:
        if name == "slack-webhook/away":
            raise ConnectionError("no such host")
        told.append(f"{name}: {subject}: {text}")

    monkeypatch.setattr(paging, "_notify", notify)
    monkeypatch.setattr("prefect.artifacts.create_markdown_artifact", lambda **about: None)
    blocks = ("slack-webhook/away", "custom-webhook/ops")
    settings = load_settings(home=Path(store.uri), alerts={"blocks": blocks})
    paging.page(one, claim(store, one.id, POLICY).answer, settings)
    assert len(told) == 1 and told[0].startswith("custom-webhook/ops: restock: broken feed in FR")


@pytest.mark.parametrize("action", ["retrain", "search"])
def test_what_an_answer_passes_on_is_what_the_shipped_deployment_takes(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    started: list[tuple[str, dict[str, Any]]] = []

    def run_deployment(name: str, **more: Any) -> SimpleNamespace:
        started.append((name, more))
        return SimpleNamespace(name="brave-owl")

    monkeypatch.setattr(tasks, "run_deployment", run_deployment)
    one = alert(store)
    given = Answered(
        answer=Answer(alert=one.id, as_of=one.as_of, cause=one.cause, action=action, why="it is so")
    )
    tasks.start.fn(one, given)
    ((name, more),) = started
    for declared in read_prefect_file(packaged()).deployments:
        flow: Flow[..., Any] = load_flow_from_entrypoint(declared.entrypoint)
        if f"{flow.name}/{declared.name}" == name:
            break
    else:
        pytest.fail(f"{name} is not declared")
    parameters = declared.parameters | more["parameters"]
    assert parameters.keys() <= flow.parameters.properties.keys()
    assert parameters["because"] == one.id and more["idempotency_key"] == one.id
    assert not declared.schedules and declared.concurrency_limit is not None


def test_what_is_no_block_is_refused() -> None:
    with pytest.raises(SettingsError, match="is no block"):
        load_settings(alerts={"blocks": ("https://hooks.example/secret",)})
