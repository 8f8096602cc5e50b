"""Dask imports this in every worker that restock starts, before the first task arrives."""

import logging
import os
import signal
from typing import Any

from restock.infra import debugger, log_lines, log_relay, logs
from restock.infra.settings import load_settings

# A worker that was started by hand has none of it, and prefect reads it when it is imported.
os.environ.update({**logs.environment("INFO"), **os.environ})

import prefect.task_engine
import prefect_dask


def dask_setup(worker: Any) -> None:
    """Called by Dask when the worker starts, in its main thread.

    Ctrl-C reaches every process of the terminal; the one that started the workers stops them.
    What is said in a worker is sent by whoever outlives it, if this node knows the server; else
    prefect sends it from the worker, which learns of the server with each task.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logs.configure()
    logs.listen_to_all()
    if os.environ.get("PREFECT_API_URL"):
        log_lines.speak(f"worker-{worker.name}" if isinstance(worker.name, int) else worker.name)
        log_relay.here()
    if port := load_settings().debug:
        debugger.listen_as_worker(port)
    logging.getLogger("distributed.worker.state_machine").addFilter(_is_news)


def dask_teardown(worker: object) -> None:
    """Called by Dask when the worker ends in peace."""
    log_relay.drain()


def _is_news(record: logging.LogRecord) -> bool:
    """A worker warns of the tasks that it drops when it is closed: who closed it knows."""
    return not record.getMessage().endswith("ended with CancelledError")


__all__ = ["dask_setup", "dask_teardown", "prefect", "prefect_dask"]
