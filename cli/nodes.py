"""``restock nodes``: nodes for a Dask cluster, started by a cloud as the queue asks for them."""

import asyncio
from contextlib import suppress
from typing import Annotated

import typer

from restock.cli.options import values
from restock.cli.output import BadUsage, bad_input, console
from restock.cli.workers import resources


def nodes(
    runner: Annotated[str, typer.Option(help="The cluster: dask://HOST:PORT or tls://HOST:PORT.")],
    service: Annotated[
        str, typer.Option(help="Who runs the nodes: azureml, databricks, or local processes.")
    ],
    offers: Annotated[
        str, typer.Option(help="What their workers offer: CPU, GPU or SPARK.")
    ] = "CPU",
    least: Annotated[int, typer.Option("--min", min=0, help="Nodes that stay.")] = 0,
    most: Annotated[int, typer.Option("--max", min=1, help="Most nodes.")] = 1,
    job: Annotated[
        list[str] | None,
        typer.Option("--job", help="Of Azure ML: a variable of the job, as in compute=gpu-low."),
    ] = None,
) -> None:
    """Give a Dask cluster nodes that are jobs of a service, as many as its queue asks for.

    Until Ctrl-C or SIGTERM, which cancel them. From which length of the queue on, and when a node
    has been idle for too long, is declared by the settings dask.tasks_per_worker and idle_seconds.
    Searches and nights count on nodes that may come, so that they begin without any. A node that
    is preempted is replaced when the queue asks for it.
    """
    from restock.infra.job_environment import check_files_of_databricks
    from restock.infra.node_jobs import Nodes, keep
    from restock.infra.node_services import LOOK_SECONDS, NAMES, source
    from restock.infra.prefect_env import configure
    from restock.infra.runners import OWN_RUNNERS
    from restock.infra.settings import load_settings

    if service not in NAMES:
        raise BadUsage(f"--service: there is no {service!r}: use {', '.join(NAMES)}")
    if most < least:
        raise BadUsage(f"--max {most} is below --min {least}")
    offered = resources(offers)
    with bad_input(ValueError, ImportError):
        settings = load_settings(runner=runner)
        if runner in OWN_RUNNERS:
            raise BadUsage(f"--runner {runner} brings its own workers: name a scheduler")
        if service == "databricks":
            check_files_of_databricks(settings)
        configure(settings, console="INFO")
        found = source(service, settings, values("--job", job or ()))
        made = Nodes(
            found.service,
            lambda node: found.spec(node, runner, ",".join(offered)),
            offered,
            settings,
            (least, most),
            console.print,
        )
        with suppress(KeyboardInterrupt):
            asyncio.run(keep(settings, made, LOOK_SECONDS[service], console.print))
