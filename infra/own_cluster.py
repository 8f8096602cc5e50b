"""A Dask cluster on this node whose workers offer different resources."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from distributed import LocalCluster

from restock.infra import log_relay

START_SECONDS = 120


class OwnCluster(LocalCluster):  # type: ignore[misc]
    """``LocalCluster`` with one worker for each of ``offers``, which all start at once.

    offers: resources of each worker. A worker that offers a GPU sees one card, its own.
    """

    def __init__(self, offers: Sequence[dict[str, float]], **options: Any) -> None:
        self._offers = list(offers)
        log_relay.here()  # this process outlives its workers
        super().__init__(n_workers=0, **options)
        self.scale(len(offers))
        try:
            self.wait_for_workers(len(offers), timeout=START_SECONDS)
        except BaseException:
            self.close()
            raise

    async def _close(self) -> None:
        """Workers that do not end in time are killed: not worth a word to who closes a cluster
        that is at work."""
        nannies = logging.getLogger("distributed.nanny")
        level = nannies.level
        nannies.setLevel(logging.ERROR)
        try:
            await super()._close()
        finally:
            nannies.setLevel(level)
        await asyncio.to_thread(log_relay.drain)

    def new_worker_spec(self) -> dict[int, dict[str, Any]]:
        """Dask asks for the workers one by one; their names count from 0."""
        found: dict[int, dict[str, Any]] = {}
        for name, spec in super().new_worker_spec().items():
            resources = self._offers[name % len(self._offers)]
            options = {**spec["options"], "resources": resources}
            if "GPU" in resources:
                options["env"] = {**options.get("env", {}), "CUDA_VISIBLE_DEVICES": str(name)}
            found[name] = {**spec, "options": options}
        return found
