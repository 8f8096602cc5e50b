"""Prefect's Dask task runner, which starts one cluster however many threads ask for it."""

import threading
from typing import Any

from prefect_dask import DaskTaskRunner

_starting = threading.RLock()  # not the runner's own: it is pickled with its flow


class OneClusterRunner(DaskTaskRunner):  # type: ignore[misc]
    """``DaskTaskRunner`` whose client several threads may ask for while it starts.

    Prefect's own starts a cluster for each of them: one for ``warm_up``, and one for a task that
    is submitted before that is there.
    """

    @property
    def client(self) -> Any:
        """The client; starts the cluster, or waits for whoever is at it."""
        with _starting:
            return super().client
