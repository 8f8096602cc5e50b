"""A local Spark session starts on loopback, or says before it starts what is missing."""

from pathlib import Path
from typing import Any

import pytest
from contracts.spark import spark  # noqa: F401

from restock.infra import spark as session
from restock.infra.java import VECTOR_MODULE
from restock.models import CannotFit


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
