"""``restock serve`` as a process: what a night publishes is answered, and what is shown is kept."""

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from contracts.served import PATIENCE, Served, lists_of, publish, serving, table, tokens, wait_for

from restock.infra.exposure_store import read_exposures
from restock.infra.local_store import LocalStore
from restock.serving import background
from restock.serving.messages import MESSAGES, Refused

pytestmark = pytest.mark.platform

K = 5
CUSTOMERS = [f"shop {n:03d}" for n in range(300)]
EVER = (dt.date.min, dt.date.max)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Publications of FR and DE; items of FR are named after the publication."""
    store = LocalStore(tmp_path / "store")
    publish(store, table("FR", CUSTOMERS, K, tag="a-"), "run-a", K)
    publish(store, table("DE", CUSTOMERS[:3], K, tag="de-"), "run-de", K)
    return tmp_path


def stored(home: Path, market: str = "FR") -> int:
    """How many lists the store's exposures hold."""
    return len(lists_of(read_exposures(LocalStore(home / "store"), market, *EVER)))


def test_lists_are_swapped_under_load_without_an_error_or_a_mixture_and_all_are_kept(
    home: Path,
) -> None:
    store = LocalStore(home / "store")
    ending = threading.Event()

    def ask(served: Served, first: int) -> list[str]:
        """The publications that answered; until the server is told to end and lets nobody in."""
        found = []
        for n in range(first, 1_000_000, 7):
            try:
                status, said = served.list("FR", CUSTOMERS[n % len(CUSTOMERS)])
            except OSError:
                assert ending.is_set()
                return found
            assert status == 200 and not said["fallback"] and len(said["items"]) == K, said
            kind = said["publication"]["token"].removeprefix("run-")
            assert all(item["item_id"].startswith(f"{kind}-") for item in said["items"]), said
            found.append(kind)
        raise AssertionError("the server was never told to end")

    with serving(home, "--markets", "FR") as served, ThreadPoolExecutor(3) as pool:
        served.serves("FR", "run-a")
        asking = [pool.submit(ask, served, first) for first in range(3)]
        try:
            for day, kind in enumerate("bc", start=1):
                publish(store, table("FR", CUSTOMERS, K, tag=f"{kind}-"), f"run-{kind}", K, day)
                served.serves("FR", f"run-{kind}")
            assert served.list("DE", "shop 000")[0] == 404  # it was not asked to serve that
        finally:
            ending.set()
            code = served.end()
        answered = [one for done in asking for one in done.result()]
    assert code == 0 and set(answered) == {"a", "b", "c"}
    # an answer may have been written down whose reader was no longer there: one for each at most
    assert 0 <= stored(home) - len(answered) <= 3
    assert list((home / "serving" / "journal").iterdir()) == []


def test_what_a_killed_server_answered_is_sent_once_by_the_next(home: Path) -> None:
    with serving(home) as served:
        served.until(lambda health: len(health["markets"]) == 2)
        (beside,) = psutil.Process(served.process.pid).children()
        for customer in CUSTOMERS[:40]:
            assert served.list("FR", customer, "?k=2")[0] == 200
        beside.kill()
        served.end(signal.SIGKILL)
        journal = served.journal
    assert stored(home) == 0 and len(list(journal.iterdir())) == 1
    with serving(home) as served:
        wait_for(lambda: stored(home) == 40)
        assert served.list("DE", "nobody")[1]["fallback"] is True
        assert served.end(signal.SIGINT) == 0
    log = read_exposures(LocalStore(home / "store"), "FR", *EVER)
    assert len(log) == 80 and set(log["customer_id"]) == set(CUSTOMERS[:40])
    assert stored(home, "DE") == 1 and list(journal.iterdir()) == []


def test_a_server_keeps_what_it_has_when_store_or_companion_fail(home: Path) -> None:
    store = LocalStore(home / "store")
    with serving(home) as served:
        served.until(lambda health: len(health["markets"]) == 2)
        publish(store, table("FR", CUSTOMERS, K, tag="b-"), "run-b", K, day=1)
        rows = next((store.root / "publications/FR/run-b").glob("*.parquet"))
        rows.write_bytes(rows.read_bytes()[:100])
        # it may have been quicker than the damage: then a third one meets it
        health = served.until(lambda health: "FR" in health["problems"] or served_b(health))
        if not served_b(health):
            assert health["status"] == "degraded" and ("FR", "run-a") in tokens(health)
        shutil.move(store.root, home / "away")
        served.until(lambda health: {"DE", "FR"} <= set(health["problems"]))
        assert served.list("FR", "shop 001")[1]["items"] and served.list("DE", "x")[0] == 200
        shutil.move(home / "away", store.root)
        (beside,) = psutil.Process(served.process.pid).children()
        beside.kill()
        publish(store, table("FR", CUSTOMERS, K, tag="c-"), "run-c", K, day=2)
        served.serves("FR", "run-c")
        # killed alone: what it leaves behind is sent by the process beside it, which then ends
        (beside,) = psutil.Process(served.process.pid).children()
        served.end(signal.SIGKILL)
        beside.wait(PATIENCE)
    assert stored(home) == stored(home, "DE") == 1


def served_b(health: dict) -> bool:
    """Whether the publication that is spoilt later was taken before."""
    return ("FR", "run-b") in tokens(health)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of FR for tests that leave it as it is."""
    home = tmp_path_factory.mktemp("served")
    publish(LocalStore(home / "store"), table("FR", CUSTOMERS[:5], K), "run-a", K)
    with serving(home) as found:
        found.serves("FR", "run-a")
        yield found


def test_the_openapi_document_is_kept_to_the_letter(served: Served, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("schemathesis")
    asked = [str(program), "run", f"{served.address}/openapi.json", "--max-examples", "25"]
    options = ["--seed", "1", "--checks", "all", "--no-color", "--generation-database", "none"]
    done = subprocess.run([*asked, *options], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "Tested: 5" in done.stdout


def test_a_taken_port_and_an_unknown_market_are_said_at_once(
    served: Served, tmp_path: Path
) -> None:
    port = served.address.rpartition(":")[2]
    environment = {**os.environ, "RESTOCK_HOME": str(tmp_path)}
    begun = [
        subprocess.Popen(
            [sys.executable, "-m", "restock.cli", "serve", *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for options in (("--port", port), ("--port", "0", "--markets", "FX"))
    ]
    (said, taken), (nothing, unknown) = [process.communicate() for process in begun]
    assert [process.returncode for process in begun] == [2, 2] and not said + nothing
    assert f"port {port}" in taken and "try --port" in taken
    assert "no market 'FX' is declared; did you mean" in unknown


def test_a_store_whose_extra_is_missing_is_refused_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESTOCK_HOME", str(tmp_path))
    monkeypatch.setenv("RESTOCK_STORAGE", "azure://acme/restock")
    monkeypatch.setitem(sys.modules, "azure.storage.blob", None)
    monkeypatch.delitem(sys.modules, "restock.infra.azure_store", raising=False)
    monkeypatch.setattr(background, "NICE", 0)  # this process stays as it is
    assert background.main([]) == 2
    said = MESSAGES.validate_json(capsys.readouterr().out)
    assert isinstance(said, Refused) and "pip install 'restock[azure]'" in said.why


def test_the_service_listens_on_loopback_alone(served: Served) -> None:
    (listening,) = [
        one
        for one in psutil.Process(served.process.pid).net_connections()
        if one.status == "LISTEN"
    ]
    assert listening.laddr.ip == "127.0.0.1"
