"""What ``restock up`` refuses before it starts anything."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from restock.cli import output
from restock.cli.main import app

pytestmark = pytest.mark.unit


def test_a_platform_whose_runs_would_all_wait_for_a_debugger_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RESTOCK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RESTOCK_DEBUG", "5678")
    done = CliRunner().invoke(app, ["up"])
    assert isinstance(done.exception, output.BadUsage)
    assert "RESTOCK_DEBUG is set" in str(done.exception)
    assert not (tmp_path / "home").exists()
