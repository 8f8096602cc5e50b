"""``restock link``: what people type, and what they see."""

import json
from pathlib import Path

import pytest
from contracts.linked import ledger
from typer.testing import CliRunner

from restock.cli import output
from restock.cli.main import app
from restock.infra.link_ledger import put_entry
from restock.infra.local_store import LocalStore

pytestmark = pytest.mark.unit


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("RESTOCK_STORAGE", str(tmp_path / "store"))
    return LocalStore(tmp_path / "store")


def test_an_empty_ledger_keeps_the_declared_weights(store: LocalStore) -> None:
    result = CliRunner().invoke(app, ["link", "--json"])
    assert result.exit_code == 0
    report = json.loads(result.output)
    assert not report["enough"] and report["proposed"] == report["declared"]
    assert (Path(str(store.local(report["page"])))).exists()


def test_it_learns_shows_and_foretells(store: LocalStore, tmp_path: Path) -> None:
    *known, last = ledger(8)
    for one in known:
        put_entry(store, one)
    added, asked = tmp_path / "entry.json", tmp_path / "ahead.json"
    added.write_text(last.model_dump_json())
    asked.write_text(json.dumps([{"name": "next-one", "offline": known[0].offline}]))
    result = CliRunner().invoke(app, ["link", "--add", str(added), "--predict", str(asked)])
    assert result.exit_code == 0, result.output
    assert "test-7" in result.output and "[defaults.objective.weights]" in result.output
    assert "next-one" in result.output and "foretold" in result.output
    only = CliRunner().invoke(app, ["link", "--markets", "DE", "--json"])
    assert [one["name"] for one in json.loads(only.output)["entries"]] == [
        "test-0",
        "test-3",
        "test-6",
    ]
    assert '[markets."DE".objective.weights]' in json.loads(only.output)["toml"]


@pytest.mark.parametrize(
    ("content", "option", "says"),
    [
        ("{", "--add", "no entry of an experiment"),
        ("{}", "--add", "Field required"),
        ("{}", "--predict", "it is a list as in"),
        ('[{"name": "../x", "offline": {"ndcg_at_10": 0.1}}]', "--predict", "pattern"),
    ],
)
def test_a_wrong_file_is_bad_input(
    store: LocalStore, tmp_path: Path, content: str, option: str, says: str
) -> None:
    file = tmp_path / "file.json"
    file.write_text(content)
    result = CliRunner().invoke(app, ["link", option, str(file)])
    assert isinstance(result.exception, output.BadUsage) and says in str(result.exception)
    assert not store.list("experiments")


def test_the_entry_and_the_pairs_of_the_guide_are_accepted(
    store: LocalStore, tmp_path: Path
) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "link.md").read_text()
    entry, pairs = tmp_path / "entry.json", tmp_path / "ahead.json"
    entry.write_text(guide.split("```json\n")[1].split("```")[0])
    pairs.write_text(guide.split("as in `")[1].split("`")[0])
    result = CliRunner().invoke(
        app, ["link", "--add", str(entry), "--predict", str(pairs), "--json"]
    )
    assert result.exit_code == 0, result.output
    assert [one["name"] for one in json.loads(result.output)["entries"]] == ["blend-in-france"]
