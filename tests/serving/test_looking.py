"""A new publication is packed once; a bad one is named, and the one before stays."""

from pathlib import Path

import pytest
from contracts.served import publish, table

from restock.infra.local_store import LocalStore
from restock.infra.publications import step_back
from restock.infra.settings import Settings
from restock.infra.store import Unavailable
from restock.serving import looking
from restock.serving.looking import Look
from restock.serving.messages import MESSAGES, Ready
from restock.serving.shelf import Shelf

pytestmark = pytest.mark.unit


class Stage:
    """A store with a publication in FR, a look at it, and a shelf that hears the look."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str], *markets: str) -> None:
        self.store, self.settings = LocalStore(home / "store"), Settings(home=home)
        self.shelf, self._capsys, self.scratch = Shelf(), capsys, home / "scratch"
        self.look = Look(self.store, self.settings, markets, self.scratch)
        self.publish("FR", 0)

    def publish(self, market: str, day: int) -> None:
        publish(self.store, table(market, ["A"], 2, tag=str(day)), f"run-{day}", 2, day)

    def round(self) -> int:
        """Look once; how many publications were new."""
        self.shelf.hear(self.look.round())
        said = [MESSAGES.validate_json(line) for line in self._capsys.readouterr().out.splitlines()]
        for message in said:
            self.shelf.hear(message)
        return sum(isinstance(message, Ready) for message in said)

    @property
    def served(self) -> dict[str, str]:
        return {market: lists.about.token for market, lists in self.shelf.lists.items()}

    def rows(self, token: str) -> Path:
        return next((self.store.root / f"publications/FR/{token}").glob("*.parquet"))


@pytest.fixture
def stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stage:
    return Stage(tmp_path, capsys, "FR")


def test_a_publication_is_packed_once_and_leaves_no_files(stage: Stage) -> None:
    assert [stage.round(), stage.round()] == [1, 0]
    assert stage.served == {"FR": "run-0"} and stage.shelf.problems == {}
    assert list(stage.scratch.iterdir()) == []


def test_a_new_publication_and_a_rollback_are_taken(stage: Stage) -> None:
    stage.round()
    stage.publish("FR", 1)
    assert stage.round() == 1 and stage.served == {"FR": "run-1"}
    step_back(stage.store, "FR")
    assert stage.round() == 1 and stage.served == {"FR": "run-0"}


@pytest.mark.parametrize(
    ("harm", "cause"),
    [
        ("cut off", "is damaged"),
        ("other bytes", "is damaged: it is not what its manifest says"),
        ("gone", "there is no publications/FR/run-1"),
        ("no manifest", "it is no longer in file:"),
        ("old manifest", "its manifest is not the one that was made current"),
    ],
)
def test_a_bad_publication_is_named_and_the_one_before_stays(
    stage: Stage, harm: str, cause: str
) -> None:
    stage.round()
    stage.publish("FR", 1)
    path = stage.rows("run-1")
    match harm:
        case "cut off":
            path.write_bytes(path.read_bytes()[:-1])
        case "other bytes":
            path.write_bytes(path.read_bytes()[::-1])
        case "gone":
            path.unlink()
        case "no manifest":
            path.with_name("manifest.json").unlink()
        case "old manifest":
            there = path.with_name("manifest.json")
            there.write_text(there.read_text().replace("2026-01-02", "2026-01-03"))
    assert stage.round() == 0 and stage.served == {"FR": "run-0"}
    why = stage.shelf.problems["FR"]
    assert "run-1 cannot be served" in why and cause in why
    assert "the publication before is still served" in why
    stage.publish("FR", 2)
    assert stage.round() == 1 and stage.served == {"FR": "run-2"} and not stage.shelf.problems


def test_a_bad_publication_is_tried_again_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stage.rows("run-0")
    whole = path.read_bytes()
    path.unlink()
    assert stage.round() == 0 and "FR" in stage.shelf.problems
    path.write_bytes(whole)
    assert stage.round() == 0  # not at each look: it may be large
    monkeypatch.setattr(looking.time, "monotonic", lambda: float("inf"))
    assert stage.round() == 1 and not stage.shelf.problems


def test_while_the_store_is_away_what_is_there_is_served(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.round()

    def away(key: str) -> None:
        raise Unavailable("the store is away")

    monkeypatch.setattr(stage.store, "get", away)
    assert stage.round() == 0 and stage.served == {"FR": "run-0"}
    assert stage.shelf.problems == {"FR": "the store is away"}
    monkeypatch.undo()
    stage.round()
    assert stage.shelf.problems == {}


def test_what_is_fetched_from_a_store_elsewhere_does_not_stay(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage.store, "local", lambda key: None)
    stage.round()
    assert stage.served == {"FR": "run-0"}
    assert not list(stage.settings.cache.rglob("*.parquet"))
    assert not [one for one in (stage.settings.cache / "files").iterdir() if one.is_file()]


def test_a_pointer_that_is_gone_leaves_what_is_served(stage: Stage) -> None:
    stage.round()
    (stage.store.root / "publications/FR/current.json").unlink()
    stage.round()
    assert stage.served == {"FR": "run-0"} and "nothing is published" in stage.shelf.problems["FR"]


def test_without_names_all_markets_are_served_new_ones_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, capsys)
    assert stage.round() == 1
    stage.publish("DE", 0)
    assert stage.round() == 0  # listing a store takes long: not at each look
    monkeypatch.setattr(looking, "AGAIN_SECONDS", 0.0)
    assert stage.round() == 1 and stage.served == {"DE": "run-0", "FR": "run-0"}


def test_what_is_published_first_is_served_at_the_next_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(tmp_path, capsys)
    (stage.store.root / "publications").rename(stage.store.root / "aside")
    assert stage.round() == 0
    (stage.store.root / "aside").rename(stage.store.root / "publications")
    assert stage.round() == 1
