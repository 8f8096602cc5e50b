"""Experiments in the store: what was declared, who is in which arm, and what came of it.

``experiments/<name>/``: ``experiment.json``, ``assignment.parquet``, ``analyses/<day>.json`` and
``report.html``; ``experiments/layer=<layer>.json`` says which slots are taken.
"""

import datetime as dt
import io
import re
import uuid
from typing import TypeVar

import pandas as pd
from pydantic import BaseModel, ValidationError

from restock.evaluation.experiments.layers import Claim, place
from restock.evaluation.experiments.record import Experiment
from restock.evaluation.link.entry import NAME_PATTERN
from restock.infra.records import Record
from restock.infra.store import Conflict, NotFound, Store, StoreError, swap

FOLDER = "experiments"
_ATTEMPTS = 10
T = TypeVar("T", bound=BaseModel)


class NoExperiment(ValueError):
    """There is no experiment of this name, or it is in another state; the message says which."""


class Layer(Record):
    """Who has which slots of a layer. swap: unlike that of any other write."""

    layer: str
    claims: tuple[Claim, ...] = ()
    swap: str = ""


def key_of(name: str, file: str) -> str:
    """The key of something of an experiment. NoExperiment for what cannot be a name."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise NoExperiment(
            f"{name!r} is no name of an experiment: up to 60 of a-z, 0-9 and -, a letter first"
        )
    return f"{FOLDER}/{name}/{file}"


def put_draft(store: Store, experiment: Experiment) -> str:
    """Save a draft, over an earlier draft; returns its key. NoExperiment once it is assigned."""
    key = key_of(experiment.name, "experiment.json")
    try:
        found = store.get(key)
    except NotFound:
        store.compare_and_swap(key, _bytes(experiment), None)
        return key
    if _read(Experiment, found.data, key).start is not None:
        raise NoExperiment(
            f"{experiment.name} is assigned already, and what was declared cannot change any more: "
            "give the new one another name"
        )
    store.compare_and_swap(key, _bytes(experiment), found.etag)
    return key


def read_experiment(store: Store, name: str) -> Experiment:
    """What was declared. NoExperiment names those that there are."""
    key = key_of(name, "experiment.json")
    try:
        return _read(Experiment, store.get(key).data, f"{key} in {store.uri}")
    except NotFound:
        known = ", ".join(one.name for one in read_experiments(store)) or "none yet"
        raise NoExperiment(
            f"there is no experiment {name} in {store.uri} (there are: {known}); design it with "
            f"restock experiment design {name} --markets … --arms …"
        ) from None


def read_experiments(store: Store) -> list[Experiment]:
    """All of them: by start, drafts last."""
    keys = [one.key for one in store.list(FOLDER) if one.key.endswith("/experiment.json")]
    found = [_read(Experiment, store.get(key).data, f"{key} in {store.uri}") for key in keys]
    return sorted(found, key=lambda one: (one.start or dt.date.max, one.name))


def take_slots(
    store: Store, experiment: Experiment, start: dt.date, end: dt.date, width: int
) -> Claim:
    """Claim slots of its layer, so that of two who claim at once the second takes others.

    A claim that it has already is given back. NoSlots or ValueError as ``layers.place``.
    """
    key = f"{FOLDER}/layer={experiment.layer}.json"
    for _ in range(_ATTEMPTS):
        try:
            found = store.get(key)
            layer, etag = Layer.parse(found.data, f"{key} in {store.uri}"), found.etag
        except NotFound:
            layer, etag = Layer(layer=experiment.layer), None
        claim = place(layer.claims, experiment.name, start, end, width)
        if claim in layer.claims:
            return claim
        after = layer.model_copy(
            update={"claims": (*layer.claims, claim), "swap": uuid.uuid4().hex}
        )
        try:
            swap(store, key, after.bytes(), etag)
            return claim
        except Conflict:
            continue
    raise Conflict(f"{key} keeps changing: {_ATTEMPTS} attempts to take slots failed")


def free_slots(store: Store, layer: str, claim: Claim) -> None:
    """Give slots back, of an experiment that could not be assigned."""
    key = f"{FOLDER}/layer={layer}.json"
    for _ in range(_ATTEMPTS):
        found = store.get(key)
        now = Layer.parse(found.data, f"{key} in {store.uri}")
        left = tuple(one for one in now.claims if one != claim)
        after = now.model_copy(update={"claims": left, "swap": uuid.uuid4().hex})
        try:
            swap(store, key, after.bytes(), found.etag)
            return
        except Conflict:
            continue
    raise Conflict(f"{key} keeps changing: {_ATTEMPTS} attempts to free slots failed")


def fix(store: Store, experiment: Experiment, assignment: pd.DataFrame) -> None:
    """Write who is in which arm, then the experiment with its days and slots.

    NoExperiment when somebody fixed it otherwise meanwhile.
    """
    key = key_of(experiment.name, "experiment.json")
    found = store.get(key)
    now = _read(Experiment, found.data, key)
    if now.start is not None and now != experiment:
        raise NoExperiment(f"{experiment.name} was assigned meanwhile, from {now.start}: see list")
    buffer = io.BytesIO()
    assignment.to_parquet(buffer, index=False, compression="zstd")
    table = key_of(experiment.name, "assignment.parquet")
    try:
        store.compare_and_swap(table, buffer.getvalue(), None)
    except Conflict:
        if not read_assignment(store, experiment.name).equals(assignment):
            raise NoExperiment(
                f"customers were assigned to {experiment.name} already, and they are others than "
                "these: assign it from the same orders and tables, or give it another name"
            ) from None
    if now != experiment:
        swap(store, key, _bytes(experiment), found.etag)


def read_assignment(store: Store, name: str) -> pd.DataFrame:
    """Columns customer_id, market, arm [, cluster]. NoExperiment while nobody is assigned."""
    try:
        data = store.get(key_of(name, "assignment.parquet")).data
    except NotFound:
        raise NoExperiment(
            f"nobody is assigned to {name} yet: restock experiment assign {name} --start DAY"
        ) from None
    return pd.read_parquet(io.BytesIO(data))


def _bytes(experiment: Experiment) -> bytes:
    return experiment.model_dump_json(indent=1).encode()


def _read(model: type[T], data: bytes, where: str) -> T:
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        about = error.errors()[0]
        place_ = ".".join(str(part) for part in about["loc"])
        raise StoreError(f"{where} is no experiment: {place_}: {about['msg']}") from error
