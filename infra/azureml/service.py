"""Azure ML as a ``JobService``, by its SDK."""

import logging
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from restock.infra.azureml.jobs import MissingSDK, Options, command_job
from restock.infra.cloud_jobs import JobNotFound, JobRefused, JobSpec, JobState, Phase
from restock.infra.settings import Settings, SettingsError

PHASES = {
    "Completed": Phase.SUCCEEDED,
    "Failed": Phase.FAILED,
    "NotResponding": Phase.FAILED,
    "Canceled": Phase.CANCELLED,
    "Running": Phase.RUNNING,
    "Finalizing": Phase.RUNNING,
    "CancelRequested": Phase.RUNNING,
}
"""All others come before it runs: NotStarted, Preparing, Provisioning, Queued, Starting…"""
FIRST_NODE = re.compile(r"user_logs/std_log(_process_0+)?\.txt")


class AzureMLJobs:
    """Jobs of one workspace. client: an ``MLClient``."""

    def __init__(self, client: Any, options: Options) -> None:
        self._client, self._options = client, options

    def start(self, spec: JobSpec) -> str:
        """See ``JobService.start``. ValueError too for what no job can have."""
        # a name of ours: asked a second time, the service finds the job that it has started
        name = f"{spec.name}-{uuid.uuid4().hex[:8]}"
        job = command_job(spec, self._options, name)
        with self._errors(name):
            return str(self._client.jobs.create_or_update(job).name)

    def state(self, job: str) -> JobState:
        """See ``JobService.state``."""
        with self._errors(job):
            found = self._client.jobs.get(job)
            phase = PHASES.get(found.status, Phase.WAITING)
            reason = self._reason(job) if phase is Phase.FAILED else ""
        return JobState(phase, reason, str(found.studio_url or ""))

    def cancel(self, job: str) -> None:
        """See ``JobService.cancel``."""
        if not self.state(job).phase.ended:
            with self._errors(job):
                self._client.jobs.begin_cancel(job)

    def log(self, job: str, start: int) -> str:
        """See ``JobService.log``."""
        with self._errors(job):
            files = self._details(job).log_files or {}
        names = sorted(name for name in files if FIRST_NODE.fullmatch(name))
        if not names:
            return ""
        return _read(files[names[0]]).decode(errors="replace")[start:]

    def _reason(self, job: str) -> str:
        error = self._details(job).error
        return str(error.error.message) if error is not None and error.error is not None else ""

    def _details(self, job: str) -> Any:
        # the SDK offers logs and errors of a job on its way only as text on the terminal
        return self._client.jobs._runs_operations.get_run_details(job)

    @contextmanager
    def _errors(self, job: str) -> Iterator[None]:
        from azure.core.exceptions import (
            ClientAuthenticationError,
            HttpResponseError,
            ResourceNotFoundError,
            ServiceRequestError,
            ServiceResponseError,
        )

        where = f"{self._client.workspace_name}"
        try:
            yield
        except ResourceNotFoundError as error:
            raise JobNotFound(f"{job}: {error.message}") from error
        except (ServiceRequestError, ServiceResponseError) as error:
            raise ConnectionError(f"no answer of workspace {where}: {error}") from error
        except HttpResponseError as error:
            if isinstance(error, ClientAuthenticationError) or error.status_code in (401, 403):
                raise JobRefused(
                    f"not allowed to use workspace {where}: sign in (az login, managed identity) "
                    f"with the role AzureML Data Scientist ({error.message})"
                ) from error
            if error.status_code is None or error.status_code >= 500 or error.status_code == 429:
                raise ConnectionError(f"no answer of workspace {where}: {error.message}") from error
            raise JobRefused(f"workspace {where} refuses {job}: {error.message}") from error


def _read(address: str) -> bytes:
    """What lies there. The address has a signature, no word of which may reach a message."""
    from azure.core import PipelineClient
    from azure.core.exceptions import AzureError
    from azure.core.pipeline.policies import RetryPolicy
    from azure.core.rest import HttpRequest

    client: Any = PipelineClient(address, policies=[RetryPolicy()])
    with client:
        try:
            answer = client.send_request(HttpRequest("GET", address))
        except AzureError as error:
            raise ConnectionError(f"a log cannot be read: {type(error).__name__}") from None
    if answer.status_code == 404:  # declared, and nothing is written yet
        return b""
    if answer.status_code >= 400:
        raise ConnectionError(f"a log cannot be read: {answer.status_code}")
    return bytes(answer.content)


def connect(settings: Settings, options: Options) -> AzureMLJobs:
    """The service of the workspace that the settings name; asks nobody.

    SettingsError when they name none. MissingSDK.
    """
    about = settings.azureml
    if missing := [name for name, value in about if value is None]:
        variables = ", ".join(f"RESTOCK_AZUREML__{name.upper()}" for name in missing)
        raise SettingsError(f"no workspace of Azure ML is named: set {variables}")
    try:
        from azure.ai.ml import MLClient
        from azure.identity import DefaultAzureCredential
    except ImportError as error:
        raise MissingSDK from error
    logging.getLogger("azure.ai.ml").setLevel(logging.ERROR)  # it tells users of its own classes
    client = MLClient(
        DefaultAzureCredential(),
        about.subscription,
        about.resource_group,
        about.workspace,
        enable_telemetry=False,
    )
    return AzureMLJobs(client, options)
