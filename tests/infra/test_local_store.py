"""The store in a local folder."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from contracts.store import StoreContract

from restock.infra.local_store import ABANDONED_SECONDS, LocalStore
from restock.infra.store import Conflict, open_store

pytestmark = pytest.mark.unit


@pytest.fixture
def store(home: Path) -> LocalStore:
    return LocalStore(home / "the store")


class TestLocalStore(StoreContract):
    pass


def test_its_address_opens_it_again(store: LocalStore, home: Path) -> None:
    store.put("key", b"1")
    assert store.uri.startswith("file:///")
    for address in (store.uri, str(store.root), "the store"):
        again = open_store(address)
        assert again.uri == store.uri
        assert again.get("key").data == b"1"


def test_a_key_cannot_be_the_folder_of_another(store: LocalStore, tmp_path: Path) -> None:
    store.put("a/b", b"1")
    with pytest.raises(ValueError, match="folder of other"):
        store.put("a", b"2")
    with pytest.raises(ValueError, match="cannot be a folder"):
        store.put("a/b/c", b"2")
    with pytest.raises(ValueError, match="folder of other"):
        store.compare_and_swap("a", b"2", None)
    assert [entry.key for entry in store.list()] == ["a/b"]


def test_nothing_but_objects_stays_behind(store: LocalStore) -> None:
    etag = store.put("a/b/c", b"1")
    with pytest.raises(Conflict):
        store.compare_and_swap("a/b/c", b"2", "other")
    store.compare_and_swap("a/b/c", b"2", etag)
    store.delete("a/b/c")
    assert sorted(path.name for path in store.root.iterdir()) == [".locks", ".tmp"]
    assert not list((store.root / ".tmp").iterdir())


def test_what_killed_writers_left_is_swept(store: LocalStore) -> None:
    store.put("key", b"1")
    old, young = store.root / ".tmp" / "old", store.root / ".tmp" / "young"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    then = time.time() - ABANDONED_SECONDS - 1
    os.utime(old, (then, then))
    store.put("key", b"2")
    assert not old.exists()
    assert young.exists()


def test_of_threads_that_swap_at_once_exactly_one_wins(store: LocalStore) -> None:
    runners, rounds, won = 4, 25, []
    barrier = threading.Barrier(runners)
    store.put("key", b"start")

    def race(me: int) -> None:
        for number in range(rounds):
            etag = store.get("key").etag
            barrier.wait()
            try:
                store.compare_and_swap("key", f"{number} {me}".encode(), etag)
                won.append(number)
            except Conflict:
                pass
            barrier.wait()

    threads = [threading.Thread(target=race, args=(me,)) for me in range(runners)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(rounds))


def test_writers_and_deleters_of_one_folder_do_not_disturb_each_other(store: LocalStore) -> None:
    failed = []

    def churn(name: str) -> None:
        try:
            for _ in range(200):
                store.put(f"a/b/{name}", b"1")
                store.delete(f"a/b/{name}")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=churn, args=(name,)) for name in "wxyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_folder_that_vanishes_while_it_is_made_is_made_again(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir, lost = Path.mkdir, [FileExistsError(), FileNotFoundError()]

    def vanish(path: Path, *given: object, **options: object) -> None:
        if path.name == "b" and lost:
            raise lost.pop()
        mkdir(path, *given, **options)

    monkeypatch.setattr(Path, "mkdir", vanish)
    store.put("a/b/c", b"1")
    assert store.get("a/b/c").data == b"1"
    assert not lost


WRITER = """
import sys
from pathlib import Path
from restock.infra.local_store import LocalStore
store = LocalStore(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    for letter in (b"a", b"b"):
        store.put("key", letter * 20_000_000)
"""


@pytest.mark.thorough
@pytest.mark.platform
def test_a_writer_that_is_killed_leaves_the_old_or_the_new_object(store: LocalStore) -> None:
    store.put("key", b"c" * 20_000_000)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store.root)], stdout=subprocess.PIPE
    )
    assert writer.stdout.readline() == b"ready\n"
    for after in range(0, 30, 3):
        while not list((store.root / ".tmp").iterdir()):
            time.sleep(0.0005)
        time.sleep(after / 1000)
        writer.send_signal(signal.SIGSTOP)  # as if it were killed here
        data = store.get("key").data
        assert len(data) == 20_000_000
        assert data.count(data[:1]) == len(data)
        writer.send_signal(signal.SIGCONT)
    writer.kill()
    writer.wait()
    store.put("key", b"d")
    assert store.get("key").data == b"d"
