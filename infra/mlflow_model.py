"""Recommenders as MLflow models: logged, loaded and served without pickle or stored code.

A pyfunc of this module's loader: MLflow keeps what ``save`` wrote, or where in the store it
is, and the name of this module. ``restock`` must be installed where the model is loaded.
"""

import datetime as dt
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict

from restock.dataset import Interactions
from restock.dataset import columns as c
from restock.infra.model_card import INTENDED_USE, ModelCard
from restock.infra.model_store import ModelRef, open_model
from restock.infra.served_model import DEFAULTS, ServedModel
from restock.infra.snapshots import SnapshotRef, open_snapshot
from restock.models import Recommender

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.models.model import ModelInfo

FOLDER = "recommender"
CARD, PAGE = "card.json", "card.md"
REFERENCE = "reference.json"
_LOADER = "restock.infra.mlflow_model"


def log_recommender(
    model: Recommender[Any],
    interactions: Interactions,
    *,
    name: str = "recommender",
    metrics: Mapping[str, float] | None = None,
    intended_use: str = INTENDED_USE,
    registered_model_name: str | None = None,
    requirements: Sequence[str] | None = None,
) -> "ModelInfo":
    """Log a fitted model to the active run of MLflow, or to none.

    interactions: what it was fitted on, ValueError on others; MLflow keeps their ids, not their
    lines. name: of the logged model. metrics, intended_use: for its card.
    registered_model_name: registers a version too. requirements: what a service that builds an
    environment for the model lets pip install, restock among it; by default restock and mlflow in
    the versions that are here, which a service without your package index does not find.
    ``mlflow.pyfunc.load_model(info.model_uri).predict(frame)`` answers by ids.
    """
    import mlflow.pyfunc

    with tempfile.TemporaryDirectory(prefix="restock-") as scratch:
        about = _write(model, interactions, Path(scratch, FOLDER), metrics, intended_use)
        if requirements is not None:
            about["pip_requirements"] = list(requirements)
        return mlflow.pyfunc.log_model(
            name=name, registered_model_name=registered_model_name, **about
        )


def save_recommender(
    model: Recommender[Any],
    interactions: Interactions,
    folder: Path,
    *,
    metrics: Mapping[str, float] | None = None,
    intended_use: str = INTENDED_USE,
) -> None:
    """Write what ``log_recommender`` logs into a new folder, for ``mlflow models serve -m``."""
    import mlflow.pyfunc

    with tempfile.TemporaryDirectory(prefix="restock-") as scratch:
        about = _write(model, interactions, Path(scratch, FOLDER), metrics, intended_use)
        mlflow.pyfunc.save_model(path=str(folder), **about)


def _write(
    model: Recommender[Any],
    interactions: Interactions,
    folder: Path,
    metrics: Mapping[str, float] | None,
    intended_use: str,
) -> dict[str, Any]:
    """Write the model's files, and return the arguments that MLflow wants with them."""
    catalogue, first = interactions.catalogue, interactions.customers[:1]
    card = ModelCard.of(model, interactions, metrics, intended_use)
    ServedModel(model, catalogue).save(folder)
    (folder / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")
    (folder / PAGE).write_text(card.markdown(), encoding="utf-8")
    example = {
        c.CUSTOMER: catalogue.customer_ids(first),
        c.MARKET: [catalogue.markets[code] for code in catalogue.customer_market[first]],
    }
    return {
        "loader_module": _LOADER,
        "data_path": str(folder),
        "signature": signature(),
        "input_example": (pd.DataFrame(example), DEFAULTS),
        # said, not inferred: MLflow would load the model in another process to find out
        "pip_requirements": _requirements(),
        "metadata": {"restock": card.model_dump(mode="json", include={"name", "as_of"})},
    }


def signature() -> "ModelSignature":
    """What a request holds and an answer: the same for every model."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    return ModelSignature(
        inputs=Schema([ColSpec("string", c.CUSTOMER), ColSpec("string", c.MARKET, required=False)]),
        outputs=Schema(
            [
                ColSpec("string", c.CUSTOMER),
                ColSpec("integer", "rank"),
                ColSpec("string", c.ITEM),
                ColSpec("string", c.ITEM_NAME, required=False),
                ColSpec("float", "score"),
                ColSpec("boolean", "fallback"),
            ]
        ),
        params=ParamSchema(
            [
                ParamSpec("k", "long", DEFAULTS["k"]),
                ParamSpec("history", "string", DEFAULTS["history"]),
            ]
        ),
    )


def _requirements() -> list[str]:
    import mlflow

    return [f"restock=={version('restock')}", f"mlflow=={mlflow.__version__}"]


class StoredModel(BaseModel):
    """Where a model and the catalogue of its codes are in our store. A JSON value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelRef
    snapshot: SnapshotRef

    def open(self) -> ServedModel:
        """With the settings of this process. NotFound when the store has it no more."""
        return ServedModel(open_model(self.model), open_snapshot(self.snapshot).catalogue)


def reference_files(stored: StoredModel, made: dt.datetime) -> dict[str, str]:
    """The files of an MLflow model that holds nothing but where the stored one is, by name.

    made: when it was first recorded, so that the same night again writes the same.
    """
    from mlflow import pyfunc
    from mlflow.models import Model

    about = Model(
        signature=signature(),
        utc_time_created=made.isoformat(sep=" "),
        model_uuid=stored.model.hash[:32],
    )
    pyfunc.add_to_model(about, loader_module=_LOADER, data=REFERENCE)
    return {"MLmodel": about.to_yaml(), REFERENCE: stored.model_dump_json(indent=1)}


def _load_pyfunc(path: str) -> ServedModel:
    """Called by MLflow, by this name, with the data of the model: its folder or a reference."""
    data = Path(path)
    if data.is_dir():
        return ServedModel.open(data)
    return StoredModel.model_validate_json(data.read_text("utf-8")).open()
