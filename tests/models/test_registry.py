"""Names: what can be created, what is near, what is missing here."""

import json
from pathlib import Path

import pytest
from contracts.orders import Orders, many

from restock.models import available, create, load, registry
from restock.models.sar import Sar

pytestmark = pytest.mark.unit

NAMES = {
    *("popular", "reorder", "item_knn", "sar", "tifu_knn", "up_cf", "ease", "als"),
    *("wide_deep", "gru", "lstm", "rerank", "blend", "cascade", "switch", "market_prior"),
}
"""What notebooks, plans and publications may name: a name that goes is a breaking change."""


def test_every_name_is_that_of_its_class() -> None:
    for name in registry.MODELS:
        assert registry.model_class(name).name == name
    assert set(available()) == NAMES


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="no model 're-order'; did you mean 'reorder'"):
        create("re-order")
    with pytest.raises(ValueError, match=f"known: {', '.join(sorted(NAMES))}"):
        create("zzzzzz")


def test_parameters_reach_the_config() -> None:
    config = create("sar", half_life_days=90, similarity="lift").config
    assert (config.half_life_days, config.similarity, config.threshold) == (90, "lift", 1)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("sar", {"half_life_days": 0.5}),
        ("sar", {"half_life_days": float("nan")}),
        ("sar", {"half_life_days": float("inf")}),
        ("sar", {"similarity": "euclid"}),
        ("sar", {"threshold": 1.5}),
        ("item_knn", {"neighbours": 0}),
        ("item_knn", {"b": 1.1}),
        ("reorder", {"popularity": -1}),
        ("popular", {"half_life_days": None}),
        ("popular", {"name": "popular"}),
    ],
)
def test_a_value_out_of_bounds_is_refused(name: str, config: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(config))):
        create(name, **config)


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        create("sar").config.threshold = 3


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sar, "extras", {"no_such_module": "spark", "json": "torch"})
    assert available()["sar"] == "needs pip install 'restock[spark]'"
    assert available()["reorder"] == "ready"
    with pytest.raises(ImportError, match=r"sar needs more: pip install 'restock\[spark\]'"):
        create("sar").fit(many())


def test_a_model_says_what_it_is() -> None:
    assert repr(create("reorder")) == "<reorder not fitted>"
    model = create("reorder", half_life_days=90).fit(many())
    assert repr(model) == "<reorder half_life_days=90.0, fitted>"


def test_a_frame_is_refused_with_the_way_to_interactions() -> None:
    frame = Orders(((0, 0, 0, 1),)).frame()
    with pytest.raises(TypeError, match=r"not DataFrame; Interactions\.from_frame\(frame\)"):
        create("reorder").fit(frame)


def test_a_folder_may_be_text_and_one_without_a_model_is_named(tmp_path: Path) -> None:
    folder = str(tmp_path / "model")
    create("reorder").fit(many()).save(folder)
    assert load(folder).name == "reorder"
    assert registry.model_class("reorder").load(folder).name == "reorder"
    with pytest.raises(FileNotFoundError, match=r"no model in nope: expected .*model\.json"):
        load("nope")


def test_loading_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    create("reorder").fit(many()).save(tmp_path)
    about = json.loads((tmp_path / "model.json").read_text())

    def write(**other: object) -> None:
        (tmp_path / "model.json").write_text(json.dumps(about | other))

    write(name="unknown")
    with pytest.raises(ValueError, match="no model 'unknown'"):
        load(tmp_path)
    write(schema_version=99)
    with pytest.raises(ValueError, match="schema 99"):
        load(tmp_path)
    write(name="sar", config={})
    with pytest.raises(KeyError):
        load(tmp_path)
    write()
    with pytest.raises(ValueError, match=r"holds reorder of schema 1.*restock\.models\.load"):
        Sar.load(tmp_path)
