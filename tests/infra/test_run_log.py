"""What all nodes of a run said, on a real server: children, warnings, a worker killed with -9."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from restock.infra import log_lines, log_relay, logs
from restock.infra.log_lines import Lines, Source
from restock.infra.log_relay import Relay
from restock.infra.run_log import NoSuchRun, RunLog, find_run

FLOW = """
import logging, os, signal, warnings
from joblib import Parallel, delayed
from prefect import flow, task
from restock.infra import logs
from restock.infra.gather import gather
from restock.infra.in_run import in_run

library = logging.getLogger("a.library")

def part(n):
    library.warning("part %d", n)
    warnings.warn(f"part {n} warns")
    return os.getpid()

@task(task_run_name="work {market}")
def work(market):
    with logs.about(market):
        library.warning("at work")
        found = Parallel(2, backend="loky")(delayed(in_run(part))(n) for n in range(2))
    return os.getpid(), found

@task(task_run_name="die")
def die():
    library.warning("last words")
    os.kill(os.getpid(), signal.SIGKILL)

@flow(name="toy")
def toy():
    library.warning("begun")
    mine = os.getpid()
    found = gather({m: work.submit(m) for m in ("FR", "NO")}, work.submit)
    for pid, children in found.results.values():
        assert pid != mine and pid not in children
    lost = gather({"die": die.submit()}, lambda name: die.submit(), retries=0)
    assert "die" in lost.failures
    library.error("ended")
"""
COMMAND = "from restock.cli.main import main; main()"
RUN = """
import sys
from restock.infra.settings import load_settings
from restock.infra.prefect_env import connect

if __name__ == "__main__":
    with connect(load_settings()):
        from restock.infra.runners import task_runner
        from restock_toy import toy
        flow = toy.with_options(task_runner=task_runner(), flow_run_name=sys.argv[1])
        flow()
"""


@pytest.fixture
def environment(tmp_path: Path, prefect_api: str) -> dict[str, str]:
    (tmp_path / "restock_toy.py").write_text(FLOW)
    (tmp_path / "run.py").write_text(RUN)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    mine = {"PYTHONPATH": path, "PREFECT_API_URL": prefect_api}
    return {**os.environ, **mine, "RESTOCK_HOME": str(tmp_path / "home"), "RESTOCK_CORES": "2"}


def _there(name: str) -> bool:
    from prefect.client.orchestration import get_client

    try:
        return bool(find_run(get_client(sync_client=True), name))
    except NoSuchRun:
        return False


@pytest.mark.platform
def test_a_run_is_heard_whole(tmp_path: Path, environment: dict[str, str]) -> None:
    def start(*command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, *command],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    running = subprocess.Popen([sys.executable, str(tmp_path / "run.py"), "heard"], env=environment)
    until = time.monotonic() + 60
    while not _there("heard") and time.monotonic() < until:
        time.sleep(0.2)
    tail = start("-c", COMMAND, "logs", "heard", "-f", "--json")
    assert running.wait(240) == 0
    followed, _ = tail.communicate(timeout=60)
    out, _ = start("-c", COMMAND, "logs", "heard", "--json").communicate(timeout=60)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    told = [json.loads(line) for line in followed.splitlines()]
    heard = {(one["time"], one["message"]) for one in told}
    assert len(heard) == len(told)
    assert heard == {(one["time"], one["message"]) for one in lines}
    said: dict[str, list[Any]] = {}
    for line in lines:
        if line["logger"] in ("a.library", "py.warnings"):
            said.setdefault(line["message"].split(": ")[-1].split("\n")[0], []).append(line)
    assert [line["worker"] for line in said["begun"]] == [None]
    assert {(line["market"], line["task_run"]) for line in said["at work"]} == {
        ("FR", "work FR"),
        ("NO", "work NO"),
    }
    for n in range(2):
        parts = said[f"part {n}"] + said[f"part {n} warns"]
        assert [line["market"] for line in parts].count("FR") == 2
        assert all(line["worker"].endswith("-child") and line["task_run"] for line in parts)
    # dask tries it on one more worker; the server may never have heard of the task
    assert {line["worker"][:7] for line in said["last words"]} == {"worker-"}
    assert len({line["pid"] for line in said["last words"]}) == len(said["last words"]) > 0
    only = start("-c", COMMAND, "logs", "heard", "--market", "NO", "--json")
    out, _ = only.communicate(timeout=60)
    assert {json.loads(line)["market"] for line in out.splitlines()} <= {"NO", None}
    out, aside = start("-c", COMMAND, "logs", "hea", "--market", "SE").communicate(timeout=60)
    assert out == "" and "heard, run " in aside and "nobody said such a thing" in aside
    for path in (tmp_path / "home" / "log-lines").glob("*.jsonl"):  # of children that still wait
        assert path.with_suffix(".sent").read_text() == str(path.stat().st_size)


@pytest.mark.platform
def test_a_line_that_was_sent_twice_is_told_once(prefect_api: str) -> None:
    from prefect.client.orchestration import get_client

    client, run = get_client(sync_client=True), SimpleNamespace(id=uuid4(), name="twice")
    about = {"flow_run_id": str(run.id), "task_run_id": None, "name": "a.library", "level": 20}
    lines = [
        {**about, "timestamp": f"2026-01-01T00:00:00.{n // 2:06}Z", "message": f"{n}"}
        for n in range(300)
    ]
    for sent in (lines, lines[120:260]):  # over the border of what a server hands out at once
        client.create_logs(sent)
    told = [line.message for _, line in RunLog(client, run).read()]
    assert sorted(told, key=int) == [str(n) for n in range(300)]


@pytest.mark.platform
def test_a_line_that_the_server_refuses_does_not_keep_the_others_from_it(
    tmp_path: Path, prefect_api: str
) -> None:
    from prefect.client.orchestration import get_client

    client, run = get_client(sync_client=True), SimpleNamespace(id=uuid4(), name="refused")
    line = {
        "flow_run_id": str(run.id),
        "task_run_id": None,
        "name": "a.library",
        "level": 20,
        "timestamp": "2026-01-01T00:00:00Z",
    }
    first, second = Lines(tmp_path, "w"), Lines(tmp_path, "w")
    for n in range(7):
        first.say({**line, "message": f"{n}"})
    first.say({**line, "message": "of a wrong level", "level": "loud"})
    first.say({**line, "message": "7 \udc80"})  # a file's name may hold such a thing
    second.say({**line, "message": "8"})
    Relay(tmp_path, client.create_logs).start().stop()
    told = [message.message for _, message in RunLog(client, run).read()]
    assert sorted(told) == [*"0123456", "7 ?", "8"]
    (aside,) = tmp_path.glob("*.damaged")
    (refused,) = aside.read_text().splitlines()
    assert json.loads(refused)["message"].startswith("of a wrong level  [")


@pytest.mark.unit
def test_the_source_of_a_line_is_found_again() -> None:
    for source in (Source("worker-1", "host", 12, "FR"), Source("tcp://10.0.0.2:8", "h.x", 1)):
        assert log_lines.split(log_lines.sourced("words [1]", source)) == ("words [1]", source)
    assert log_lines.split("plain [words]") == ("plain [words]", None)


@pytest.mark.unit
def test_every_line_is_sent_once_though_relays_and_the_server_come_and_go(tmp_path: Path) -> None:
    sent: list[str] = []
    fail = [True]

    def send(lines: Any) -> None:
        if fail:
            raise ConnectionError("away")
        sent.extend(str(line["message"]).split("  ")[0] for line in lines)

    mouth = Lines(tmp_path, "w")
    for n in range(5):
        mouth.say({"message": str(n)})
    first = Relay(tmp_path, send).start()
    second = Relay(tmp_path, send).start()
    fail.clear()
    for n in range(5, 9):
        mouth.say({"message": str(n)})
    first.stop()
    with logs.about("FR"):
        mouth.say({"message": "9"})
    second.stop()
    assert sent == [str(n) for n in range(10)]


def _sent_from(folder: Path) -> list[str]:
    """What a new relay sends, without its sources."""
    sent: list[str] = []
    relay = Relay(folder, lambda lines: sent.extend(str(one["message"]) for one in lines))
    relay.start().stop()
    return sorted(log_lines.split(message)[0] for message in sent)


@pytest.mark.unit
def test_a_note_that_was_cut_off_costs_no_line(tmp_path: Path) -> None:
    for file in ("one", "other"):
        Lines(tmp_path, "w").say({"message": file})
    assert _sent_from(tmp_path) == ["one", "other"]
    note = sorted(tmp_path.glob("*.sent"))[0]
    whole = note.read_text()
    note.write_text("")  # as a full disk leaves it
    Lines(tmp_path, "w").say({"message": "third"})
    assert len(_sent_from(tmp_path)) == 2 and note.read_text() == whole
    assert _sent_from(tmp_path) == [] and not list(tmp_path.glob("*.new"))


@pytest.mark.unit
def test_a_file_in_trouble_is_told_and_keeps_no_other_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Lines(tmp_path, "w").say({"message": "good"})
    (file,) = tmp_path.glob("*.jsonl")
    damaged = b'{"message": "ha{"message": "lf"}\n\xff\n'
    file.write_bytes(damaged + file.read_bytes())
    (tmp_path / "0-of-nobody.jsonl").mkdir()
    Lines(tmp_path, "w").say({"message": "of another"})
    assert _sent_from(tmp_path) == ["good", "of another"]
    assert file.with_suffix(".damaged").read_bytes() == damaged
    said = [one.getMessage() for one in caplog.records if one.name == log_relay.__name__]
    assert len(said) == 2
    assert "0-of-nobody.jsonl is in trouble" in said[0]
    assert f"lines of {file.name} could not be sent: see" in said[1]


@pytest.mark.unit
def test_lines_that_are_sent_are_not_sent_again_where_that_cannot_be_noted(
    tmp_path: Path,
) -> None:
    mouth = Lines(tmp_path, "w")
    mouth.say({"message": "1"})
    (file,) = tmp_path.glob("*.jsonl")
    file.with_suffix(".new").mkdir()
    sent: list[int] = []
    relay = Relay(tmp_path, lambda lines: sent.append(len(lines))).start()
    until = time.monotonic() + 20
    while not sent and time.monotonic() < until:
        time.sleep(0.01)
    mouth.say({"message": "2"})
    relay.stop()
    assert sent == [1, 1]


@pytest.mark.unit
def test_half_a_line_on_a_full_disk_does_not_spoil_the_next(tmp_path: Path) -> None:
    mouth = Lines(tmp_path, "w")
    mouth.say({"message": "before"})
    (file,) = tmp_path.glob("*.jsonl")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 20, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            mouth.say({"message": "not to its end"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    mouth.say({"message": "after"})
    assert _sent_from(tmp_path) == ["after", "before"]
    assert len(file.with_suffix(".damaged").read_bytes()) == 21  # with its end
