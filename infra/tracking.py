"""MLflow at the fan-in: the flow's own process writes a job, or leaves it in the store.

A tracking server that is away costs a job seconds, never its result: the record then waits
under ``spool/tracking`` in the store, and the next job writes it first.
"""

import datetime as dt
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from restock.infra.mlflow_writer import OutOfTime, Writer
from restock.infra.settings import Settings
from restock.infra.store import Conflict, NotFound, Store, open_store
from restock.infra.tracking_records import JobRecord, TrackedJob

if TYPE_CHECKING:
    from restock.infra.deciding import Decided
    from restock.infra.night import Night

FOLDER = "spool/tracking"
SECONDS = 120.0
_CLAIM = dt.timedelta(minutes=15)
# MLflow's own limits add up to some four minutes for each call, and it prints every run.
_LIMITS = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}

_one_at_a_time = threading.RLock()  # the database may still be created in the background

logger = logging.getLogger(__name__)


class Tracked(NamedTuple):
    """run_id: the job's run, None where it was spooled; caught_up: older jobs written."""

    run_id: str | None
    caught_up: int


def prepare(settings: Settings) -> None:
    """Create the tracking database or reach the server, ahead of the fan-in.

    An error is only logged: it will show when the job is written, and be handled there.
    """
    try:
        with _one_at_a_time, _bounded(settings):
            Writer(settings).experiment()
    except Exception as error:
        logger.warning("MLflow at %s is not ready: %s", settings.tracking_uri, _short(error))


def track_night(night: "Night", decided: "Decided", settings: Settings) -> Tracked:
    """Write a night of retraining, or spool it."""
    from restock.infra.tracking_night import night_record

    return track(night_record(night, decided), settings)


def track(
    record: JobRecord,
    settings: Settings,
    store: Store | None = None,
    *,
    seconds: float = SECONDS,
) -> Tracked:
    """Write a record and everything that waits, oldest first; spool what could not be written.

    seconds: most that MLflow may take for all of it. Does not raise for MLflow's sake.
    """
    store = store or open_store(settings=settings)
    key = spool(store, record)  # first: a crash from here on loses nothing
    deadline = time.monotonic() + seconds
    run_ids = _write_waiting(store, settings, deadline)
    run_id = run_ids.pop(key, None)
    return Tracked(run_id, len(run_ids))


def catch_up(settings: Settings, store: Store | None = None, *, seconds: float = SECONDS) -> int:
    """Write what waits in the store; returns how many records were written."""
    store = store or open_store(settings=settings)
    return len(_write_waiting(store, settings, time.monotonic() + seconds))


def point_champion(settings: Settings, market: str, publication: str) -> bool:
    """Let the alias follow a rollback. False, and a warning, where MLflow cannot do it now.

    The store is the truth: the next night sets the alias again.
    """
    try:
        with _bounded(settings):
            return Writer(settings).point_champion(market, publication)
    except Exception as error:
        logger.warning("the alias of %s does not follow the rollback: %s", market, _short(error))
        return False


def spool(store: Store, record: JobRecord) -> str:
    """Leave a record in the store, for this job or the next one to write; its key.

    The same job again replaces its own record.
    """
    # keys sort by time
    key = f"{FOLDER}/{record.made:%Y%m%dT%H%M%S}-{record.run_token}.json"
    for entry in store.list(FOLDER):
        if entry.key.endswith(f"-{record.run_token}.json") and entry.key != key:
            store.delete(entry.key)
    store.put(key, record.model_dump_json().encode())
    return key


def _write_waiting(store: Store, settings: Settings, deadline: float) -> dict[str, str]:
    """Write records, oldest first, while MLflow answers; returns the run of each written one.

    A record that fails for a reason of its own does not hold up the newer ones.
    """
    written: dict[str, str] = {}
    with _one_at_a_time, _bounded(settings):
        for entry in store.list(FOLDER):
            if not entry.key.endswith(".json") or not (record := _claim(store, entry.key)):
                continue
            try:
                written[entry.key] = Writer(settings, deadline).write(record)
            except Exception as error:
                logger.warning("MLflow at %s: %s", settings.tracking_uri, _short(error))
                logger.debug("tracking failed", exc_info=True)
                store.delete(f"{entry.key}.claim")
                if isinstance(error, OutOfTime) or not _answers(settings, deadline):
                    break
                continue
            store.delete(entry.key)
            store.delete(f"{entry.key}.claim")
    if waiting := [one.key for one in store.list(FOLDER) if one.key.endswith(".json")]:
        logger.warning("tracking waits in the store: %s", ", ".join(waiting))
    return written


def _answers(settings: Settings, deadline: float) -> bool:
    """Whether MLflow is there, and there is time to ask it."""
    if time.monotonic() > deadline:
        return False
    try:
        Writer(settings).experiment()
    except Exception as error:
        logger.debug("MLflow at %s: %s", settings.tracking_uri, _short(error))
        return False
    return True


def _claim(store: Store, key: str) -> JobRecord | None:
    """Take a record, unless another process is at it: it would be written twice."""
    now = dt.datetime.now(dt.UTC)
    claim = f"{key}.claim"
    try:
        before = store.get(claim)
    except NotFound:
        etag = None
    else:
        if dt.datetime.fromisoformat(before.data.decode()) > now - _CLAIM:
            return None
        etag = before.etag
    try:
        store.compare_and_swap(claim, now.isoformat().encode(), etag)
        return TrackedJob.validate_json(store.get(key).data)
    except Conflict:
        return None
    except NotFound:  # written meanwhile
        store.delete(claim)
        return None
    except ValidationError as error:
        logger.error("%s is no tracking record and is left where it is: %s", key, _short(error))
        store.delete(claim)
        return None


@contextmanager
def _bounded(settings: Settings) -> Iterator[None]:
    """MLflow reads its limits and keys from the environment, at each call."""
    known = {k: v for k, v in settings.environment().items() if k.startswith("MLFLOW_")}
    wanted = {**{k: v for k, v in _LIMITS.items() if k not in os.environ}, **known}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:300]
