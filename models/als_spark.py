"""The Spark engine of ``als``: MLlib fits, rows never pass through the driver's Python."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.dataset.interactions import MINUTES_PER_DAY
from restock.models.als_cpu import LEAST_RATING, FloatArray, Weights
from restock.models.context import FitContext
from restock.models.requirements import CannotFit, check_extras

EXTRAS = {"pyspark": "spark"}
CHECKPOINT_EVERY = 5  # iterations; some thirty without one overflow the executors' stack
PREFIX = "restock-als-"
COLUMNS = ("customer", "item", "minute")
REMEDY = "restock.infra.spark.spark_session() starts one"


def check_session(name: str, context: FitContext) -> None:
    """CannotFit, or ImportError without pyspark, when ``context.spark`` cannot fit."""
    check_extras(name, EXTRAS)
    from pyspark.sql import SparkSession

    session = context.spark
    if _is_connect(session):
        if session.is_stopped:
            raise CannotFit(f"{name}: the Spark session has been stopped; connect again")
        return
    if not isinstance(session, SparkSession):
        raise CannotFit(
            f"{name}: FitContext(spark=...) must hold a SparkSession, not {session!r}; {REMEDY}"
        )
    if session.sparkContext._jsc is None:
        raise CannotFit(f"{name}: the Spark session has been stopped; {REMEDY}")
    if not _is_local(session) and context.scratch is None:
        raise CannotFit(
            f"{name}: the executors of {session.sparkContext.master} cannot read this machine's "
            "files; use FitContext(scratch=...) with a folder that all of them share"
        )


def factorise(
    interactions: Interactions,
    items: IntArray,
    weights: Weights,
    half_life_days: float | None,
    context: FitContext,
) -> tuple[FloatArray, FloatArray]:
    """Factors of the customers with a line and of ``items``, in the order of their codes.

    Spark reads the lines from Parquet (those of the snapshot where the session runs on this
    machine; by Spark Connect they travel as Arrow), adds them up to ratings and fits. As many
    blocks as the session has shuffle partitions. The factors come back as Arrow.
    """
    from pyspark.ml.recommendation import ALS

    session = context.spark
    blocks = int(session.conf.get("spark.sql.shuffle.partitions"))
    solver = ALS(
        userCol="customer",
        itemCol="item",
        ratingCol="rating",
        implicitPrefs=True,
        rank=weights.factors,
        regParam=weights.regularisation,
        alpha=weights.alpha,
        maxIter=weights.iterations,
        numUserBlocks=min(blocks, interactions.customers.size),
        numItemBlocks=min(blocks, items.size),
        seed=context.seed,
        checkpointInterval=CHECKPOINT_EVERY,
    )
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=context.scratch) as scratch:
        _keep_checkpoints(session, Path(scratch))
        lines, source = _lines(interactions, session, Path(scratch))
        model = solver.fit(_ratings(lines, interactions.as_of, half_life_days))
        customers, left = _factors(model.userFactors)
        sold, right = _factors(model.itemFactors)
    for kind, found, expected in (
        ("customers", customers, interactions.customers),
        ("items", sold, items),
    ):
        if not np.array_equal(found, expected):
            raise RuntimeError(
                f"als: Spark returned the factors of {found.size} {kind}, not of the "
                f"{expected.size} that have order lines; do executors read {source}?"
            )
    return left, right


def _is_connect(session: Any) -> bool:
    """Whether Spark is reached by Spark Connect: no Java here, and no files of this machine."""
    return type(session).__module__.startswith("pyspark.sql.connect.")


def _is_local(session: Any) -> bool:
    return str(session.sparkContext.master).startswith("local")


def _keep_checkpoints(session: Any, scratch: Path) -> None:
    """Give the session a folder for checkpoints, unless its owner has, or it cannot take one."""
    if _is_connect(session):
        return
    folder = session.sparkContext.getCheckpointDir()
    if folder is None or PREFIX in folder:
        session.sparkContext.setCheckpointDir(scratch.absolute().as_uri())


def _lines(interactions: Interactions, session: Any, scratch: Path) -> tuple[Any, str]:
    """The lines as a Spark frame, ``customer``, ``item``, ``minute``, and where it reads them."""
    if _is_connect(session):
        columns = {name: getattr(interactions, name) for name in COLUMNS}
        return session.createDataFrame(pa.table(columns)), "what was sent"
    path = _parquet(interactions, session, scratch)
    return session.read.parquet(path.as_uri()).select(*COLUMNS), str(path)


def _parquet(interactions: Interactions, session: Any, scratch: Path) -> Path:
    """A Parquet file that the executors can read."""
    if _is_local(session):
        return interactions.parquet(scratch).absolute()
    return replace(interactions, source=None).parquet(scratch).absolute()


def _ratings(lines: Any, as_of: int, half_life_days: float | None) -> Any:
    """The ratings as a Spark frame: ``customer``, ``item``, ``rating``; nothing is read yet."""
    from pyspark.sql import functions as sql

    affinity = sql.count("*").cast("double")
    if half_life_days is not None:
        age = (sql.lit(float(as_of)) - sql.col("minute")) / MINUTES_PER_DAY
        affinity = sql.sum(sql.pow(sql.lit(0.5), age / half_life_days))
    rating = sql.greatest(sql.log1p(affinity), sql.lit(LEAST_RATING)).cast("float")
    return lines.groupBy("customer", "item").agg(rating.alias("rating"))


def _factors(frame: Any) -> tuple[NDArray[np.int32], FloatArray]:
    """The codes (ascending) and the factors of a frame of ``id`` and ``features``."""
    table = frame.toArrow().sort_by("id").combine_chunks()
    codes = table["id"].to_numpy()
    flat = table["features"].combine_chunks().flatten().to_numpy()
    return codes, np.ascontiguousarray(flat.reshape(codes.size, -1), dtype=np.float32)
