"""Prefect's work pool type ``azure-ml``: each flow run is a job of Azure ML.

``prefect worker start --pool azureml`` finds it by the entry point ``prefect.collections``.
"""

import asyncio
import logging
import re
import shlex
import sys
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from prefect.exceptions import InfrastructureNotFound
from prefect.states import Crashed
from prefect.utilities.engine import propose_state
from prefect.workers.base import (
    BaseJobConfiguration,
    BaseVariables,
    BaseWorker,
    BaseWorkerResult,
)
from pydantic import Field

from restock.infra.azureml.jobs import LOCAL, Options, check_environment, without_files
from restock.infra.azureml.service import connect
from restock.infra.cloud_jobs import JobNotFound, JobService, JobSpec, Phase
from restock.infra.connections import LOOPBACK_HOSTS
from restock.infra.following import follow
from restock.infra.job_environment import job_environment
from restock.infra.local_jobs import LocalJobs
from restock.infra.prefect_env import API_URL
from restock.infra.settings import load_settings
from restock.infra.work_pools import no_variable

if TYPE_CHECKING:
    from anyio.abc import TaskStatus
    from prefect.client.schemas.objects import FlowRun

LOOK_SECONDS = 10.0
LOCAL_LOOK_SECONDS = 0.5
_OF_DASK = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ - ([\w.]+) - ([A-Z]+) - (.*)")
"""What Dask prints: the time, which logger, the level, the words."""

_local_jobs: LocalJobs | None = None


Logger = logging.Logger | logging.LoggerAdapter[Any]


def tell(logger: Logger, line: str) -> None:
    """Log what a node printed: at Dask's own level what Dask logged there."""
    if found := _OF_DASK.fullmatch(line):
        name, level, words = found.groups()
        number = logging.getLevelNamesMapping().get(level, logging.INFO)
        logger.log(number, "%s: %s", name, words)
    else:
        logger.info(line)


class Variables(Options, BaseVariables):
    """What a deployment or a run may say of its job."""


class Configuration(Options, BaseJobConfiguration):
    """A job of the pool, made from its template for one flow run."""

    env: dict[str, str | None] = Field(default_factory=dict)

    @classmethod
    async def from_template_and_values(
        cls, base_job_template: dict[str, Any], values: dict[str, Any], client: Any = None
    ) -> Self:
        """As prefect does it, but a variable that is not known is refused. ValueError."""
        known = base_job_template["variables"].get("properties", {})
        for name in values:
            if (first := name.partition(".")[0]) not in known:
                raise ValueError(no_variable(first, known))
        made: Self = await super().from_template_and_values(
            base_job_template, values, client=client
        )
        return made

    def prepare_for_flow_run(self, *arguments: Any, **named: Any) -> None:
        """As prefect does it, but of the worker's own environment only what nodes need.

        ValueError for a secret among the variables of the run, for a Prefect server that nodes
        cannot reach, or for a file that they do not have.
        """
        given = {name: value or "" for name, value in self.env.items()}
        check_environment(given)
        super().prepare_for_flow_run(*arguments, **named)
        shared: dict[str, str] = {}
        if self.compute != LOCAL:  # whose nodes have all that the worker has
            told = job_environment(load_settings())
            shared = without_files({name: told[name] for name in told.keys() - given.keys()})
            url = self.env.get(API_URL) or "http://localhost"
            if urlsplit(url).hostname in LOOPBACK_HOSTS:
                raise ValueError(
                    f"nodes of Azure ML cannot reach the Prefect server at {url}: name one that "
                    "they reach in RESTOCK_PREFECT__API_URL"
                )
        kept = {
            name: value
            for name, value in self.env.items()
            if name in (API_URL, *given) or name.startswith("PREFECT__")
        }
        self.env = {**shared, **kept}

    def spec(self) -> JobSpec:
        """What the job service is asked for: each node runs the node script."""
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", self.name or "").strip("-_")[:60]
        variables = {name: value for name, value in self.env.items() if value is not None}
        python = sys.executable if self.compute == LOCAL else "python"
        command = shlex.split(self.command or "")
        if command[0] == "prefect":
            command = [python, "-m", *command]
        node = [python, "-m", "restock.infra.azureml", "--"]
        return JobSpec(name or "flow", [*node, *command], variables, self.instance_count)

    def service(self) -> JobService:
        """Who runs it."""
        global _local_jobs
        if self.compute != LOCAL:
            options = {name: getattr(self, name) for name in Options.model_fields}
            return connect(load_settings(), Options(**options))
        if _local_jobs is None:
            _local_jobs = LocalJobs(load_settings().home / "jobs")
        return _local_jobs


class Result(BaseWorkerResult):
    """How a job ended."""


class AzureMLWorker(BaseWorker[Configuration, Variables, Result]):
    """Starts a job for each flow run of its pool and follows it to its end."""

    type = "azure-ml"
    job_configuration = Configuration
    job_configuration_variables = Variables
    _display_name = "Azure ML"
    _description = "Run flows as jobs of Azure Machine Learning, on one node or several."

    async def run(
        self,
        flow_run: "FlowRun",
        configuration: Configuration,
        task_status: "TaskStatus[Any] | None" = None,
    ) -> Result:
        """Start the job, put what its first node says into the run's log, wait for its end."""
        service = configuration.service()
        job = await asyncio.to_thread(service.start, configuration.spec())
        if task_status is not None:
            task_status.started(job)
        logger = self.get_flow_run_logger(flow_run)
        seconds = LOCAL_LOOK_SECONDS if configuration.compute == LOCAL else LOOK_SECONDS
        state = await follow(service, job, lambda line: tell(logger, line), seconds)
        if state.phase is Phase.SUCCEEDED:
            await self._tell_state(logger, job, flow_run)
            return Result(status_code=0, identifier=job)
        reason = f"job {job} {state.phase}" + (f": {state.reason}" if state.reason else "")
        logger.error(reason)
        await propose_state(self.client, Crashed(message=reason), flow_run_id=flow_run.id)
        return Result(status_code=1, identifier=job)

    async def _tell_state(self, logger: Logger, job: str, flow_run: "FlowRun") -> None:
        """That a job did its work does not say that the run succeeded."""
        state = (await self.client.read_flow_run(flow_run.id)).state
        if state is not None and not state.is_completed():
            bad = state.is_failed() or state.is_crashed()
            level = logging.ERROR if bad else logging.INFO
            logger.log(level, f"job {job} has ended, and its run is {state.name}")

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: Configuration, grace_seconds: int = 30
    ) -> None:
        """Cancel a job whose flow has not begun: a flow that runs cancels itself."""
        try:
            await asyncio.to_thread(configuration.service().cancel, infrastructure_pid)
        except JobNotFound as error:
            raise InfrastructureNotFound(str(error)) from error
