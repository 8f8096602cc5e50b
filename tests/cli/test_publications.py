"""``restock recommend``, ``history`` and ``rollback``: which markets they know."""

import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
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


@pytest.mark.parametrize("name", ["BOX [assorted colours] SET", "[/b]"])
def test_names_are_shown_as_they_are(invoke: Any, tmp_path: Path, name: str) -> None:
    rows = table("SE").to_pandas().assign(item_name=name, item_id=f"1{name}", reason=name)
    rows["customer_id"] = name
    store, alone = LocalStore(tmp_path / "store"), rows[:1]
    manifest = stage(store, "SE", "run-0", pa.Table.from_pandas(alone), about(0))
    make_current(store, manifest, replaces=None)
    done = invoke("recommend", "--market", "SE", "--customer", name)
    assert done.exit_code == 0, done.exception
    assert done.stdout.count(name) == 4 and f"1{name}" in done.stdout


@pytest.mark.parametrize("wanted", ["variable", "file"])
def test_the_setting_shows_where_an_error_arose(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wanted: str
) -> None:
    monkeypatch.chdir(tmp_path)

    def raised() -> type[BaseException]:
        with pytest.raises((output.BadUsage, LookupError)) as found, output.bad_input(LookupError):
            raise LookupError("no such market")
        return found.type

    assert raised() is output.BadUsage
    if wanted == "variable":
        monkeypatch.setenv("RESTOCK_TRACEBACK", "true")
    else:
        (tmp_path / "restock.toml").write_text("traceback = true\n")
    assert raised() is LookupError


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


def test_prune_says_what_would_go_and_what_went(invoke: Any, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    store.put("reports/run-0/night.json", b"{}")
    old = (tmp_path / "store/reports/run-0/night.json").stat().st_mtime - 91 * 86400
    os.utime(tmp_path / "store/reports/run-0/night.json", (old, old))
    foretold = invoke("prune", "--dry-run")
    assert foretold.exit_code == 0 and "would be removed from file://" in foretold.stdout
    assert len(store.list("reports")) == 1
    removed = json.loads(invoke("prune", "--json").stdout)["removed"]
    assert [(one["kind"], one["things"]) for one in removed] == [
        ("reports", ["reports/run-0/night.json"])
    ]
    assert not store.list("reports") and store.list("publications")
    assert "nothing older than 90 days" in invoke("prune").stdout
    for days in ("6", "3000000"):
        assert invoke("prune", "--older-than", days).exit_code == 2
