"""What every store must do. Inherit ``StoreContract`` and give it a ``store`` fixture."""

import datetime as dt
import os
import threading
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from restock.infra.store import Conflict, NotFound, Store, open_store

BAD_KEYS = [
    "",
    "/a",
    "a/",
    "a//b",
    "..",
    "a/../b",
    "a/.hidden",
    ".",
    "a b",
    "a\n",
    "a\x00b",
    "é",
    "a\\b",
    "C:",
    "a?b",
    "%2e%2e",
    "x" * 513,
]


class StoreContract:
    """Inherited by the tests of each store."""

    def test_what_was_put_is_what_one_gets(self, store: Store) -> None:
        for data in (b"", b"one", bytes(range(256)) * 99):
            etag = store.put("a/key.json", data)
            blob = store.get("a/key.json")
            assert (blob.data, blob.etag) == (data, etag)

    def test_what_is_missing_is_not_found(self, store: Store, tmp_path: Path) -> None:
        store.put("folder/key", b"1")
        for key in ("nothing", "folder", "folder/other", "folder/key/below"):
            with pytest.raises(NotFound, match=key):
                store.get(key)
            with pytest.raises(NotFound, match=key):
                store.get_file(key, tmp_path / "file")
            assert not (tmp_path / "file").exists()
            store.delete(key)
        assert store.get("folder/key").data == b"1"

    def test_listing_is_sorted_and_of_whole_folders(self, store: Store) -> None:
        assert list(store.list()) == list(store.list("a")) == []
        for key in ("b", "a/z/1", "a/b", "ab/c"):
            store.put(key, key.encode())
        assert [entry.key for entry in store.list()] == ["a/b", "a/z/1", "ab/c", "b"]
        assert [entry.key for entry in store.list("a")] == ["a/b", "a/z/1"]
        (entry,) = store.list("a/z")
        assert entry.size == 5
        age = dt.datetime.now(dt.UTC) - entry.modified
        assert abs(age) < dt.timedelta(hours=1)
        store.delete("a/z/1")
        assert [entry.key for entry in store.list("a")] == ["a/b"]

    def test_swap_needs_the_version_that_was_read(self, store: Store) -> None:
        with pytest.raises(Conflict):
            store.compare_and_swap("key", b"0", "some-etag")
        first = store.compare_and_swap("key", b"1", None)
        assert store.get("key").etag == first
        with pytest.raises(Conflict, match="key"):
            store.compare_and_swap("key", b"2", None)
        second = store.compare_and_swap("key", b"2", first)
        with pytest.raises(Conflict):
            store.compare_and_swap("key", b"3", first)
        assert (store.get("key").data, store.get("key").etag) == (b"2", second)
        third = store.put("key", b"4")
        with pytest.raises(Conflict):
            store.compare_and_swap("key", b"5", second)
        store.delete("key")
        with pytest.raises(Conflict):
            store.compare_and_swap("key", b"6", third)
        store.compare_and_swap("key", b"7", None)

    def test_files_travel_whole(self, store: Store, tmp_path: Path) -> None:
        source, target = tmp_path / "source", tmp_path / "new" / "target"
        for size in (19_000_001, 0):  # several blocks; and first, when no container is there yet
            source.write_bytes(os.urandom(size))
            store.put_file("a/file", source)
            store.get_file("a/file", target)
            assert target.read_bytes() == source.read_bytes()
            assert store.get("a/file").data == source.read_bytes()
        local = store.local("a/file")
        assert local is None or local.read_bytes() == source.read_bytes()

    def test_a_reader_sees_the_old_or_the_new_object_whole(self, store: Store) -> None:
        size, done = 3_000_000, threading.Event()
        store.put("key", b"a" * size)

        def write() -> None:
            try:
                for letter in (b"b", b"a") * 12:
                    store.put("key", letter * size)
            finally:
                done.set()

        writer = threading.Thread(target=write)
        writer.start()
        seen = set()
        while not done.is_set():
            data = store.get("key").data
            assert data in (b"a" * size, b"b" * size)
            seen.add(data[:1])
        writer.join()
        assert seen
        assert store.get("key").data == b"a" * size  # it wrote to its end

    @pytest.mark.parametrize("key", BAD_KEYS)
    def test_keys_that_are_none_are_refused(self, store: Store, key: str, tmp_path: Path) -> None:
        calls = [
            lambda: store.put(key, b""),
            lambda: store.get(key),
            lambda: store.delete(key),
            lambda: store.compare_and_swap(key, b"", None),
            lambda: store.put_file(key, Path(__file__)),
            lambda: store.get_file(key, tmp_path / "x"),
            lambda: store.local(key),
            *([lambda: store.list(key)] if key else []),
        ]
        for call in calls:
            with pytest.raises(ValueError, match="key"):
                call()
        assert list(store.list()) == []

    def test_it_behaves_as_a_dictionary(self, store: Store, tmp_path: Path) -> None:
        run_state_machine_as_test(
            lambda: _Machine(store, tmp_path),
            settings=settings(max_examples=25, stateful_step_count=25, deadline=None),
        )

    @pytest.mark.platform
    def test_of_processes_that_swap_at_once_exactly_one_wins(self, store: Store) -> None:
        store.put("race", b"start")
        rounds, runners = 25, 4
        context = get_context("spawn")
        barrier, wins = context.Barrier(runners), context.Queue()
        processes = [
            context.Process(target=_race, args=(store.uri, barrier, wins, rounds))
            for _ in range(runners)
        ]
        for process in processes:
            process.start()
        won = [name for _ in processes for name in wins.get(timeout=120)]
        for process in processes:
            process.join(timeout=60)
            assert process.exitcode == 0
        assert sorted(number for number, _ in won) == list(range(rounds))
        assert store.get("race").data == f"{rounds - 1} {won_by(won, rounds - 1)}".encode()


def won_by(won: list[tuple[int, int]], number: int) -> int:
    """The process that won a round."""
    return next(who for at, who in won if at == number)


def _race(uri: str, barrier: Barrier, wins: object, rounds: int) -> None:
    store, me, won = open_store(uri), os.getpid(), []
    for number in range(rounds):
        etag = store.get("race").etag
        barrier.wait(timeout=60)
        try:
            store.compare_and_swap("race", f"{number} {me}".encode(), etag)
            won.append((number, me))
        except Conflict:
            pass
        barrier.wait(timeout=60)
    wins.put(won)


KEYS = st.sampled_from(["a", "b/c", "b/d/e", "f/g"])
DATA = st.binary(max_size=8)


class _Machine(RuleBasedStateMachine):
    """Any sequence of calls has the outcome that it has on a dict of bytes."""

    runs = 0

    def __init__(self, store: Store, folder: Path) -> None:
        super().__init__()
        type(self).runs += 1
        self.store, self.folder = store, folder
        self.top = f"run{self.runs}"
        self.model: dict[str, bytes] = {}
        self.etags: dict[str, list[str]] = {}

    def _wrote(self, key: str, data: bytes, etag: str) -> None:
        self.model[key] = data
        self.etags.setdefault(key, []).append(etag)

    @rule(key=KEYS, data=DATA)
    def put(self, key: str, data: bytes) -> None:
        self._wrote(key, data, self.store.put(f"{self.top}/{key}", data))

    @rule(key=KEYS, data=DATA)
    def put_file(self, key: str, data: bytes) -> None:
        path = self.folder / "state"
        path.write_bytes(data)
        self.store.put_file(f"{self.top}/{key}", path)
        self._wrote(key, data, self.store.get(f"{self.top}/{key}").etag)

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        if key in self.model:
            blob = self.store.get(f"{self.top}/{key}")
            assert (blob.data, blob.etag) == (self.model[key], self.etags[key][-1])
        else:
            with pytest.raises(NotFound):
                self.store.get(f"{self.top}/{key}")

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.store.delete(f"{self.top}/{key}")
        self.model.pop(key, None)

    @rule(key=KEYS, data=DATA)
    def create(self, key: str, data: bytes) -> None:
        if key in self.model:
            with pytest.raises(Conflict):
                self.store.compare_and_swap(f"{self.top}/{key}", data, None)
        else:
            self._wrote(key, data, self.store.compare_and_swap(f"{self.top}/{key}", data, None))

    @precondition(lambda self: self.etags)
    @rule(choice=st.data(), data=DATA)
    def swap(self, choice: st.DataObject, data: bytes) -> None:
        key = choice.draw(st.sampled_from(sorted(self.etags)))
        etag = choice.draw(st.sampled_from(self.etags[key]))
        now = self.etags[key][-1] if key in self.model else None
        if etag == now:
            self._wrote(key, data, self.store.compare_and_swap(f"{self.top}/{key}", data, etag))
        else:
            with pytest.raises(Conflict):
                self.store.compare_and_swap(f"{self.top}/{key}", data, etag)

    @rule(folder=st.sampled_from(["", "/b", "/b/d", "/f"]))
    def list(self, folder: str) -> None:
        below = f"{self.top}{folder}/"
        found = {entry.key: entry.size for entry in self.store.list(f"{self.top}{folder}")}
        assert found == {
            f"{self.top}/{key}": len(data)
            for key, data in self.model.items()
            if f"{self.top}/{key}".startswith(below)
        }
