"""A local Spark session starts on loopback, or says before it starts what is missing."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from contracts.orders import many
from contracts.recommender import assert_same
from contracts.spark import spark  # noqa: F401

from restock.infra import placement, search_batches
from restock.infra import spark as session
from restock.infra.java import VECTOR_MODULE
from restock.infra.settings import load_settings
from restock.models import CannotFit, FitContext, create, load


@pytest.mark.platform
def test_a_session_stays_on_this_machine(spark: Any) -> None:  # noqa: F811
    context = spark.sparkContext
    assert context.master == "local[2]"
    assert context.uiWebUrl is None
    assert context.getConf().get("spark.driver.host") == "127.0.0.1"
    assert context.getConf().get("spark.driver.bindAddress") == "127.0.0.1"
    assert spark.range(5).toArrow().num_rows == 5


@pytest.mark.platform
def test_there_is_one_session(spark: Any) -> None:  # noqa: F811
    assert session.spark_session(1) is spark
    assert spark.sparkContext.master == "local[2]"


FIT = """
import sys
from threading import Thread
from pathlib import Path
from contracts.orders import many
from restock.infra.java import look_for_java
from restock.infra.spark import spark_session
from restock.models import FitContext, create

assert look_for_java().usable  # though there is none
found = []
for _ in range(2):  # what Spark calls active differs from thread to thread
    thread = Thread(target=lambda: found.append(spark_session(7)))
    thread.start()
    thread.join()
assert found[0] is found[1]
print(found[0].sparkContext.applicationId)
config = {"factors": 8, "iterations": 5}
create("als", **config).fit(many(), FitContext(spark=found[0])).save(Path(sys.argv[1]))
"""


@pytest.mark.platform
def test_a_process_of_a_driver_uses_the_clusters_spark_and_leaves_it_as_it_was(
    spark: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    """The session of the tests stands for the cluster's: its Java has started the process."""
    java = spark.sparkContext._gateway.gateway_parameters
    partitions = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", "5")  # a user of the cluster wants it so
    try:
        done = subprocess.run(
            [sys.executable, "-c", FIT, str(tmp_path)],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "PYSPARK_GATEWAY_PORT": str(java.port),
                "PYSPARK_GATEWAY_SECRET": java.auth_token,
                "JAVA_HOME": str(tmp_path / "none"),
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [spark.sparkContext.applicationId]
        assert spark.conf.get("spark.sql.shuffle.partitions") == "5"
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", partitions)
    assert spark.range(5).count() == 5  # it goes on
    orders = many()
    here = create("als", factors=8, iterations=5).fit(orders, FitContext(spark=spark))
    customers = orders.customers
    assert_same(load(tmp_path).recommend(customers, 5), here.recommend(customers, 5))


@pytest.mark.platform
def test_in_a_notebook_of_a_cluster_the_session_is_the_notebooks(
    spark: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    session._session_of_the_driver.cache_clear()
    found = session.spark_session()
    session._session_of_the_driver.cache_clear()
    assert found is spark
    assert found.conf.get("spark.sql.shuffle.partitions") == "2"


@pytest.mark.unit
def test_a_search_gives_spark_the_folder_that_its_nodes_share(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(placement, "spark", lambda *_: "a session")
    batch = search_batches.Batch(name="one", resource="SPARK", works=())
    settings = load_settings(spark_scratch=tmp_path)
    context = search_batches._context(batch, 1, settings, 2)
    assert (context.spark, context.scratch) == ("a session", tmp_path)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "no .*/bin/java; install a full JDK or JRE 17"),
        ("#!/bin/sh\necho openjdk 17", f"has no module {VECTOR_MODULE}; install"),
    ],
)
def test_a_java_that_will_not_do_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, message: str
) -> None:
    from pyspark.sql import SparkSession

    monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setattr(SparkSession, "builder", None)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    if script:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "java").write_text(script)
        (tmp_path / "bin" / "java").chmod(0o755)
    with pytest.raises(CannotFit, match=f"Spark cannot start here: .*{message}"):
        session.spark_session()


@pytest.mark.unit
def test_without_pyspark_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restock.models.requirements.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"pip install 'restock\[spark\]'"):
        session.spark_session()


@pytest.mark.unit
def test_memory_is_what_is_free() -> None:
    options = session._options(3)
    assert options["spark.master"] == "local[3]"
    assert int(options["spark.driver.memory"].removesuffix("m")) >= session.LEAST_MEMORY_MB
