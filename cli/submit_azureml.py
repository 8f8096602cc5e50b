"""``restock submit azureml``: a flow as a job of Azure ML."""

from typing import Annotated

import typer

from restock.cli.output import BadUsage


def azureml(flow: Annotated[str, typer.Argument(help="The flow, as in retrain.")]) -> None:
    """Run a flow on Azure ML and follow it to its end."""
    raise BadUsage(f"submit azureml {flow}: there is no work pool for Azure ML yet")
