"""``restock up`` and ``restock down``: a local platform that stays."""

from typing import Annotated

import typer
from rich.table import Table

from restock.cli.output import JSON, BadUsage, bad_input, console, failed, print_json


def up(as_json: Annotated[bool, JSON] = False) -> None:
    """Start Prefect, a worker, MLflow's pages and the nightly deployments on this machine.

    They stay until `restock down`, and listen on the loopback address only. Doing it again
    starts what has stopped and applies what has changed.
    """
    from restock.infra import platform
    from restock.infra.deployments import DeploymentsError
    from restock.infra.processes import ProcessError
    from restock.infra.settings import SettingsError, load_settings

    with bad_input(SettingsError, platform.NotOurs):
        settings = load_settings()
        if settings.debug:
            raise BadUsage(
                "RESTOCK_DEBUG is set: every run of the platform would wait for a debugger. Unset "
                "it, and give it to the job of the one run (docs/vscode.md)"
            )
        try:
            with console.status("starting the platform") as shown:
                state = platform.up(settings, say=lambda text: shown.update(text))
        except (ProcessError, DeploymentsError) as error:
            failed(str(error))
            raise typer.Exit(1) from None
    if as_json:
        print_json(state.model_dump(mode="json"))
        return
    table = Table("service", "address", "log", box=None)
    for name, service in state.services.items():
        table.add_row(name, service.url or "", str(service.log))
    console.print(table)
    console.print("Runs appear by themselves at night. `restock down` stops everything.")


def down(as_json: Annotated[bool, JSON] = False) -> None:
    """Stop the local platform. Publications and histories stay."""
    from restock.infra import platform
    from restock.infra.settings import SettingsError, load_settings

    with bad_input(SettingsError):
        stopped = platform.down(load_settings())
    if as_json:
        print_json({"stopped": stopped})
    else:
        console.print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
