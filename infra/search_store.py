"""A search in the store: its brief, what came of every finished piece of work, kept trials.

``searches/<token>/run.json`` is written at the start, ``done/<batch>.json`` by the worker that
finished a batch, ``kept/<trial>.npz`` for trials whose scorecards and ballots are needed again.
All of it together says where a search was when it was killed.
"""

import datetime as dt
import hashlib
import io
import json
import logging
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from restock.infra import judgements
from restock.infra.ingestion import Ingested
from restock.infra.night import Because
from restock.infra.placement import Placements, Resource
from restock.infra.store import NotFound, Store
from restock.models import Candidate
from restock.tuning.brief import Brief
from restock.tuning.setting import Ballot, Kept
from restock.tuning.trials import Mix, Mixture, Outcome, Step, Trial

FOLDER = "searches"
WARM = f"{FOLDER}/warm.json"
REPORTS = "reports/search"
"""Where the record of a search is, ``<token>.json``, once it is finished."""

logger = logging.getLogger(__name__)

Work = Step | Mix
Came = tuple[Outcome, ...] | tuple[Mixture, ...]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class SearchRun(_Record):
    """A search that was started: all that is needed to go on with it. A JSON value.

    token: names it, for ``--resume`` too. placements: where families ran when it began. because:
    the alert that asked for it; None for a search that was simply due.
    """

    schema_version: Literal[1] = 1
    token: str
    ingested: Ingested
    brief: Brief
    placements: Placements
    because: Because | None = None

    @property
    def title(self) -> str:
        """For people."""
        return f"search before {self.ingested.as_of}"


class Done(_Record):
    """A piece of work that is finished, by the id of the work, and what it came to."""

    work: str
    outcomes: tuple[Outcome, ...] = ()
    mixtures: tuple[Mixture, ...] = ()

    @property
    def came(self) -> Came:
        """What the work came to."""
        return self.outcomes or self.mixtures


class Finished(_Record):
    """A batch of work that is finished.

    resource, worker: where it ran; worker is its name on the cluster, or the process.
    seconds: wall time. spent: seconds of the search's budget when it ended.
    """

    schema_version: Literal[1] = 1
    resource: Resource
    worker: str
    seconds: float
    spent: float
    done: tuple[Done, ...]


def work_id(work: Work) -> str:
    """Names a piece of work by its content: the same in every run of the same search."""
    kind = type(work).__name__
    return hashlib.sha256(f"{kind} {work.model_dump_json()}".encode()).hexdigest()[:24]


def batch_id(works: Iterable[str]) -> str:
    """Names a batch by the ids of its work."""
    return hashlib.sha256(" ".join(works).encode()).hexdigest()[:24]


# the run --------------------------------------------------------------------------------------
def put_run(store: Store, run: SearchRun) -> None:
    """Write what a search sets out to do."""
    store.put(f"{FOLDER}/{run.token}/run.json", run.model_dump_json().encode())


def get_run(store: Store, token: str) -> SearchRun:
    """Read it again; ValueError names the newest searches, first those that can go on."""
    try:
        return SearchRun.model_validate_json(store.get(f"{FOLDER}/{token}/run.json").data)
    except NotFound:
        known = [entry for entry in store.list(FOLDER) if entry.key.endswith("/run.json")]
        newest = sorted(known, key=lambda entry: entry.modified, reverse=True)
        names = [entry.key.split("/")[1] for entry in newest]
        ended = {entry.key for entry in store.list(REPORTS)}
        done = [name for name in names if f"{REPORTS}/{name}.json" in ended]
        open_ = [name for name in names if name not in done]
        raise ValueError(
            f"there is no search {token}; stopped before their end: {_some(open_)}; "
            f"finished: {_some(done)}"
        ) from None


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) or "none"


# the journal ----------------------------------------------------------------------------------
def put_finished(store: Store, token: str, batch: Finished) -> None:
    """Write what a batch came to. Twice the same batch is one object."""
    name = batch_id(one.work for one in batch.done)
    store.put(f"{FOLDER}/{token}/done/{name}.json", batch.model_dump_json().encode())


def get_finished(store: Store, token: str) -> list[Finished]:
    """Every batch that is finished, in the order in which they ended."""
    entries = store.list(f"{FOLDER}/{token}/done")
    found = [Finished.model_validate_json(store.get(entry.key).data) for entry in entries]
    return sorted(found, key=lambda one: one.spent)


# kept trials ----------------------------------------------------------------------------------
def put_kept(store: Store, token: str, trial: Trial, kept: Kept) -> str:
    """Write scorecards and ballots as npz (no pickle); the key follows from trial and folds."""
    folds = [(one.market, one.cutoff.isoformat()) for one in kept.judgements]
    digest = hashlib.sha256(f"{trial.model_dump_json()} {folds}".encode()).hexdigest()[:24]
    arrays = judgements.to_arrays(kept.judgements)
    about = []
    for at, ballot in enumerate(kept.ballots):
        about.append({"market": ballot.market, "cutoff": ballot.cutoff.isoformat()})
        arrays |= {f"ballot{at}.{part}": getattr(ballot, part) for part in _BALLOT}
    arrays["ballots"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    key = f"{FOLDER}/{token}/kept/{digest}.npz"
    store.put(key, buffer.getvalue())
    return key


_BALLOT = ("customer", "items", "scores")


def get_kept(store: Store, key: str) -> Kept:
    """Read what ``put_kept`` wrote."""
    with np.load(io.BytesIO(store.get(key).data), allow_pickle=False) as arrays:
        about: list[dict[str, Any]] = json.loads(arrays["ballots"].tobytes())
        ballots = [
            Ballot(
                market=one["market"],
                cutoff=dt.date.fromisoformat(one["cutoff"]),
                **{part: arrays[f"ballot{at}.{part}"] for part in _BALLOT},
            )
            for at, one in enumerate(about)
        ]
        return Kept(judgements=judgements.from_arrays(arrays), ballots=ballots)


def clear_kept(store: Store, token: str) -> None:
    """Remove what was kept of trials, once everything is decided."""
    for entry in store.list(f"{FOLDER}/{token}/kept"):
        store.delete(entry.key)


# from one search to the next ------------------------------------------------------------------
_WARM = TypeAdapter(dict[str, tuple[Candidate, ...]])


def put_warm(store: Store, best: dict[str, tuple[Candidate, ...]]) -> None:
    """Write what was best in each place: what the next search starts from."""
    store.put(WARM, _WARM.dump_json({**get_warm(store), **best}))


def get_warm(store: Store, places: Iterable[str] | None = None) -> dict[str, tuple[Candidate, ...]]:
    """What the last searches found best, by place (a market's code or ALL)."""
    try:
        found = _WARM.validate_json(store.get(WARM).data)
    except NotFound:
        return {}
    except ValidationError as error:  # a model or parameter that is no more
        logger.warning("what the last search found cannot be used: %s", error)
        return {}
    return found if places is None else {key: found[key] for key in places if key in found}
