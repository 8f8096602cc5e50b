"""Running a flow in this process, against whatever Prefect server there is."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restock.cli.output import BadUsage, bad_input

if TYPE_CHECKING:
    from restock.infra.settings import Settings


def run(settings: "Settings", load: Callable[[], Any], parameters: dict[str, Any]) -> Any:
    """The result of a flow; its record too when some markets failed and the others are done.

    load: imports the flow, while the server starts. Raises BadUsage for input that the flow
    refuses, and whatever else went wrong.
    """
    from restock.infra import debugger
    from restock.infra.prefect_env import connect

    os.environ["RESTOCK_RUNNER"] = settings.runner
    if settings.debug:
        with bad_input(ImportError, debugger.PortTaken):
            debugger.check(settings.debug)
        os.environ["RESTOCK_DEBUG"] = str(settings.debug)
    with connect(settings) as connection:
        from restock.dataset.contract import BadOrders
        from restock.infra.incomplete import Incomplete

        flow = load()
        connection.wait()
        state = flow(**parameters, return_state=True)
        result = state.result(raise_on_failure=False)
        if isinstance(result, BadOrders | ValueError):
            raise BadUsage(str(result)) from result
        if isinstance(result, Incomplete):
            return result.record
        if isinstance(result, BaseException):
            raise result
        return result


def pages(settings: "Settings") -> list[str]:
    """The commands that open the pages of Prefect and MLflow for the embedded servers."""
    here = Path(sys.executable).parent
    mlflow = settings.tracking_uri
    if not mlflow.startswith("http"):
        mlflow = f"{here / 'mlflow'} ui --host 127.0.0.1 --backend-store-uri {mlflow}"
    return [
        f"PREFECT_HOME={settings.home / 'prefect'} {here / 'prefect'} server start",
        mlflow,
    ]
