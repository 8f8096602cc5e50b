"""`als` fitted by a real Spark: the same objective, and lists that hold the same promises."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.orders import many
from contracts.recommender import HISTORIES, assert_same, everyone, glue
from contracts.spark import spark  # noqa: F401

from restock.dataset import Interactions
from restock.evaluation import evaluate, rolling_folds
from restock.infra.processes import free_port
from restock.models import CannotFit, FitContext, Recommender, als_spark, create, load
from restock.models.als import Als, ratings_of
from restock.models.als_cpu import loss
from restock.models.popularity import popularity

platform = pytest.mark.platform
K = 5
MILD = {"alpha": 1.0, "regularisation": 0.1}  # few orders pin the factors down
SMALL = {"factors": 8, "iterations": 5, "half_life_days": 60.0, **MILD}


@pytest.fixture(scope="module")
def fitted(spark: Any) -> Recommender[Any]:  # noqa: F811
    """A model that Spark fitted on ``many()``."""
    return create("als", **SMALL).fit(many(), FitContext(spark=spark))


def loss_of(model: Als, train: Interactions) -> float:
    _, ratings = ratings_of(train, model.config.half_life_days)
    return loss(ratings, model._customer_factors, model._item_factors, model.config)


# the objective ----------------------------------------------------------------------------
@platform
@pytest.mark.parametrize(("half_life", "iterations"), [(None, 30), (60.0, 10)])
def test_spark_minimises_the_same_sum(
    spark: Any,  # noqa: F811
    half_life: float | None,
    iterations: int,
) -> None:
    """As far as random starts do; thirty iterations need checkpoints, or Spark dies."""
    train = many()
    config = {**SMALL, "half_life_days": half_life, "iterations": iterations}
    there = loss_of(create("als", **config).fit(train, FitContext(spark=spark)), train)
    here = [
        loss_of(create("als", **config).fit(train, FitContext(seed=seed)), train)
        for seed in range(8)
    ]
    assert 0.99 * min(here) < there < 1.01 * max(here)
    assert max(here) < 1.01 * min(here)


@platform
def test_on_real_orders_loss_and_quality_are_those_of_the_cpu(
    spark: Any,  # noqa: F811
    sample: Interactions,
) -> None:
    """Different random starts: so the same quality, not the same lists."""
    fold = rolling_folds(sample, windows=1, min_item_orders=3)[0]
    found = []
    for context in (FitContext(), FitContext(spark=spark)):
        model = create("als", factors=32, iterations=10).fit(fold.train, context)
        lists = model.recommend(fold.customers, 10, allowed=fold.candidates)
        quality = evaluate(lists, fold).mean()["ndcg_at_10"]
        found.append((loss_of(model, fold.train), quality))
    (cpu_loss, cpu_ndcg), (spark_loss, spark_ndcg) = found
    assert spark_loss == pytest.approx(cpu_loss, rel=0.01)
    assert spark_ndcg == pytest.approx(cpu_ndcg, rel=0.02)


@platform
@pytest.mark.parametrize("partitions", ["1", "2", "7"])
def test_partitions_change_nothing_but_the_start(
    spark: Any,  # noqa: F811
    france: Interactions,
    partitions: str,
) -> None:
    """The start depends on the blocks, so compare what is reached: the loss and the lists."""
    before = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", partitions)
    try:
        config: dict[str, Any] = {"factors": 16, "iterations": 10, **MILD}
        model = create("als", **config).fit(france, FitContext(spark=spark))
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", before)
    peer = create("als", **config).fit(france)
    assert loss_of(model, france) == pytest.approx(loss_of(peer, france), rel=0.01)
    mine, theirs = (m.recommend(france.customers, 10).items for m in (model, peer))
    both = [np.intersect1d(a, b).size for a, b in zip(mine, theirs, strict=True)]
    assert np.mean(both) > 5.5  # CPU fits of two seeds share 6.4 to 7.0


# what a list is ---------------------------------------------------------------------------
@platform
@pytest.mark.parametrize("history", HISTORIES)
def test_lists_are_what_they_promise(fitted: Recommender[Any], history: str) -> None:
    train = many()
    lists = fitted.recommend(everyone(train), K, history=history)
    assert_same(lists, fitted.recommend(everyone(train), 2 * K, history=history).head(K))
    parts = np.array_split(everyone(train), 4)
    assert_same(lists, glue([fitted.recommend(part, K, history=history) for part in parts]))
    bought = set(zip(train.customer.tolist(), train.item.tolist(), strict=True))
    for customer, items, scores in zip(lists.customers, lists.items, lists.scores, strict=True):
        listed = items[items >= 0].tolist()
        assert len(set(listed)) == len(listed)
        assert (np.diff(scores[: len(listed)]) <= 0).all()
        mine = [(int(customer), item) in bought for item in listed]
        assert history == "any" or all(was == (history == "repeat") for was in mine)


@platform
def test_cold_customers_get_what_is_popular(fitted: Recommender[Any]) -> None:
    train = many()
    cold = np.setdiff1d(everyone(train), train.customers).astype(np.int32)
    lists, popular = fitted.recommend(cold, K), popularity(train)
    assert cold.size and lists.fallback.all()
    rows = popular.row_of_market[train.catalogue.customer_market[cold]]
    np.testing.assert_array_equal(lists.items, popular.order[rows, :K])


@platform
def test_a_saved_model_needs_no_spark(fitted: Recommender[Any], tmp_path: Path) -> None:
    fitted.save(tmp_path)
    expected = fitted.recommend(everyone(many()), K)
    assert_same(expected, load(tmp_path).recommend(everyone(many()), K))
    code = (
        "import sys; sys.modules['pyspark'] = None\n"
        "import numpy as np; from pathlib import Path; from restock.models import load\n"
        f"lists = load(Path({str(tmp_path)!r})).recommend(np.arange(3, dtype=np.int32), {K})\n"
        "print(lists.items.tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(expected.items[:3].tolist())


# how the data travel ----------------------------------------------------------------------
@platform
def test_rows_do_not_pass_through_python(
    spark: Any,  # noqa: F811
    fitted: Recommender[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A snapshot is read where it lies; a cut is written once; the seed decides."""
    many().save(tmp_path)
    kind = type(spark.range(1))
    for name in ("collect", "toLocalIterator", "toPandas", "foreach"):
        monkeypatch.setattr(kind, name, lambda *_: pytest.fail("rows in Python"))
    monkeypatch.setattr(type(spark), "createDataFrame", lambda *_: pytest.fail("rows in Python"))
    monkeypatch.setattr(Interactions, "_table", lambda _: pytest.fail("lines written again"))
    train = Interactions.open(tmp_path)
    assert train.source == tmp_path / "lines.parquet"
    model = create("als", **SMALL).fit(train, FitContext(spark=spark, scratch=tmp_path))
    assert_same(fitted.recommend(everyone(train), K), model.recommend(everyone(train), K))
    assert not list(tmp_path.glob("restock-als-*"))


@pytest.mark.unit
def test_only_the_lines_of_a_whole_snapshot_are_read_in_place(tmp_path: Path) -> None:
    many().save(tmp_path)
    opened = Interactions.open(tmp_path)
    (tmp_path / "scratch").mkdir()
    assert opened.parquet(tmp_path / "scratch") == tmp_path / "lines.parquet"
    for cut in (opened.before(opened.as_of_date), opened.of_market("FR"), many()):
        assert cut.parquet(tmp_path / "scratch") == tmp_path / "scratch" / "lines.parquet"
    (tmp_path / "lines.parquet").unlink()
    assert opened.parquet(tmp_path / "scratch").parent.name == "scratch"


# by Spark Connect -------------------------------------------------------------------------
CLUSTER = """
import sys
from pyspark.sql import SparkSession

options = {
    "spark.master": "local[2]",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.connect.grpc.binding.port": sys.argv[1],
}
SparkSession.builder.config(map=options).getOrCreate()
print("up", flush=True)
sys.stdin.read()
"""
CLIENT = """
import sys
from pathlib import Path
from pyspark.sql import SparkSession
from contracts.orders import many
from restock.models import CannotFit, FitContext, create

spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
config = {"factors": 8, "iterations": 5, "half_life_days": 60.0, "alpha": 1.0}
model = create("als", **config, regularisation=0.1).fit(many(), FitContext(spark=spark))
model.save(Path(sys.argv[2]))
spark.stop()
try:
    create("als").fit(many(), FitContext(spark=spark))
except CannotFit as error:
    print(error)
"""


@platform
def test_by_spark_connect_it_is_the_same_model(fitted: Recommender[Any], tmp_path: Path) -> None:
    """As from an editor, to a cluster: no Java here, no folder that both see."""
    port = str(free_port())
    cluster = subprocess.Popen(
        [sys.executable, "-c", CLUSTER, port],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert cluster.stdout and cluster.stdout.readline() == "up\n"
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, f"sc://127.0.0.1:{port}", str(tmp_path)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "JAVA_HOME": "/none"},
            capture_output=True,
            text=True,
        )
    finally:
        cluster.communicate()  # it ends with its input
    assert done.stdout == "als: the Spark session has been stopped; connect again\n", done.stderr
    customers = everyone(many())
    assert_same(fitted.recommend(customers, K), load(tmp_path).recommend(customers, K))


# what is refused --------------------------------------------------------------------------
@pytest.mark.unit
def test_what_is_no_session_is_refused_before_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Als, "_fit", lambda *_: pytest.fail("the fit began"))
    with pytest.raises(CannotFit, match=r"must hold a SparkSession, not 'please'.*spark_session"):
        create("als").fit(many(), FitContext(spark="please"))
    with pytest.raises(CannotFit, match="must hold a SparkSession"):  # as a member too
        members = [{"name": "als", "weight": 1.0}]
        create("blend", members=members).fit(many(), FitContext(spark="please"))
    monkeypatch.setattr(als_spark, "EXTRAS", {"no_such_module": "spark"})
    with pytest.raises(ImportError, match=r"als needs more: pip install 'restock\[spark\]'"):
        create("als").fit(many(), FitContext(spark="please"))


@platform
def test_a_session_that_cannot_read_or_has_ended_is_refused(
    spark: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(als_spark, "_is_local", lambda _: False)
    with pytest.raises(CannotFit, match=r"cannot read this machine's files.*scratch="):
        create("als").fit(many(), FitContext(spark=spark))
    snapshot, scratch = tmp_path / "snapshot", tmp_path / "scratch"
    many().save(snapshot)
    scratch.mkdir()
    opened = Interactions.open(snapshot)
    assert als_spark._parquet(opened, spark, scratch).parent == scratch  # the folder they share
    monkeypatch.setattr(spark.sparkContext, "_jsc", None)
    with pytest.raises(CannotFit, match="has been stopped"):
        create("als").fit(many(), FitContext(spark=spark, scratch=scratch))
