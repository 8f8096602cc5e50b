"""``restock workers``: this node works for a Dask cluster."""

from typing import Annotated

import typer

from restock.cli.output import BadUsage, bad_input, console


def workers(
    runner: Annotated[
        str | None,
        typer.Option(help="The cluster: dask://HOST:PORT or tls://HOST:PORT, if no setting says."),
    ] = None,
    offers: Annotated[
        str,
        typer.Option(help="What each worker offers: CPU, GPU or SPARK, or several with a comma."),
    ] = "CPU",
) -> None:
    """Give workers of this machine to a Dask cluster, as many as its queue asks for.

    Until Ctrl-C or SIGTERM. How many, and from which length of the queue on, is declared by the
    settings dask.workers_min, workers_max, tasks_per_worker and idle_seconds.
    """
    from restock.infra.node_workers import serve
    from restock.infra.placement import RESOURCES
    from restock.infra.prefect_env import configure
    from restock.infra.settings import load_settings

    offered = [name.strip() for name in offers.split(",")]
    for name in offered:
        if name not in RESOURCES:
            raise BadUsage(f"--offers: there is no resource {name!r}: use {', '.join(RESOURCES)}")
    with bad_input(ValueError):
        settings = load_settings(runner=runner)
        configure(settings, console="INFO")
        serve(settings, dict.fromkeys(offered, 1.0), console.print)
