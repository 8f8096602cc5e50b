"""Dask imports this in every worker that restock starts, before the first task arrives."""

import logging
import signal

import prefect.task_engine
import prefect_dask

from restock.infra import logs


def dask_setup(worker: object) -> None:
    """Called by Dask when the worker starts, in its main thread.

    Ctrl-C reaches every process of the terminal; the one that started the workers stops them.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logs.configure()
    logging.getLogger("distributed.worker.state_machine").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """A worker warns of the tasks that it drops when it is closed: who closed it knows."""
    return not record.getMessage().endswith("ended with CancelledError")


__all__ = ["dask_setup", "prefect", "prefect_dask"]
