"""docs/experiments.md, typed as it stands: from two candidate models to a launch decision."""

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from restock.cli.main import app
from restock.infra.link_ledger import read_entries
from restock.infra.local_store import LocalStore

pytestmark = pytest.mark.platform

PAGE = Path(__file__).parents[2] / "docs" / "experiments.md"


def test_every_command_of_the_page_works_and_says_what_the_page_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RESTOCK_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    page = PAGE.read_text()
    commands = re.findall(r"^\$ restock (.*)$", page, re.MULTILINE)
    assert len(commands) == 9
    said = {}
    for typed in commands:
        done = CliRunner().invoke(app, shlex.split(typed))
        assert done.exit_code == 0, f"restock {typed}\n{done.output}\n{done.exception}"
        said[typed] = " ".join(done.output.split())
    ope, last = (next(t for t in reversed(commands) if part in t) for part in ("ope", "analyze"))
    assert "refused: the log cannot say what reorder" in said[ope]
    assert "Decision: launch" in said[last]
    analyses = tmp_path / "home/store/experiments/two-plans/analyses"
    early, late = (json.loads(path.read_text()) for path in sorted(analyses.iterdir()))
    assert early["analysis"]["looks"] == "anytime" and late["state"] == "finished"
    revenue, orders = late["analysis"]["effects"][:2]
    for number in (revenue["relative"], revenue["low"], revenue["high"], orders["relative"]):
        assert f"{100 * number:.1f} %" in page
    (entry,) = read_entries(LocalStore(tmp_path / "home/store"))
    assert entry.name == "two-plans" and entry.lift > 0
