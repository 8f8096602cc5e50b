"""Dask imports this in every worker that restock starts, before the first task arrives."""

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


__all__ = ["dask_setup", "prefect", "prefect_dask"]
