"""Databricks as a service that runs jobs: each a run of one task, on the driver of a cluster."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from restock.infra.cloud_jobs import JobNotFound, JobSpec, JobState, Phase
from restock.infra.connections import DatabricksSettings
from restock.infra.databricks.clusters import new_cluster
from restock.infra.databricks.sign_in import DatabricksRefused, sign_in
from restock.infra.settings import Settings, secret_variables
from restock.models.requirements import check_extras

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.jobs import Run, RunTask, SubmitTask

PACKAGE, ENTRY_POINT = "restock", "restock-driver"
TASK = "restock"
TRYING_SECONDS = 30  # an error of the service itself; what asks for patience gets five minutes
CUT = "(Databricks keeps the last 5 MB of a log)\n"

SUCCEEDED = frozenset({"SUCCESS", "SUCCESS_WITH_FAILURES"})
CANCELLED = frozenset({"CANCELED", "USER_CANCELED"})
RUNNING = frozenset({"RUNNING", "TERMINATING"})

T = TypeVar("T")


def databricks_jobs(settings: Settings) -> "DatabricksJobs":
    """The workspace that Databricks' own settings name: environment, profile, Azure identity.

    Raises ImportError without the extra; DatabricksRefused when there is no identity, no image for
    new clusters, or no answer from the workspace.
    """
    check_extras("Databricks", {"databricks.sdk": "databricks"})
    secrets = {*settings.databricks.secrets, *secret_variables(settings)}
    if settings.databricks.cluster is None:
        new_cluster(settings.databricks, secrets)  # what it lacks is told before anybody is asked
    return DatabricksJobs(sign_in(), settings.databricks, secrets)


class DatabricksJobs:
    """A ``JobService``. One-time runs: nothing is left behind in the list of jobs.

    secrets: variables that new clusters take from the scope; a cluster that runs already has its
    own. Methods raise DatabricksRefused for what asking again does not change, and OSError where
    it may: the SDK has waited by then.
    """

    def __init__(
        self, client: "WorkspaceClient", settings: DatabricksSettings, secrets: Iterable[str] = ()
    ) -> None:
        self._client, self._settings, self._secrets = client, settings, tuple(secrets)

    def start(self, spec: JobSpec) -> str:
        """Submit a run. Asked twice because an answer was lost, Databricks starts one."""
        task = self._task(spec)
        token = uuid.uuid4().hex
        submit = self._client.jobs.submit
        with _refusals(f"the job {spec.name}"):
            wait = _patiently(
                lambda: submit(run_name=spec.name, tasks=[task], idempotency_token=token)
            )
        return str(wait.run_id)

    def state(self, job: str) -> JobState:
        """Where the run stands; of a failure, the error of its task."""
        run = self._run(job)
        phase, reason = _phase(run), ""
        if phase is Phase.FAILED:
            ended = run.status.termination_details if run.status else None
            reason = self._error(run) or (ended.message if ended else None) or "no reason is given"
        return JobState(phase, reason, run.run_page_url or "")

    def cancel(self, job: str) -> None:
        """Ask that the run ends."""
        if not _phase(self._run(job)).ended:
            with _refusals(f"cancelling the run {job}"):
                _patiently(lambda: self._client.jobs.cancel_run(int(job)))

    def log(self, job: str, start: int) -> str:
        """What the command has written, from character ``start`` on; nothing before its end."""
        run = self._run(job)
        task = _task_of(run)
        if task is None or task.run_id is None or not _phase(run).ended:
            return ""
        with _refusals(f"the log of the run {job}"):
            output = _patiently(lambda: self._client.jobs.get_run_output(task.run_id or 0))
        return ((CUT if output.logs_truncated else "") + (output.logs or ""))[start:]

    def _task(self, spec: JobSpec) -> "SubmitTask":
        from databricks.sdk.service import jobs

        told = [f"{name}={value}" for name, value in spec.environment.items()]
        wheel = jobs.PythonWheelTask(
            package_name=PACKAGE, entry_point=ENTRY_POINT, parameters=[*told, *spec.command]
        )
        if self._settings.cluster is not None:
            if spec.nodes > 1:
                raise DatabricksRefused(
                    f"the cluster {self._settings.cluster} has as many nodes as it has: leave "
                    "RESTOCK_DATABRICKS__CLUSTER unset for a job that asks for some"
                )
            return jobs.SubmitTask(
                task_key=TASK, existing_cluster_id=self._settings.cluster, python_wheel_task=wheel
            )
        cluster = new_cluster(self._settings, self._secrets, spec.nodes)
        return jobs.SubmitTask(task_key=TASK, new_cluster=cluster, python_wheel_task=wheel)

    def _run(self, job: str) -> "Run":
        if not job.isdecimal():
            raise JobNotFound(f"{job!r} is no run of Databricks: their ids are numbers")
        with _refusals(f"the run {job}"):
            return _patiently(lambda: self._client.jobs.get_run(int(job)))

    def _error(self, run: "Run") -> str | None:
        """What went wrong in the task, in the words of what ran there."""
        task = _task_of(run)
        if task is None or task.run_id is None:
            return None
        with _refusals(f"the error of the run {run.run_id}"):
            return _patiently(lambda: self._client.jobs.get_run_output(task.run_id or 0)).error


def _task_of(run: "Run") -> "RunTask | None":
    return run.tasks[0] if run.tasks else None


def _phase(run: "Run") -> Phase:
    status = run.status
    state = status.state.value if status and status.state else ""
    if state != "TERMINATED":
        return Phase.RUNNING if state in RUNNING else Phase.WAITING
    details = status.termination_details if status else None
    code = details.code.value if details and details.code else ""
    if code in SUCCEEDED:
        return Phase.SUCCEEDED
    return Phase.CANCELLED if code in CANCELLED else Phase.FAILED


def _patiently(call: Callable[[], T]) -> T:
    """Ask again after an error of the service, which the SDK alone takes for final."""
    from databricks.sdk import errors
    from databricks.sdk.retries import retried

    again = [errors.InternalError, errors.DeadlineExceeded]
    return retried(on=again, timeout=timedelta(seconds=TRYING_SECONDS))(call)()


@contextmanager
def _refusals(about: str) -> Iterator[None]:
    """Turn errors that stay into ours: JobNotFound, DatabricksRefused."""
    from databricks.sdk import errors

    try:
        yield
    except errors.NotFound as error:
        raise JobNotFound(f"{about}: {error}") from error
    except (errors.Unauthenticated, errors.PermissionDenied) as error:
        raise DatabricksRefused(
            f"{about}: Databricks does not let us ({error}): sign in again, or ask for the right "
            "to create clusters or to use this one"
        ) from error
    except errors.BadRequest as error:
        raise DatabricksRefused(f"{about}: Databricks does not take it: {error}") from error
