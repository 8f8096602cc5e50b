"""The load of the serving benchmark: it sees what is wrong, and pauses are paid for."""

import json
import signal
import threading
import time
from pathlib import Path

import pytest
from contracts.served import publish, serving, table

from restock.benchmarks.serving_load import load, publication
from restock.infra.local_store import LocalStore


def answer(token: str, *items: str, fallback: bool = False) -> bytes:
    said = {
        "publication": {"token": token},
        "items": [{"item_id": item} for item in items],
        "fallback": fallback,
    }
    return json.dumps(said).encode()


@pytest.mark.unit
def test_an_error_a_mixture_and_a_stranger_are_no_good_answers() -> None:
    assert publication(200, answer("run-a", "a-1", "a-2")) == "run-a"
    assert publication(503, b'{"detail": "not yet"}') is None
    assert publication(200, answer("run-a", "a-1", "b-2")) is None
    assert publication(200, answer("run-b", "a-1", "a-2")) is None
    assert publication(200, answer("run-a", "a-1", fallback=True)) is None


@pytest.mark.platform
def test_a_pause_of_the_server_is_paid_by_all_that_were_due(tmp_path: Path) -> None:
    customers = [f"{n:06d}" for n in range(50)]
    store = LocalStore(tmp_path / "store")
    publish(store, table("FR", customers, 3, tag="a-"), "run-a", 3)
    with serving(tmp_path) as served:
        served.serves("FR", "run-a")

        def pause() -> None:
            time.sleep(0.3)
            served.process.send_signal(signal.SIGSTOP)
            time.sleep(1.0)
            served.process.send_signal(signal.SIGCONT)

        pausing = threading.Thread(target=pause)
        pausing.start()
        port = int(served.address.rpartition(":")[2])
        found = load(port, len(customers), 100.0, 2.0)
        pausing.join()
    assert found.answered == 200 and found.wrong == 0 and found.publications == ["run-a"]
    assert found.p99_ms > 500  # half of the time nothing was answered
