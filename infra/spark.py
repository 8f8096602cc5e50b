"""A Spark session for models that fit on Spark: a running one, the cluster's, or a local one."""

import os
import sys
from functools import cache
from typing import Any

import psutil

from restock.infra import debugger
from restock.infra.java import GATEWAY, REMEDY, look_for_java
from restock.kernels.cores import available_cores
from restock.models.requirements import CannotFit, check_extras

SHARE_OF_FREE_MEMORY = 0.5  # this process holds the orders and takes the factors back
LEAST_MEMORY_MB = 1024


def spark_session(threads: int | None = None) -> Any:
    """The Spark session of this process, for ``FitContext(spark=...)``.

    Where one runs already (a notebook on a cluster) it is returned as it is. On the driver of a
    cluster it is a session of that cluster's Spark, which goes on when this process ends.
    Otherwise a local one starts with ``threads`` cores (all that this process may use), on
    loopback and without a page; that takes 10 to 14 seconds, and its Java ends with this process.

    Raises ImportError without ``pyspark``, CannotFit without a Java that Spark can use.
    """
    check_extras("spark", {"pyspark": "spark"})
    from pyspark.sql import SparkSession

    if GATEWAY in os.environ:
        return _session_of_the_driver()
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


@cache  # what Spark calls active differs from thread to thread
def _session_of_the_driver() -> Any:
    """That of a notebook as it is; in a process that the driver started, a session of its own.

    ``getOrCreate`` of Python would ask the driver's Java for a second Spark, which it refuses. The
    settings of this session are its own: those of others on the cluster stay as they are.
    """
    from pyspark import SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    if (running := SparkSession.getActiveSession()) is not None:
        return running
    gateway = launch_gateway()  # which finds the Java by the environment, and starts none
    java = gateway.jvm
    its = java.org.apache.spark.SparkContext.getOrCreate()
    context = SparkContext(gateway=gateway, jsc=java.JavaSparkContext.fromSparkContext(its))
    session = SparkSession(context).newSession()
    for name, value in _of_every_session(context.defaultParallelism).items():
        session.conf.set(name, value)
    return session


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
        **_of_every_session(threads),
    }


def _of_every_session(cores: int) -> dict[str, str]:
    return {
        # one part of the data per core: the default of 200 is made for racks
        "spark.sql.shuffle.partitions": str(cores),
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
