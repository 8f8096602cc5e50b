"""Work that waits for workers of a cluster: said soon, and given up when none comes for long.

Dask keeps work in its queue for ever. Workers that were there when it was submitted may all go:
nodes that a cloud takes back, a pool that somebody stops.
"""

import logging
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from restock.infra.placement import Offers, offered, offered_or_promised
from restock.infra.runners import OWN_RUNNERS

if TYPE_CHECKING:
    from distributed import Client

PATIENCE_SECONDS = 600.0
"""Longer than a search waits, which can be resumed: a fleet that a cloud took back as a whole has
other nodes some minutes later."""
TELL_SECONDS = 15.0
"""Workers of this machine may start beside the first work: that is nothing to tell people of."""

logger = logging.getLogger(__name__)


class Patience:
    """``hopeless`` of ``gather`` for work on CPUs: all of it, after a long time without workers.

    Nodes that are promised to the cluster are waited for as long as they are.
    runner: of the settings. needs: what the work asks Dask for (``needs_of_cpu_work``).
    """

    def __init__(self, client: "Client", runner: str, needs: Mapping[str, float]) -> None:
        self._client, self._runner, self._needs = client, runner, needs
        self._since: float | None = None  # when they were first found missing
        self._told = False

    def __call__(self, pending: Collection[str]) -> dict[str, str]:
        """Name → why it is not worth waiting for; empty while there is hope."""
        if self._may_run_on(offered(self._client)):
            self._since = None
            return {}
        now = time.monotonic()
        if self._since is None:
            self._since, self._told = now, False
        missing, minutes = now - self._since, f"{PATIENCE_SECONDS / 60:.0f} minutes"
        if missing >= TELL_SECONDS and not self._told:
            self._told = True
            logger.warning(
                "no worker is there for %d pieces of work, which wait %s at most: %s",
                len(pending),
                minutes,
                self._remedy(),
            )
        if missing < PATIENCE_SECONDS:
            return {}
        if self._may_run_on(offered_or_promised(self._client)):
            return {}
        return dict.fromkeys(pending, f"no worker came within {minutes}: {self._remedy()}")

    def _may_run_on(self, offers: Offers) -> bool:
        """Whether a worker may take the work: any may, unless the work asks for one for CPUs."""
        return offers.asked and "CPU" in offers.slots if self._needs else bool(offers.slots)

    def _remedy(self) -> str:
        if self._runner in OWN_RUNNERS:
            return "the log says why the workers of this machine ended"
        return f"start some with restock workers --runner {self._runner}"
