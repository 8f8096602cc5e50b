"""A Spark session for models that fit on Spark: the one that runs, or a local one."""

import os
import sys
from typing import Any

import psutil

from restock.infra import debugger
from restock.infra.java import REMEDY, look_for_java
from restock.kernels.cores import available_cores
from restock.models.requirements import CannotFit, check_extras

SHARE_OF_FREE_MEMORY = 0.5  # this process holds the orders and takes the factors back
LEAST_MEMORY_MB = 1024


def spark_session(threads: int | None = None) -> Any:
    """The Spark session of this process, for ``FitContext(spark=...)``.

    Where one runs already (a notebook on a cluster) it is returned as it is. Otherwise a
    local one starts with ``threads`` cores (all that this process may use), on loopback and
    without a page; that takes 10 to 14 seconds, and its Java ends with this process.

    Raises ImportError without ``pyspark``, CannotFit without a Java that Spark can use.
    """
    check_extras("spark", {"pyspark": "spark"})
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    if running is not None:
        return running
    java = look_for_java()
    if not java.usable:
        raise CannotFit(f"Spark cannot start here: {java.found}; {REMEDY}")
    # Spark would take the first python3 of the PATH, which may lack what functions of ours import.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("restock")
    for name, value in {**_options(threads or available_cores()), **_debugged()}.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _options(threads: int) -> dict[str, str]:
    free = int(psutil.virtual_memory().available * SHARE_OF_FREE_MEMORY) >> 20
    return {
        "spark.master": f"local[{threads}]",
        "spark.driver.memory": f"{max(free, LEAST_MEMORY_MB)}m",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        # one part of the data per core: the default of 200 is made for racks
        "spark.sql.shuffle.partitions": str(threads),
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.session.timeZone": "UTC",
    }


def _debugged() -> dict[str, str]:
    """Options that bring the debugger of this process, if there is one, to Spark's workers."""
    session = debugger.session()
    if session is None:
        return {}
    return {
        "spark.python.daemon.module": "restock.infra.spark_daemon",
        f"spark.executorEnv.{debugger.SESSION}": session,
    }
