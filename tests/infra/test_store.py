"""What does not depend on the kind of store: addresses and lost answers."""

from pathlib import Path

import pytest
from contracts.publications import Wrapped, lose

from restock.infra.local_store import LocalStore
from restock.infra.store import MAX_KEY_LENGTH, Conflict, Unavailable, check_key, open_store, swap

pytestmark = pytest.mark.unit


@pytest.fixture
def store(home: Path) -> LocalStore:
    return LocalStore(home / "store")


def test_good_keys_stay_as_they_are() -> None:
    for key in ("a", "a/b.json", "publications/GB/2011-12-10=x+y/_tmp", "x" * MAX_KEY_LENGTH):
        assert check_key(key) == key


def test_the_store_of_the_settings_is_the_default(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_store().uri == (home / ".restock" / "store").as_uri()
    monkeypatch.setenv("RESTOCK_STORAGE", "somewhere else")
    assert open_store().uri == (home / "somewhere else").as_uri()
    assert open_store("third").uri == (home / "third").as_uri()


@pytest.mark.parametrize("address", ["s3://bucket", "ftp://host/x", "abfss://box@acme"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is no store: use a folder, azure://"):
        open_store(address)


@pytest.mark.parametrize("lost", ["before", "after"])
@pytest.mark.parametrize("there", [None, b"old"])
def test_a_lost_answer_is_settled(store: LocalStore, lost: str, there: bytes | None) -> None:
    etag = None if there is None else store.put("key", there)
    new = swap(Wrapped(store, "key", **{lost: lose(1)}), "key", b"ours", etag)
    assert (store.get("key").data, store.get("key").etag) == (b"ours", new)


def test_a_write_that_never_happened_is_tried_again_but_not_for_ever(store: LocalStore) -> None:
    swap(Wrapped(store, "key", before=lose(2)), "key", b"ours", None)
    with pytest.raises(Unavailable):
        swap(Wrapped(store, "other", before=lose(3)), "other", b"ours", None)
    assert [entry.key for entry in store.list()] == ["key"]


def test_a_lost_answer_does_not_hide_that_another_was_first(store: LocalStore) -> None:
    etag = store.put("key", b"old")
    fail = lose(1)

    def overtaken() -> None:
        if store.get("key").data == b"old":
            store.put("key", b"theirs")
        fail()

    with pytest.raises(Conflict, match="key was changed by another process"):
        swap(Wrapped(store, "key", before=overtaken), "key", b"ours", etag)
    assert store.get("key").data == b"theirs"
