"""Fitted models in the store: the same fit is stored once."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.publications import interactions

from restock.infra.local_store import LocalStore
from restock.infra.model_store import CARD, ModelRef, open_model, put_model
from restock.infra.store import NotFound, StoreError
from restock.models import create

pytestmark = pytest.mark.unit


@pytest.fixture
def store(home: Path) -> LocalStore:
    return LocalStore(home / "store")


def card(store: LocalStore, ref: ModelRef) -> dict[str, Any]:
    """What lies beside a model."""
    found: dict[str, Any] = json.loads(store.get(f"{ref.key}/{CARD}").data)
    return found


def test_an_opened_model_gives_the_same_lists(store: LocalStore) -> None:
    data = interactions()
    for name in ("popular", "reorder", "sar"):
        model = create(name).fit(data)
        ref = put_model(store, model, {"plan": name})
        again = open_model(ModelRef.model_validate_json(ref.model_dump_json()))
        assert type(again) is type(model)
        lists, ours = again.recommend(data.customers, 3), model.recommend(data.customers, 3)
        np.testing.assert_array_equal(lists.items, ours.items)
        np.testing.assert_array_equal(lists.scores, ours.scores)
        assert card(store, ref) == {"plan": name}


def test_the_same_fit_is_stored_once_with_its_first_card(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = put_model(store, create("reorder").fit(interactions()), {"night": 1})
    before = [(entry.key, entry.modified) for entry in store.list()]
    monkeypatch.setattr(time, "time", lambda: 2e9)  # a zip file may hold the time of writing
    assert put_model(store, create("reorder").fit(interactions()), {"night": 2}) == first
    assert [(entry.key, entry.modified) for entry in store.list()] == before
    assert card(store, first) == {"night": 1}


def test_another_fit_has_another_name(store: LocalStore) -> None:
    refs = [
        put_model(store, create("reorder").fit(interactions()), {}),
        put_model(store, create("reorder", half_life_days=7).fit(interactions()), {}),
        put_model(store, create("reorder").fit(interactions(seed=1)), {}),
        put_model(store, create("popular").fit(interactions()), {}),
    ]
    assert len({ref.hash for ref in refs}) == 4


def test_a_card_is_plain_json(store: LocalStore) -> None:
    model = create("reorder").fit(interactions())
    for card in ({"figure": float("nan")}, {"figure": object()}):
        with pytest.raises((TypeError, ValueError)):
            put_model(store, model, card)
    assert list(store.list()) == []


def test_a_model_that_is_missing_or_damaged_says_so(store: LocalStore) -> None:
    with pytest.raises(NotFound, match="models/0000"):
        open_model(ModelRef(store=store.uri, hash="0" * 64))
    ref = put_model(store, create("reorder").fit(interactions()), {})
    store.put(f"{ref.key}/model.npz", b"PK")
    with pytest.raises(StoreError, match="model.npz is damaged"):
        open_model(ref)
