"""Folders of files: complete or not there, fetched once per node, checked."""

import threading
from pathlib import Path

import pytest

from restock.infra import folders
from restock.infra.folders import (
    File,
    contents_of,
    file_of,
    open_file,
    open_folder,
    put_folder,
    read_contents,
)
from restock.infra.local_store import LocalStore
from restock.infra.store import NotFound, Store, StoreError

pytestmark = pytest.mark.unit


class Elsewhere:
    """A local store that behaves as one on another machine, and counts what is fetched."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.fetched: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    def local(self, key: str) -> None:
        """Nothing is here."""

    def get_file(self, key: str, path: Path) -> None:
        """Fetch and count."""
        self.fetched.append(key)
        self.store.get_file(key, path)


@pytest.fixture
def store(home: Path) -> LocalStore:
    return LocalStore(home / "store")


@pytest.fixture
def folder(home: Path) -> Path:
    path = home / "folder"
    path.mkdir()
    (path / "one.npz").write_bytes(b"one")
    (path / "two.json").write_bytes(b"")
    return path


def test_a_local_folder_is_opened_in_place(store: LocalStore, folder: Path, home: Path) -> None:
    contents = put_folder(store, "things/x", folder)
    assert contents == contents_of(folder) == read_contents(store, "things/x")
    opened = open_folder(store, "things/x", home / "cache")
    assert opened == store.root / "things" / "x"
    assert (opened / "one.npz").read_bytes() == b"one"
    assert not (home / "cache").exists()


def test_the_hash_is_of_names_and_contents(folder: Path) -> None:
    first = contents_of(folder).hash
    assert contents_of(folder).hash == first
    (folder / "one.npz").rename(folder / "three.npz")
    assert contents_of(folder).hash != first
    (folder / "three.npz").rename(folder / "one.npz")
    assert contents_of(folder).hash == first
    (folder / "two.json").write_bytes(b"2")
    assert contents_of(folder).hash != first


def test_a_folder_elsewhere_is_fetched_once(store: LocalStore, folder: Path, home: Path) -> None:
    put_folder(store, "things/x", folder)
    elsewhere = Elsewhere(store)
    first = open_folder(elsewhere, "things/x", home / "cache")
    assert (first / "one.npz").read_bytes() == b"one"
    assert open_folder(elsewhere, "things/x", home / "cache") == first
    assert sorted(elsewhere.fetched) == ["things/x/one.npz", "things/x/two.json"]
    assert not list((home / "cache" / ".tmp").iterdir())


def test_who_comes_at_the_same_time_waits(
    store: LocalStore, folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_folder(store, "things/x", folder)
    elsewhere = Elsewhere(store)
    both = threading.Barrier(2)
    fetch = folders._fetch
    monkeypatch.setattr(folders, "_fetch", lambda *given: (both.wait(10), fetch(*given)))
    found: list[Path] = []
    threads = [
        threading.Thread(
            target=lambda: found.append(open_folder(elsewhere, "things/x", home / "cache"))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    both.wait(10)  # one is fetching: the others cannot pass until it is done
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 3
    assert len(elsewhere.fetched) == 2


def test_an_interrupted_upload_is_not_there_and_is_done_again(
    store: LocalStore, folder: Path, home: Path
) -> None:
    store.put("things/x/one.npz", b"half")
    assert read_contents(store, "things/x") is None
    with pytest.raises(NotFound, match="no complete things/x"):
        open_folder(store, "things/x", home / "cache")
    put_folder(store, "things/x", folder)
    assert (open_folder(store, "things/x", home / "cache") / "one.npz").read_bytes() == b"one"


def test_a_complete_folder_is_not_written_again(store: LocalStore, folder: Path) -> None:
    put_folder(store, "things/x", folder)
    before = [entry.modified for entry in store.list()]
    (folder / "one.npz").write_bytes(b"other")
    assert put_folder(store, "things/x", folder).files["one.npz"].size == 3
    assert [entry.modified for entry in store.list()] == before


def test_damage_is_noticed(store: LocalStore, folder: Path, home: Path) -> None:
    put_folder(store, "things/x", folder)
    elsewhere = Elsewhere(store)
    store.put("things/x/one.npz", b"One")
    with pytest.raises(StoreError, match="things/x/one.npz .* its hash is wrong"):
        open_folder(elsewhere, "things/x", home / "cache")
    store.put("things/x/one.npz", b"on")
    with pytest.raises(StoreError, match="one.npz is damaged: 2 bytes, not 3"):
        open_folder(store, "things/x", home / "cache")
    store.delete("things/x/one.npz")
    with pytest.raises(StoreError, match="one.npz is damaged: None bytes"):
        open_folder(store, "things/x", home / "cache")
    with pytest.raises(NotFound):
        open_folder(elsewhere, "things/x", home / "cache")
    assert not (home / "cache" / "things").exists()
    assert not list((home / "cache" / ".tmp").iterdir())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"schema_version": 1, "files": {"../../evil": {"size": 1, "sha256": "x"}}}',
        b'{"schema_version": 1, "files": {"/etc/evil": {"size": 1, "sha256": "x"}}}',
    ],
)
def test_a_list_of_files_cannot_lead_outside(store: LocalStore, home: Path, data: bytes) -> None:
    store.put("things/x/contents.json", data)
    with pytest.raises(StoreError, match=r"things/x/contents\.json in .* is damaged"):
        open_folder(Elsewhere(store), "things/x", home / "cache")


def test_one_file_is_fetched_once_and_checked(store: LocalStore, home: Path) -> None:
    store.put("a/rows", b"rows")
    (home / "rows").write_bytes(b"rows")
    file = file_of(home / "rows")
    assert open_file(store, "a/rows", file, home / "cache") == store.root / "a" / "rows"
    with pytest.raises(StoreError, match="rows is damaged: 4 bytes, not 5"):
        open_file(store, "a/rows", File(size=5, sha256=file.sha256), home / "cache")
    elsewhere = Elsewhere(store)
    for _ in range(2):
        path = open_file(elsewhere, "a/rows", file, home / "cache")
        assert path.read_bytes() == b"rows"
    assert elsewhere.fetched == ["a/rows"]
    wrong = File(size=4, sha256="0" * 64)
    with pytest.raises(StoreError, match="its hash is wrong"):
        open_file(elsewhere, "a/rows", wrong, home / "cache")
    for one in (store, elsewhere):
        with pytest.raises(NotFound, match="a/gone"):
            open_file(one, "a/gone", wrong, home / "cache")
    assert not list((home / "cache" / ".tmp").iterdir())
