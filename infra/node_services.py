"""Where the nodes of a cluster can come from, and what a job is that is one of them."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

from restock.infra.cloud_jobs import JobService, JobSpec
from restock.infra.job_environment import job_environment
from restock.infra.settings import Settings

Name = Literal["azureml", "databricks", "local"]
NAMES: tuple[Name, ...] = get_args(Name)
LOOK_SECONDS: Mapping[Name, float] = {"azureml": 15.0, "databricks": 15.0, "local": 1.0}
"""Between two looks: each asks the service about every node."""


class Source(NamedTuple):
    """A service, the program that its nodes start, and what they are told."""

    service: JobService
    program: Sequence[str]
    environment: Mapping[str, str]

    def spec(self, name: str, runner: str, offers: str) -> JobSpec:
        """The job of one node. name: with which the names of its workers begin."""
        arguments = ["workers", "--runner", runner, "--offers", offers, "--name", name]
        return JobSpec(name, [*self.program, *arguments], self.environment)


def source(name: Name, settings: Settings, options: dict[str, Any]) -> Source:
    """The service of a name; asks nobody.

    options: of a job of Azure ML (``Options``); of Databricks it is declared by settings.
    ValueError for a wrong one or a missing setting, ImportError without the extra.
    """
    if options and name != "azureml":
        raise ValueError(f"jobs of {name} have no variables: {', '.join(options)}")
    if name == "local":
        from restock.infra.local_jobs import LocalJobs

        program = [sys.executable, "-m", "restock.cli"]
        return Source(LocalJobs(settings.home / "jobs"), program, {})
    environment = job_environment(settings)
    if name == "databricks":
        from restock.infra.databricks.jobs import databricks_jobs

        return Source(databricks_jobs(settings), ["restock"], environment)
    from restock.infra.azureml.jobs import Options, without_files
    from restock.infra.azureml.service import connect

    program = ["python", "-m", "restock.infra.azureml.vault", "--", "restock"]
    service = connect(settings, Options(**options))
    return Source(service, program, without_files(environment))
