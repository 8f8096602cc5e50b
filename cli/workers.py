"""``restock workers``: this node works for a Dask cluster."""

import re
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
    name: Annotated[
        str | None,
        typer.Option(help="With which the names of the workers begin. Default: the host's."),
    ] = None,
) -> None:
    """Give workers of this machine to a Dask cluster, as many as its queue asks for.

    Until Ctrl-C or SIGTERM. How many, and from which length of the queue on, is declared by the
    settings dask.workers_min, workers_max, tasks_per_worker and idle_seconds.
    """
    from restock.infra.node_workers import serve
    from restock.infra.prefect_env import configure
    from restock.infra.settings import load_settings

    offered = resources(offers)
    if name is not None and not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise BadUsage(f"--name {name!r}: use letters, digits, -, _ and .")
    with bad_input(ValueError):
        settings = load_settings(runner=runner)
        configure(settings, console="INFO")
        serve(settings, offered, console.print, name)


def resources(offers: str) -> dict[str, float]:
    """``CPU,GPU`` as what one worker offers. BadUsage for what there is not."""
    from restock.infra.placement import RESOURCES

    names = [name.strip() for name in offers.split(",")]
    for name in names:
        if name not in RESOURCES:
            raise BadUsage(f"--offers: there is no resource {name!r}: use {', '.join(RESOURCES)}")
    return dict.fromkeys(names, 1.0)
