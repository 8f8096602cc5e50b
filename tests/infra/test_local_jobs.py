"""Jobs that are processes of this machine, and how their lines and their end are followed."""

import asyncio
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from restock.infra import local_jobs
from restock.infra.cloud_jobs import JobNotFound, JobSpec, JobState, Phase
from restock.infra.following import follow
from restock.infra.local_jobs import LocalJobs

RANK = "import os; print('node', os.environ['NODE_RANK'], 'of', os.environ['WORLD_SIZE'])"


def spec(code: str, nodes: int = 1) -> JobSpec:
    return JobSpec("toy", [sys.executable, "-c", code], {"TOY": "yes"}, nodes)


def end(jobs: LocalJobs, job: str) -> JobState:
    while not (state := jobs.state(job)).phase.ended:
        time.sleep(0.02)
    return state


@pytest.mark.platform
def test_each_node_knows_its_rank_and_the_first_one_is_heard(tmp_path: Path) -> None:
    jobs = LocalJobs(tmp_path)
    job = jobs.start(spec(f"{RANK}; print(os.environ['TOY'])", nodes=2))
    said: list[str] = []
    state = asyncio.run(follow(jobs, job, said.append, 0.02))
    assert state.phase is Phase.SUCCEEDED
    assert said == ["node 0 of 2", "yes"]


@pytest.mark.platform
def test_how_a_job_ended_is_told(tmp_path: Path) -> None:
    jobs = LocalJobs(tmp_path)
    failed, killed, cancelled = (
        jobs.start(spec(code))
        for code in (
            "raise SystemExit(3)",
            "import os; os.kill(os.getpid(), 9)",
            "import time; print('begun', flush=True); time.sleep(600)",
        )
    )
    assert end(jobs, failed)[:2] == (Phase.FAILED, "its first node ended with 3")
    assert end(jobs, killed)[:2] == (Phase.FAILED, "its first node was killed by SIGKILL")
    while "begun" not in jobs.log(cancelled, 0):
        time.sleep(0.02)
    assert jobs.state(cancelled).phase is Phase.RUNNING
    jobs.cancel(cancelled)
    assert end(jobs, cancelled).phase is Phase.CANCELLED
    jobs.cancel(failed)
    assert jobs.state(failed).phase is Phase.FAILED
    with pytest.raises(JobNotFound, match="no job other was started here"):
        jobs.state("other")


# The second node waits for ever; the first one starts a process in a session of its own and is
# killed.
TWO_NODES = """
import os, subprocess, sys, time
from pathlib import Path

def note(name, pid):
    Path(f"{name}.new").write_text(str(pid))
    os.rename(f"{name}.new", name)

if os.environ["NODE_RANK"] == "1":
    note("second", os.getpid())
    time.sleep(600)
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
note("engine", subprocess.Popen(sleep, start_new_session=True).pid)
while not Path("second").exists():
    time.sleep(0.02)
os.kill(os.getpid(), 9)
"""


@pytest.mark.platform
def test_a_job_ends_all_that_runs_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(local_jobs, "GRACE_SECONDS", 3600.0)  # no second try
    jobs = LocalJobs(tmp_path / "jobs")
    job = jobs.start(spec(TWO_NODES, nodes=2))
    other = jobs.start(spec("import time; time.sleep(600)"))
    assert end(jobs, job)[:2] == (Phase.FAILED, "its first node was killed by SIGKILL")
    left = []
    for name in ("engine", "second"):
        with suppress(psutil.NoSuchProcess):
            left.append(psutil.Process(int((tmp_path / name).read_text())))
    assert not psutil.wait_procs(left, timeout=120)[1]
    assert jobs.state(other).phase is Phase.RUNNING
    jobs.cancel(other)
    assert end(jobs, other).phase is Phase.CANCELLED


class Shaky:
    """A service that is away now and then, and writes a log in odd pieces."""

    def __init__(self, away: int) -> None:
        self.text, self.looks, self.away = "", 0, away

    def start(self, spec: JobSpec) -> str:
        return "job"

    def state(self, job: str) -> JobState:
        self.looks += 1
        if self.looks <= self.away:
            raise ConnectionError("away")
        pieces = ["one\ntw", "o\n", "", "thr", "ee"]
        at = self.looks - self.away
        self.text = "".join(pieces[:at])
        return JobState(Phase.RUNNING if at < len(pieces) else Phase.FAILED, "why")

    def log(self, job: str, start: int) -> str:
        return self.text[start:]

    def cancel(self, job: str) -> None: ...


@pytest.mark.unit
def test_lines_are_told_whole_and_once_though_the_service_was_away() -> None:
    said: list[str] = []
    state = asyncio.run(follow(Shaky(away=3), "job", said.append, 0.001))
    assert state == JobState(Phase.FAILED, "why")
    assert said == ["one", "two", "three"]


@pytest.mark.unit
def test_a_service_that_stays_away_is_given_up() -> None:
    with pytest.raises(ConnectionError, match="away"):
        asyncio.run(follow(Shaky(away=10_000), "job", print, 0.0))
