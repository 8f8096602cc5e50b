"""Feature tables beside the order lines: what else was known of customers and items, and when."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from restock.dataset.features import Entity, Features, FeatureStore, OrderFeatures, joined
from restock.dataset.texts import Texts

if TYPE_CHECKING:
    from restock.dataset.interactions import Interactions

ID, KNOWN_AT = "id", "known_at"
MICROSECONDS_PER_MINUTE = 60_000_000

Source = pd.DataFrame | Path | str

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Rows about customers or items, each true from the moment that it became known.

    rows: id (string), known_at (timestamp[us], local time), one float32 column per feature
    (NaN = unknown), sorted by (id, known_at), of which each pair is there once. ignored: how
    many ids of the source the catalogue does not have; their rows are not here.
    """

    rows: pa.Table
    ignored: int = 0

    @classmethod
    def of(cls, source: Source, known: pa.ChunkedArray, entity: Entity) -> Self:
        """Check a frame or a Parquet file with the columns ``id``, ``known_at`` and features.

        known: the ids of the catalogue. Raises ValueError naming the column at fault.
        """
        what = f"the {entity} features"
        frame = source if isinstance(source, pd.DataFrame) else _read(Path(source))
        names = _feature_names(frame, what)
        rows = pa.table(
            {
                ID: pa.array(Texts.of(frame[ID]).objects(), pa.string()),
                KNOWN_AT: pa.array(frame[KNOWN_AT], pa.timestamp("us"), safe=False),
                **{name: _numbers(frame[name], what) for name in names},
            }
        )
        for column in (ID, KNOWN_AT):
            if rows[column].null_count:
                raise ValueError(f"{what} have rows without {column}: fill it in or drop them")
        ours = pc.is_in(rows[ID], value_set=known)
        ignored = pc.count_distinct(rows[ID].filter(pc.invert(ours))).as_py()
        if ignored:
            logger.warning(
                "%s: %d ids without an order line in these interactions are ignored", what, ignored
            )
        rows = rows.filter(ours).sort_by([(ID, "ascending"), (KNOWN_AT, "ascending")])
        _refuse_twins(rows, what)
        return cls(rows, ignored)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the features, in the order of the source."""
        return tuple(self.rows.column_names[2:])

    def before(self, as_of: int) -> pa.Table:
        """The rows that were known before a minute (exclusive)."""
        return self.rows.filter(pa.array(self._known_before(as_of)))

    def latest(self, as_of: int, ids: pa.ChunkedArray) -> Features:
        """Of each of these ids, the last row that was known before a minute (exclusive).

        An as-of join: a row counts as a whole, and what it leaves open is unknown even if
        an older row knew it. Cost: one pass over the rows.
        """
        values = np.full((len(ids), len(self.names)), np.nan, dtype=np.float32)
        starts = self._starts
        if starts.size:
            past = np.add.reduceat(self._known_before(as_of).astype(np.int64), starts)
            there = past > 0
            values[self._codes(ids)[there]] = self._values[(starts + past - 1)[there]]
        return Features(self.names, values)

    def _known_before(self, as_of: int) -> NDArray[np.bool_]:
        return self._known_at < as_of * MICROSECONDS_PER_MINUTE

    def _codes(self, ids: pa.ChunkedArray) -> NDArray[np.int64]:
        found = pc.index_in(self._ids, value_set=ids)
        if found.null_count:
            unknown = self._ids.filter(pc.is_null(found))[0].as_py()
            raise ValueError(
                f"these feature tables know {unknown!r}, these interactions do not: attach "
                "tables with with_features to the interactions that they are read for"
            )
        return found.to_numpy().astype(np.int64)

    @cached_property
    def _values(self) -> NDArray[np.float32]:
        return np.column_stack([self.rows[name].to_numpy() for name in self.names])

    @cached_property
    def _known_at(self) -> NDArray[np.int64]:
        return self.rows[KNOWN_AT].to_numpy().astype("datetime64[us]").astype(np.int64)

    @cached_property
    def _ids(self) -> pa.Array:
        """The distinct ids, in the order of the rows."""
        return self.rows[ID].unique()

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """Where the rows of each id start (int64, distinct ids)."""
        counts = self.rows[ID].value_counts().field("counts").to_numpy()
        return (np.cumsum(counts) - counts).astype(np.int64)


class FeatureTables:
    """The order features, and the columns of feature tables beside them: a ``FeatureStore``.

    tables: entity → its table, or the Parquet file that ``save`` wrote, which is read when it
    is first asked for.
    """

    def __init__(self, tables: Mapping[Entity, FeatureTable | Path]) -> None:
        self._tables: dict[Entity, FeatureTable | Path] = dict(tables)

    @property
    def entities(self) -> tuple[Entity, ...]:
        """Which entities have a table."""
        return tuple(sorted(self._tables))

    def table(self, entity: Entity) -> FeatureTable:
        """The table of an entity. KeyError where it has none."""
        found = self._tables[entity]
        if isinstance(found, Path):
            found = self._tables[entity] = FeatureTable(pq.read_table(found))
        return found

    def read(self, entity: Entity, interactions: "Interactions") -> Features:
        """See ``FeatureStore.read``."""
        features = OrderFeatures().read(entity, interactions)
        if entity not in self._tables:
            return features
        ids = _ids_of(interactions, entity)
        return joined(features, self.table(entity).latest(interactions.as_of, ids), entity)

    def save(self, folder: Path, as_of: int) -> None:
        """Write ``customer.parquet`` and ``item.parquet``: what was known before ``as_of``."""
        folder.mkdir(parents=True, exist_ok=True)
        for entity in self.entities:
            pq.write_table(self.table(entity).before(as_of), folder / f"{entity}.parquet")

    @classmethod
    def open(cls, folder: Path, entities: Iterable[Entity]) -> Self:
        """What ``save`` wrote. A missing file is an error now, not at the fit."""
        paths: dict[Entity, Path] = {entity: folder / f"{entity}.parquet" for entity in entities}
        for path in paths.values():
            if not path.is_file():
                raise FileNotFoundError(f"the snapshot lacks its feature table {path}")
        return cls(paths)

    def __getstate__(self) -> dict[str, dict[Entity, FeatureTable]]:
        """The tables themselves: another process may not have the files."""
        return {"_tables": {entity: self.table(entity) for entity in self.entities}}


def attach(interactions: "Interactions", sources: Mapping[Entity, Source]) -> FeatureTables:
    """Feature tables for ``interactions.with_features``, on top of those that are there."""
    there = interactions.features
    if not isinstance(there, OrderFeatures | FeatureTables):
        raise ValueError(
            f"these interactions take their features from {type(there).__name__}, which feature "
            "tables would replace: put the columns there too"
        )
    tables: dict[Entity, FeatureTable | Path] = {}
    if isinstance(there, FeatureTables):
        tables = {entity: there.table(entity) for entity in there.entities}
    for entity, source in sources.items():
        tables[entity] = FeatureTable.of(source, _ids_of(interactions, entity), entity)
    features = FeatureTables(tables)
    nobody = interactions.of_customers(np.empty(0, dtype=np.int32))
    for entity in sources:
        features.read(entity, nobody)  # refuses names that clash here, not at the next fit
    return features


def tables_of(features: FeatureStore) -> FeatureTables | None:
    """The part of a snapshot that not every snapshot has. ValueError for what cannot be in one."""
    if isinstance(features, FeatureTables):
        return features
    if isinstance(features, OrderFeatures):
        return None
    raise ValueError(
        f"features of {type(features).__name__} lie outside and cannot be part of a snapshot: "
        "set them after opening it, with dataclasses.replace(interactions, features=…)"
    )


def _ids_of(interactions: "Interactions", entity: Entity) -> pa.ChunkedArray:
    catalogue = interactions.catalogue
    return (catalogue.customers if entity == "customer" else catalogue.items)["id"]


def _read(path: Path) -> pd.DataFrame:
    try:
        # pandas' own notes would turn a column that was an index there into an index again
        return pq.read_table(path).to_pandas(ignore_metadata=True)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} cannot be read as Parquet: {error}") from error


def _feature_names(frame: pd.DataFrame, what: str) -> list[str]:
    missing = [name for name in (ID, KNOWN_AT) if name not in frame.columns]
    if missing:
        raise ValueError(
            f"{what} have no column {', '.join(missing)}; they need {ID}, {KNOWN_AT} (the local "
            "time from which a row was known) and one column of numbers per feature"
        )
    if not frame.columns.is_unique:
        name = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"{what} have two columns {name}")
    if not pd.api.types.is_datetime64_dtype(frame[KNOWN_AT]):
        raise ValueError(
            f"{KNOWN_AT} of {what} must be local time without a time zone (datetime64), not "
            f"{frame[KNOWN_AT].dtype}: convert it to the market's time and drop the zone"
        )
    names = [str(name) for name in frame.columns if name not in (ID, KNOWN_AT)]
    if not names:
        raise ValueError(f"{what} have no column beside {ID} and {KNOWN_AT}: nothing is known")
    return names


def _numbers(column: pd.Series, what: str) -> NDArray[np.float32]:
    if not pd.api.types.is_numeric_dtype(column):
        raise ValueError(
            f"column {column.name} of {what} must hold numbers, not {column.dtype}: code it as "
            "numbers (a 0/1 column per value), or leave it out"
        )
    with np.errstate(over="ignore"):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32)
    if np.isinf(values).any():
        raise ValueError(f"column {column.name} of {what} must be finite or missing in float32")
    values[np.isnan(values)] = np.nan  # one bit pattern, because tables are hashed
    return values


def _refuse_twins(rows: pa.Table, what: str) -> None:
    """Two rows of one id and moment: which one is true, nobody knows."""
    ids, times = rows[ID].combine_chunks(), rows[KNOWN_AT].combine_chunks()
    equal = pc.and_(pc.equal(ids[1:], ids[:-1]), pc.equal(times[1:], times[:-1]))
    at = pc.index(equal, True).as_py()
    if at >= 0:
        raise ValueError(
            f"{what} have two rows of {ids[at].as_py()!r} known at {times[at].as_py()}: keep one"
        )
