"""Runs on a stand-in of Databricks, by the real SDK: started once, seen to the end, refused."""

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from contracts.databricks import TOKEN, Lost, Refusal, Workspace, workspace

from restock.infra.cloud_jobs import JobNotFound, JobSpec, JobState, Phase
from restock.infra.databricks.jobs import DatabricksJobs, DatabricksRefused, databricks_jobs
from restock.infra.settings import load_settings

pytestmark = pytest.mark.platform
HELLO = JobSpec("hello", ["sh", "-c", "echo $0 $GREETING", "hello"], {"GREETING": "a = b"})
PATIENCE = 120.0


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    with workspace(tmp_path) as at:
        monkeypatch.setenv("DATABRICKS_HOST", at.host)
        monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
        yield at


@pytest.fixture
def jobs(at: Workspace) -> DatabricksJobs:
    return service()


def service(**databricks: object) -> DatabricksJobs:
    return databricks_jobs(load_settings(databricks={"image": "registry/restock:1", **databricks}))


def ended(jobs: DatabricksJobs, job: str) -> JobState:
    """Where a run stands when it has ended."""
    until = time.monotonic() + PATIENCE
    while not (state := jobs.state(job)).phase.ended:
        assert time.monotonic() < until, state
        time.sleep(0.05)
    return state


def test_a_job_runs_on_a_cluster_of_its_own_and_its_output_is_read(
    at: Workspace, jobs: DatabricksJobs
) -> None:
    job = jobs.start(HELLO)
    assert jobs.state(job) == JobState(Phase.WAITING, "", f"{at.host}/jobs/runs/{job}")
    assert ended(jobs, job).phase is Phase.SUCCEEDED
    assert jobs.log(job, 0) == "hello a = b\n" and jobs.log(job, 6) == "a = b\n"
    jobs.cancel(job)  # nothing happens to what has ended
    assert jobs.state(job).phase is Phase.SUCCEEDED
    (task,) = at.bodies[0]["tasks"]
    cluster = task["new_cluster"]
    assert cluster["docker_image"] == {"url": "registry/restock:1"}
    assert (cluster["num_workers"], cluster["spark_conf"]["spark.master"]) == (0, "local[*]")


def test_a_failure_is_told_in_the_words_of_the_command(jobs: DatabricksJobs) -> None:
    job = jobs.start(JobSpec("bad", ["sh", "-c", "echo no orders >&2; exit 2"], {}))
    state = ended(jobs, job)
    assert state.phase is Phase.FAILED
    assert "sh -c ended with exit code 2:\nno orders" in state.reason
    assert jobs.log(job, 0) == "no orders\n"


def test_a_running_job_is_cancelled_and_so_is_its_command(
    at: Workspace, jobs: DatabricksJobs
) -> None:
    job = jobs.start(
        JobSpec("long", ["sh", "-c", "echo $$ > begun.new; mv begun.new begun; exec sleep 600"], {})
    )
    until = time.monotonic() + PATIENCE
    while jobs.state(job).phase is not Phase.RUNNING or not (at.folder / job / "begun").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    assert jobs.log(job, 0) == ""
    jobs.cancel(job)
    assert ended(jobs, job).phase is Phase.CANCELLED
    assert not psutil.pid_exists(int((at.folder / job / "begun").read_text()))


def test_a_lost_answer_or_a_throttled_request_starts_one_run(
    at: Workspace, jobs: DatabricksJobs
) -> None:
    broken = Refusal(500, "INTERNAL_ERROR", "oh")
    broken.done = True
    at.faults = [
        Refusal(429, "REQUEST_LIMIT_EXCEEDED", "slower", Retry_After="0"),
        Refusal(503, "TEMPORARILY_UNAVAILABLE", "later", Retry_After="0"),
        broken,
        Lost(),
    ]
    job = jobs.start(HELLO)
    assert not at.faults and list(at.machines) == [int(job)]
    assert len({body["idempotency_token"] for body in at.bodies}) == 1 < len(at.bodies)
    assert jobs.start(HELLO) != job  # another one is another one


def test_a_service_that_stays_broken_may_be_asked_again_later(
    at: Workspace, jobs: DatabricksJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restock.infra.databricks.jobs.TRYING_SECONDS", 0.5)
    at.faults = [Refusal(500, "INTERNAL_ERROR", "oh")] * 3
    with pytest.raises(OSError):
        jobs.start(HELLO)
    at.faults = []
    assert ended(jobs, jobs.start(HELLO)).phase is Phase.SUCCEEDED


@pytest.mark.parametrize("job", ["7", "seven"])
def test_an_unknown_run_is_not_found(jobs: DatabricksJobs, job: str) -> None:
    for ask in (jobs.state, jobs.cancel, lambda one: jobs.log(one, 0)):
        with pytest.raises(JobNotFound, match=job):
            ask(job)


def test_what_databricks_refuses_is_told_and_not_asked_again(
    at: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DatabricksRefused, match="the job hello: .* Cluster gone does not exist"):
        service(cluster="gone").start(HELLO)
    with pytest.raises(DatabricksRefused, match="cluster gone has as many nodes as it has"):
        service(cluster="gone").start(HELLO._replace(nodes=2))
    with pytest.raises(ValueError, match="set RESTOCK_DATABRICKS__IMAGE"):
        service(image=None).start(HELLO)
    monkeypatch.setenv("DATABRICKS_TOKEN", "stale")
    with pytest.raises(DatabricksRefused, match=r"does not let us \(Invalid access token"):
        service().start(HELLO)
    monkeypatch.delenv("DATABRICKS_TOKEN")
    with pytest.raises(DatabricksRefused, match="no Databricks workspace is configured: set DATA"):
        service()
    assert len(at.bodies) == 1 and not at.machines


def test_a_cluster_that_runs_already_is_used_as_it_is(at: Workspace) -> None:
    at.clusters = {"0923-164208-meows279"}
    jobs = service(cluster="0923-164208-meows279")
    job = jobs.start(HELLO)
    assert ended(jobs, job).phase is Phase.SUCCEEDED
    assert jobs.log(job, 0) == "hello a = b\n"
    assert "new_cluster" not in at.bodies[0]["tasks"][0]


def test_secrets_reach_the_machine_and_no_definition(
    at: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTOCK_PREFECT__AUTH_STRING", "me:what-nobody-says")
    jobs = service(secrets=["AZURE_CLIENT_SECRET"], private_image=True)
    at.secrets = {
        ("restock", "RESTOCK_PREFECT__AUTH_STRING"): "me:what-nobody-says",
        ("restock", "AZURE_CLIENT_SECRET"): "nor-this",
    }
    show = 'echo "$RESTOCK_PREFECT__AUTH_STRING $AZURE_CLIENT_SECRET" > told'
    job = jobs.start(JobSpec("show", ["sh", "-c", show], {}))
    assert ended(jobs, job).phase is Phase.SUCCEEDED
    assert (at.folder / job / "told").read_text() == "me:what-nobody-says nor-this\n"
    assert "nobody-says" not in str(at.bodies) and "nor-this" not in str(at.bodies)
    login = at.bodies[0]["tasks"][0]["new_cluster"]["docker_image"]["basic_auth"]
    assert login["password"] == "{{secrets/restock/DOCKER_PASSWORD}}"
    at.secrets.popitem()
    state = ended(jobs, jobs.start(HELLO))
    assert state.phase is Phase.FAILED and state.reason.startswith("Secret does not exist")
