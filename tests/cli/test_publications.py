"""``restock recommend``, ``history`` and ``rollback``: which markets they know."""

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from contracts.publications import about, publish, table
from typer.testing import CliRunner

from restock.cli import output
from restock.cli.main import app
from restock.infra.local_store import LocalStore
from restock.infra.publications import make_current, stage

pytestmark = pytest.mark.unit
COMMANDS = (["recommend", "--customer", "1"], ["history"], ["rollback"])


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a command where FR is published."""
    monkeypatch.setenv("RESTOCK_HOME", str(tmp_path))
    publish(LocalStore(tmp_path / "store"), 0)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("market", "says"),
    [
        ("FRA", "there is no market 'FRA'; did you mean FR?"),
        ("fr", "did you mean FR?"),
        ("QQQQ", "published are: FR"),
        ("../FR", "'../FR'; did you mean FR?"),
    ],
)
def test_a_market_that_is_none_is_told_with_the_nearest(
    invoke: Any, command: list[str], market: str, says: str
) -> None:
    done = invoke(*command, "--market", market)
    assert isinstance(done.exception, output.BadUsage)
    assert says in str(done.exception)


def test_a_declared_market_may_have_no_publication_yet(invoke: Any) -> None:
    done = invoke("history", "--market", "DE")
    assert done.exit_code == 0 and "Nothing is published in DE" in done.stdout


def test_a_market_of_the_feed_alone_is_known_once_it_is_published(
    invoke: Any, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path / "store")
    manifest = stage(store, "NEWLAND", "run-0", table("NEWLAND"), about(0))
    make_current(store, manifest, replaces=None)
    done = invoke("history", "--market", "NEWLAND")
    assert done.exit_code == 0 and "run-0" in done.stdout


def test_the_version_is_that_of_the_package(invoke: Any) -> None:
    done = invoke("--version")
    assert done.exit_code == 0
    assert done.stdout == f"restock {metadata.version('restock')}\n"
