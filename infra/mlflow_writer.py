"""Writes a job into MLflow: runs, batches of metrics, versions, aliases. Idempotent."""

import hashlib
import json
import math
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from restock.infra.mlflow_model import StoredModel, reference_files
from restock.infra.model_store import ModelRef
from restock.infra.settings import Settings
from restock.infra.snapshots import SnapshotRef
from restock.infra.tracking_records import JobRecord, NightRecord, PartRecord, VersionRecord

if TYPE_CHECKING:
    from mlflow.entities import Run

EXPERIMENT = "restock"
TOKEN, MARKET, IDENTITY, MADE = "run_token", "market", "identity", "made"
WHOLE = "content"
"""Tag of a run, written last: the digest of all that was written into it."""
_PARENT = "mlflow.parentRunId"
_BATCH, _METRICS = 99, 8 * 99  # MLflow takes 100 params, 100 tags and 1000 of all, WHOLE included
_LONGEST = 5000
_About = JobRecord | PartRecord


class _Place(NamedTuple):
    """Where a run of a job belongs."""

    experiment: str
    record: JobRecord
    tags: Mapping[str, str]


class OutOfTime(TimeoutError):
    """MLflow answers too slowly: what is written stays, the rest is written another time."""


def registered_name(market: str) -> str:
    """Name of a market's model in the registry."""
    return f"restock-{market}"


class Writer:
    """One connection to MLflow. deadline: ``time.monotonic()`` after which it gives up."""

    def __init__(self, settings: Settings, deadline: float = math.inf) -> None:
        from mlflow import MlflowClient

        self._settings = settings
        self._deadline = deadline
        self.client: MlflowClient = MlflowClient(settings.tracking_uri, settings.tracking_uri)

    def experiment(self) -> str:
        """Id of our experiment, made where it is missing."""
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            # A server knows itself where its artifacts belong; beside our own database it is us.
            own = not self._settings.mlflow.tracking_uri
            where = (self._settings.home / "mlartifacts").as_uri() if own else None
            try:
                return str(self.client.create_experiment(EXPERIMENT, artifact_location=where))
            except MlflowException:
                found = self.client.get_experiment_by_name(EXPERIMENT)
                if found is None:
                    raise
        return str(found.experiment_id)

    def write(self, record: JobRecord) -> str:
        """Write everything that is not there yet; returns the id of the parent run.

        Raises OutOfTime, or whatever MLflow raises; then the same call later goes on: what is
        whole already is left as it is, so that each call gets further.
        """
        experiment = self.experiment()
        known = self._runs_of(experiment, record.run_token)
        here = _Place(experiment, record, {TOKEN: record.run_token})
        parent = self._run(here, record.name, known[record.name], record)
        models = self._model_files(record) if isinstance(record, NightRecord) else {}
        self._fill(here, parent, record, {**record.files, **models})
        children = {}
        for part in record.parts:
            tags = {**here.tags, **part.labels, _PARENT: parent.info.run_id}
            there = here._replace(tags=tags)
            child = self._run(there, part.name, known[part.name], part)
            self._fill(there, child, part, part.files)
            self._end(child, part.failed, record)
            children[part.name] = child.info.run_id
        if isinstance(record, NightRecord):
            self._register(record, parent, children)
        self._end(parent, record.failed, record)
        return str(parent.info.run_id)

    def point_champion(self, market: str, identity: str) -> bool:
        """Move the alias back to a version that was registered before; False if unknown."""
        name = registered_name(market)
        found = self.client.search_model_versions(
            f"name = '{name}' and tags.{IDENTITY} = '{identity}'"
        )
        if found:
            self.client.set_registered_model_alias(name, "champion", found[0].version)
        return bool(found)

    def _runs_of(self, experiment: str, token: str) -> dict[str, list["Run"]]:
        """Runs of a job that are there already, by name, oldest first."""
        runs: dict[str, list[Run]] = defaultdict(list)
        page: str | None = None
        while True:
            found = self.client.search_runs(
                [experiment],
                f"tags.{TOKEN} = '{token}'",
                max_results=1000,
                order_by=["attributes.start_time", "attributes.run_id"],
                page_token=page,
            )
            for run in found:
                runs[str(run.info.run_name)].append(run)
            page = found.token
            if not page:
                return runs

    def _run(self, place: _Place, name: str, known: list["Run"], about: _About) -> "Run":
        """The run that is there, or a new one."""
        self._in_time()
        # A request that was lost on its way back and sent again made two of them; and what was
        # decided differently than before is another run, because params cannot be changed.
        keep = [run for run in known[:1] if run.data.params.items() <= about.params.items()]
        for run in known[len(keep) :]:
            self.client.delete_run(run.info.run_id)
        if keep:
            return keep[0]
        started = place.record.started_ms
        return self.client.create_run(place.experiment, started, dict(place.tags), name)

    def _fill(self, place: _Place, run: "Run", about: _About, files: Mapping[str, str]) -> None:
        """Params, metrics, tags and files. The times are the record's: twice is once."""
        from mlflow.entities import Metric, Param, RunTag

        whole = _digest(place, about, files)
        if run.data.tags.get(WHOLE) == whole:
            return
        run_id, at = run.info.run_id, place.record.ended_ms
        self._put_files(run_id, files)
        params = [Param(key, value[:_LONGEST]) for key, value in about.params.items()]
        tags = [
            RunTag(key, value[:_LONGEST]) for key, value in {**about.tags, **place.tags}.items()
        ]
        metrics = [Metric(key, value, at, 0) for key, value in about.metrics.items()]
        *most, last = _batches(metrics, params, tags)
        for some in most:
            self.client.log_batch(run_id, *some)
        self.client.log_batch(run_id, last[0], last[1], [*last[2], RunTag(WHOLE, whole)])

    def _put_files(self, run_id: str, files: Mapping[str, str]) -> None:
        if not files:
            return
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            self.client.log_artifacts(run_id, folder)

    def _end(self, run: "Run", failed: bool, record: JobRecord) -> None:
        status = "FAILED" if failed else "FINISHED"
        if (run.info.status, run.info.end_time) != (status, record.ended_ms):
            self.client.set_terminated(run.info.run_id, status, record.ended_ms)

    def _model_files(self, record: NightRecord) -> dict[str, str]:
        """One folder per model: many markets' versions may share it.

        A card, and for a model in the store what MLflow needs to load it from there.
        """
        files, store = {}, self._settings.storage
        for version in (version for market in record.markets for version in market.versions):
            folder = _model_folder(version)
            card = {"plan": version.plan, "model": version.model, **version.card}
            files[f"{folder}/card.json"] = json.dumps(card, indent=1)
            if version.model and version.snapshot:
                stored = StoredModel(
                    model=ModelRef(store=store, hash=version.model),
                    snapshot=SnapshotRef(store=store, hash=version.snapshot),
                )
                for name, text in reference_files(stored, record.made).items():
                    files[f"{folder}/{name}"] = text
        return files

    def _register(self, record: NightRecord, parent: "Run", children: Mapping[str, str]) -> None:
        wanted = [
            (market.market, version) for market in record.markets for version in market.versions
        ]
        if not wanted:
            return
        aliases = {
            model.name: model.aliases
            for model in _all_pages(self.client.search_registered_models, "name LIKE 'restock-%'")
        }
        # One question for all that earlier calls made of this record, so that this one gets
        # further; then one for each identity, which an earlier night may have registered.
        known, asked = self._versions(TOKEN, record.run_token), set[str]()
        for market, version in wanted:
            self._in_time()
            name, identity = registered_name(market), version.identity
            if (name, identity) not in known and identity not in asked:
                known |= self._versions(IDENTITY, identity)
                asked.add(identity)
            if name not in aliases:
                self.client.create_registered_model(
                    name, {MARKET: market}, f"What {market} is offered"
                )
                aliases[name] = {}
            number = known.get((name, identity)) or self._version(
                record, version, name, parent, children[market]
            )
            before = str(aliases[name].get(version.role, ""))
            if before != number and not (before and self._is_newer(name, before, record)):
                self.client.set_registered_model_alias(name, version.role, number)

    def _versions(self, tag: str, value: str) -> dict[tuple[str, str], str]:
        """Those with a tag: registered name and identity → number."""
        search = self.client.search_model_versions
        return {
            (found.name, found.tags[IDENTITY]): str(found.version)
            for found in _all_pages(search, f"tags.{tag} = '{value}'")
        }

    def _version(
        self, record: NightRecord, version: VersionRecord, name: str, parent: "Run", child: str
    ) -> str:
        # MLflow takes as source only what lies in the artifacts of the run it names.
        source = f"{parent.info.artifact_uri}/{_model_folder(version)}"
        tags = {
            IDENTITY: version.identity,
            MADE: record.made.isoformat(),
            TOKEN: record.run_token,
            "role": version.role,
            "plan": version.plan,
            "market_run": child,
        }
        made = self.client.create_model_version(
            name,
            source,
            parent.info.run_id,
            tags={**tags, **({"model": version.model} if version.model else {})},
            description=version.plan,
            await_creation_for=0,
        )
        return str(made.version)

    def _is_newer(self, name: str, version: str, record: NightRecord) -> bool:
        """Whether an alias points to what was made after this record (we are catching up)."""
        made = self.client.get_model_version(name, version).tags.get(MADE, "")
        return made > record.made.isoformat()

    def _in_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise OutOfTime("MLflow answers too slowly")


def _model_folder(version: VersionRecord) -> str:
    return f"models/{version.model or version.identity}"


def _digest(place: _Place, about: _About, files: Mapping[str, str]) -> str:
    """Of all that belongs in a run, its time included."""
    parts = [about.model_dump_json(), dict(files), dict(place.tags), place.record.ended_ms]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _batches(
    metrics: Sequence[Any], params: Sequence[Any], tags: Sequence[Any]
) -> Iterator[tuple[Sequence[Any], Sequence[Any], Sequence[Any]]]:
    """As much as MLflow takes at once; all are looked at together, so that most runs are one."""
    each = (metrics, _METRICS), (params, _BATCH), (tags, _BATCH)
    for at in range(max(math.ceil(len(some) / most) for some, most in each)):
        first, second, third = (some[at * most : (at + 1) * most] for some, most in each)
        yield first, second, third


def _all_pages(search: Any, query: str) -> Iterable[Any]:
    page: str | None = None
    while True:
        found = search(query, max_results=1000, page_token=page)
        yield from found
        page = found.token
        if not page:
            return
