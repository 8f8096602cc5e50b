"""The names of the models: one line each. Adding a model means adding its line."""

import difflib
import json
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from restock.models.base import Recommender
from restock.models.requirements import missing_extras

MODELS = {
    "popular": "restock.models.popular:Popular",
    "reorder": "restock.models.reorder:Reorder",
    "item_knn": "restock.models.item_knn:ItemKnn",
    "sar": "restock.models.sar:Sar",
    "tifu_knn": "restock.models.tifu_knn:TifuKnn",
    "up_cf": "restock.models.up_cf:UpCf",
    "ease": "restock.models.ease:Ease",
    "als": "restock.models.als:Als",
    "gru": "restock.models.gru:Gru",
    "lstm": "restock.models.lstm:Lstm",
    "wide_deep": "restock.models.wide_deep:WideDeep",
    "blend": "restock.models.blend:Blend",
    "rerank": "restock.models.rerank:Rerank",
    "cascade": "restock.models.cascade:Cascade",
    "switch": "restock.models.switch:Switch",
    "market_prior": "restock.models.market_prior:MarketPrior",
}


def model_class(name: str) -> type[Recommender[Any]]:
    """The class of a model; ValueError names the nearest known one."""
    if name not in MODELS:
        raise ValueError(f"there is no model {name!r}{hint(name, MODELS)}")
    module, _, attribute = MODELS[name].partition(":")
    found: type[Recommender[Any]] = getattr(import_module(module), attribute)
    return found


def create(name: str, /, **config: Any) -> Recommender[Any]:
    """A new model: ``create("sar", half_life_days=90)``.

    Raises ValueError for an unknown name or parameter (with the nearest known one) and for a
    value out of bounds.
    """
    found = model_class(name)
    fields = found.config_class.model_fields
    for parameter in config:
        if parameter not in fields:
            raise ValueError(f"{name} has no parameter {parameter!r}{hint(parameter, fields)}")
    return found(found.config_class(**config))


def available() -> dict[str, str]:
    """Every model → "ready", or what to install before it can run here."""
    return {name: _state_of(name) for name in MODELS}


def load(folder: Path | str) -> Recommender[Any]:
    """Read a model that ``save`` wrote, whatever its class. No stored code is run."""
    page = Path(folder) / "model.json"
    if not page.is_file():
        raise FileNotFoundError(
            f"there is no model in {folder}: expected a folder with model.json and model.npz, "
            "which model.save(folder) writes"
        )
    return model_class(json.loads(page.read_text())["name"]).load(folder)


def _state_of(name: str) -> str:
    missing = missing_extras(model_class(name).extras)
    return f"needs pip install 'restock[{','.join(missing)}]'" if missing else "ready"


def hint(name: str, known: Iterable[str]) -> str:
    """The nearest known name, or all of them, for the end of an error."""
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known))}"
