"""What the routes answer, and how they refuse."""

import time
from pathlib import Path
from typing import Any

import pytest
from contracts.served import publish, table
from fastapi.testclient import TestClient

from restock.infra.local_store import LocalStore
from restock.infra.settings import Settings
from restock.serving.app import create_app
from restock.serving.journal import Journal
from restock.serving.looking import Look
from restock.serving.messages import MESSAGES, Looked, Sent
from restock.serving.shelf import Shelf

pytestmark = pytest.mark.unit


@pytest.fixture
def shelf(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shelf:
    """FR with lists of three for two customers."""
    store, shelf = LocalStore(tmp_path / "store"), Shelf()
    publish(store, table("FR", ["A", "B/é"], 3), "run-0", 3)
    capsys.readouterr()
    looked = Look(store, Settings(home=tmp_path), ["FR"], tmp_path / "scratch").round()
    for line in capsys.readouterr().out.splitlines():
        shelf.hear(MESSAGES.validate_json(line))
    shelf.hear(looked)
    return shelf


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


@pytest.fixture
def client(shelf: Shelf, journal: Journal) -> TestClient:
    return TestClient(create_app(shelf, journal))


def shown(tmp_path: Path) -> list[str]:
    """The journal's lines."""
    return [
        line for path in (tmp_path / "journal").iterdir() for line in path.read_text().splitlines()
    ]


def test_a_list_is_written_down_as_it_is_answered(client: TestClient, tmp_path: Path) -> None:
    whole, two = client.get("/markets/FR/customers/A"), client.get("/markets/FR/customers/A?k=2")
    assert whole.status_code == 200 and len(whole.json()["items"]) == 3
    assert two.json()["items"] == whole.json()["items"][:2]
    assert whole.headers["cache-control"] == "no-store"
    first, second = shown(tmp_path)
    ids = [f'"{item["item_id"]}"' for item in whole.json()["items"]]
    assert first.endswith(f'"items":[{",".join(ids)}]}}')
    assert second.endswith(f'"items":[{",".join(ids[:2])}]}}')


def test_a_customer_id_may_hold_a_slash(client: TestClient) -> None:
    assert client.get("/markets/FR/customers/B%2F%C3%A9").json()["fallback"] is False
    assert client.get("/markets/FR/customers/B/é").json()["customer"] == "B/é"


def test_a_look_that_nobody_is_shown_is_not_written_down(
    client: TestClient, tmp_path: Path
) -> None:
    assert client.get("/markets/FR/customers/A?log=false").status_code == 200
    assert shown(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/markets/NL/customers/A", 404, "nothing is published in 'NL' here; served is FR"),
        ("/markets/fr/customers/A", 404, "served is FR"),
        ("/markets/FR/customers/", 422, "customer"),
        ("/markets/FR/customers/A/", 422, "ends with a slash"),
        ("/markets/FR/customers/A%00", 422, "a control character"),
        ("/markets/FR/customers/%FF", 422, "is not UTF-8"),
        ("/markets/FR/customers/" + 300 * "x", 422, "at most 200"),
        ("/markets/FR/customers/A?k=0", 422, "k is '0'"),
        ("/markets/FR/customers/A?k=-1", 422, "k is '-1'"),
        ("/markets/FR/customers/A?k=two", 422, "k is 'two'"),
        ("/markets/FR/customers/A?k=1.5", 422, "k is '1.5'"),
        ("/markets/FR/customers/A?k=", 422, "k is ''"),
        ("/markets/FR/customers/A?k=4", 409, "k is 4, but FR publishes lists of 3"),
        ("/markets/FR/customers/A?log=perhaps", 422, "log is 'perhaps'"),
        ("/markets/FR/customers/A?lag=false", 422, "did you mean log?"),
        ("/markets/FR/customers/A?zz=1", 422, "there are k, log"),
        ("/markets/FR", 404, "there is no /markets/FR"),
        ("/", 404, "/openapi.json"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(
    client: TestClient, tmp_path: Path, path: str, status: int, words: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == status and words in answer.json()["detail"]
    assert len(answer.json()["detail"]) < 200 and shown(tmp_path) == []


def test_all_is_read_only(client: TestClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = client.request(method, "/markets/FR/customers/A")
        assert answer.status_code == 405 and "GET" in answer.json()["detail"]
        assert answer.headers["allow"] == "GET"


def test_load_balancers_may_ask_for_the_head_of_health(client: TestClient, tmp_path: Path) -> None:
    assert client.head("/health").status_code == 200
    assert client.head("/health/live").status_code == 200
    assert client.head("/markets/FR/customers/A").status_code == 405 and shown(tmp_path) == []


def test_what_cannot_be_written_down_is_not_answered(
    client: TestClient, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(journal, "write", full)
    answer = client.get("/markets/FR/customers/A")
    assert answer.status_code == 503 and "cannot be written down" in answer.json()["detail"]
    assert client.get("/markets/FR/customers/A?log=false").status_code == 200


def test_health_says_what_is_there_and_what_is_wrong(journal: Journal, shelf: Shelf) -> None:
    empty = Shelf()
    client = TestClient(create_app(empty, journal))
    starting = client.get("/health")
    assert (starting.status_code, starting.json()["status"]) == (503, "starting")
    assert client.get("/markets/FR/customers/A").status_code == 503
    assert client.get("/health/live").status_code == 200
    empty.hear(Looked(problems={}))
    assert "run restock retrain" in client.get("/health").json()["problems"]["store"]
    empty.hear(Looked(problems={"FR": "nothing is published"}))
    assert client.get("/health").json()["status"] == "empty"
    assert client.get("/markets/FR/customers/A").status_code == 404

    client = TestClient(create_app(shelf, journal))
    ready = client.get("/health")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    (market,) = client.get("/markets").json()
    assert market == ready.json()["markets"][0] | {"age_seconds": market["age_seconds"]}
    assert market["token"] == "run-0" and market["k"] == 3 and market["customers"] == 2
    shelf.hear(Sent(lists=2, waiting=1, problem="the store is away"))
    shelf.hear(Looked(problems={"FR": "is damaged"}))
    degraded = client.get("/health")
    assert (degraded.status_code, degraded.json()["status"]) == (200, "degraded")
    assert degraded.json()["problems"] == {"FR": "is damaged", "exposures": "the store is away"}
    assert degraded.json()["exposures_waiting"] == 1


def test_health_says_when_nobody_looks_any_more(client: TestClient, shelf: Shelf) -> None:
    shelf._looked = time.monotonic() - 1000
    late = client.get("/health").json()
    assert late["status"] == "degraded" and "for 100" in late["problems"]["look"]
    shelf.hear(Looked(problems={}))
    assert client.get("/health").json()["status"] == "ready"


def test_metrics_count_what_was_answered(client: TestClient) -> None:
    client.get("/markets/FR/customers/A")
    client.get("/markets/FR/customers/nobody?log=false")
    client.get("/markets/NL/customers/A")
    lines = client.get("/metrics").text.splitlines()
    route = "/markets/{market}/customers/{customer:path}"
    for line in (
        f'restock_requests_total{{route="{route}",status="200"}} 2.0',
        f'restock_requests_total{{route="{route}",status="404"}} 1.0',
        f'restock_request_seconds_count{{route="{route}"}} 3.0',
        'restock_lists_total{fallback="false",market="FR"} 1.0',
        'restock_lists_total{fallback="true",market="FR"} 1.0',
        'restock_exposures_total{market="FR"} 1.0',
        'restock_publication_customers{market="FR"} 2.0',
        'restock_publications_taken{market="FR"} 1.0',
        "restock_problems 0.0",
    ):
        assert line in lines


def test_the_openapi_document_names_every_answer(client: TestClient) -> None:
    said = client.get("/openapi.json").json()
    answers = said["paths"]["/markets/{market}/customers/{customer}"]["get"]["responses"]
    assert set(answers) == {"200", "404", "409", "422", "503"}
    for status in ("404", "409", "422", "503"):
        shape = answers[status]["content"]["application/json"]["schema"]["$ref"]
        assert shape == "#/components/schemas/Problem"
    assert "HTTPValidationError" not in said["components"]["schemas"]


def test_the_guide_names_every_route_and_metric(client: TestClient) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
    for path in client.get("/openapi.json").json()["paths"]:
        assert path.format(market="FR", customer="12583") in guide
    lines = client.get("/metrics").text.splitlines()
    metrics = {line.split()[2] for line in lines if line.startswith("# TYPE restock_")}
    assert metrics and all(f"`{name}" in guide for name in metrics)
