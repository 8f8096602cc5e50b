"""Dask imports this in every worker that restock starts, before the first task arrives."""

import prefect.task_engine
import prefect_dask

from restock.infra import logs


def dask_setup(worker: object) -> None:
    """Called by Dask when the worker starts."""
    logs.configure()


__all__ = ["dask_setup", "prefect", "prefect_dask"]
