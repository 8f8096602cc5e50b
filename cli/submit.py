"""``restock submit``: the same flows on machines of a cloud, one command for each cloud."""

import typer

from restock.cli import submit_azureml, submit_databricks

app = typer.Typer(
    no_args_is_help=True, help="Run a flow on machines of a cloud and follow it to its end."
)
app.command("azureml")(submit_azureml.azureml)
app.command("databricks", context_settings=submit_databricks.PASS_ON)(submit_databricks.databricks)
