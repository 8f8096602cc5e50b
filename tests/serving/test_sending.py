"""The journal reaches the reader of exposures: exactly, once, and late when the store is away."""

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from restock.infra.exposure_store import read_exposures
from restock.infra.local_store import LocalStore
from restock.infra.store import Unavailable
from restock.serving.background import send_all
from restock.serving.journal import Journal, ended
from restock.serving.sending import send

pytestmark = pytest.mark.unit

EVER = (dt.date.min, dt.date.max)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A journal with three lists of two markets, ended."""
    journal = Journal(tmp_path / "journal")
    for market, customer in (("FR", "A"), ("FR", "A"), ("DE", "é/..")):
        journal.write(market, ZoneInfo("UTC"), customer, "sar-pooled-1", b'["7","3"]')
    journal.seal()
    return tmp_path / "journal"


def test_the_reader_of_exposures_reads_what_was_shown(store: LocalStore, folder: Path) -> None:
    assert send_all(store, folder).lists == 3
    log = read_exposures(store, "FR", *EVER)
    assert log["item_id"].tolist() == ["7", "3"] * 2 and log["position"].tolist() == [1, 2] * 2
    assert log["timestamp"].nunique() == 2
    assert set(log["customer_id"]) == {"A"} and set(log["policy"]) == {"sar-pooled-1"}
    assert set(log["propensity"]) == {1.0} and set(log["outcome"]) == {"none"}
    assert read_exposures(store, "DE", *EVER)["customer_id"].tolist() == ["é/.."] * 2
    assert list(folder.iterdir()) == []


def test_a_file_that_is_sent_twice_is_stored_once(store: LocalStore, folder: Path) -> None:
    (path,) = ended(folder)
    lines = path.read_bytes()
    send(store, path)
    before = store.list("exposures")
    path.write_bytes(lines)  # its sender died before it removed it
    send(store, path)
    assert [one.key for one in store.list("exposures")] == [one.key for one in before]
    assert send(store, path) == 0  # another server was first


def test_while_the_store_is_away_files_wait(store: LocalStore, folder: Path) -> None:
    class Away:
        uri = "away"

        def put(self, key: str, data: bytes) -> str:
            raise Unavailable("the store is away")

    kept = send_all(Away(), folder)  # type: ignore[arg-type]
    assert (kept.lists, kept.waiting, kept.problem) == (0, 1, "the store is away")
    assert send_all(store, folder).lists == 3


def test_a_line_that_was_cut_off_was_not_answered(store: LocalStore, folder: Path) -> None:
    (path,) = ended(folder)
    with path.open("ab") as file:
        file.write(b'{"market": "FR", "cust')
    assert send(store, path) == 3 and list(folder.iterdir()) == []


def test_what_nobody_can_read_is_kept_for_a_person(store: LocalStore, folder: Path) -> None:
    (path,) = ended(folder)
    good = path.read_bytes()
    path.write_bytes(b"\x00\x00\n" + good)
    assert send(store, path) == 3
    assert path.with_suffix(".damaged").read_bytes() == b"\x00\x00\n" and not path.exists()


def test_lists_that_are_no_exposures_do_not_keep_others_from_the_store(
    store: LocalStore, folder: Path
) -> None:
    (path,) = ended(folder)
    bad = path.with_name("0-bad.lines")
    bad.write_bytes(path.read_bytes().replace(b"FR", b"fr"))
    sent = send_all(store, folder)
    assert sent.lists == 3 and sent.waiting == 0
    assert len(pd.concat([read_exposures(store, m, *EVER) for m in ("FR", "DE")])) == 6
    assert bad.with_suffix(".damaged").read_bytes().count(b"\n") == 3
