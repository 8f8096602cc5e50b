"""What ``restock submit`` refuses before it asks anybody."""

import pytest
from typer.testing import CliRunner

from restock.cli.main import app
from restock.cli.output import BadUsage

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["monitor"], "'monitor' is no flow that runs on Azure ML: use retrain, search, backtest"),
        (["retrain", "-p", "markets"], "--parameter 'markets': write it as name=value"),
        (["retrain", "--job", "=3"], "--job '=3': write it as name=value"),
        (["retrain", "--markets", "france"], "'france' is no market code"),
    ],
)
def test_wrong_usage_is_told_at_once(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["submit", "azureml", *arguments])
    assert isinstance(done.exception, BadUsage)
    assert said in str(done.exception)
