"""The guide to off-policy estimates: its code runs, and its first command answers."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from restock.cli.main import app

pytestmark = pytest.mark.unit

GUIDE = Path(__file__).parents[2] / "docs" / "off-policy.md"


@pytest.mark.thorough
def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESTOCK_HOME", str(tmp_path / "home"))
    text = GUIDE.read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, str(GUIDE), "exec"), names)
    assert len(names["log"]) == 500  # type: ignore[arg-type]
    command = re.findall(r"^\$ restock (.*)$", text, re.MULTILINE)[0]
    done = CliRunner().invoke(app, shlex.split(command))
    assert done.exit_code == 0, done.output
    assert "DR" in done.stdout and (tmp_path / "home" / "store" / "ope").is_dir()
