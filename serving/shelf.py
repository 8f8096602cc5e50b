"""What the server has to offer now: the lists of each market, and what is wrong."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from restock.serving.lists import Lists
from restock.serving.messages import Looked, Message, Ready, Sent

LATE_SECONDS = 300.0
"""A look at all markets takes seconds; a minute where large publications are new."""


class Shelf:
    """Changes by messages from the process beside; read by every request.

    A request takes the ``Lists`` of a market once and asks nothing else: what it answers is of
    one publication. The one before is let go when the last request that holds it is answered.
    """

    def __init__(self) -> None:
        self.lists: Mapping[str, Lists] = {}
        self.sent = 0
        self.waiting = 0
        self.swaps: Mapping[str, int] = {}
        self._found: Mapping[str, str] = {}
        self._unsent = ""
        self._looked: float | None = None

    @property
    def looked(self) -> bool:
        """Whether all markets were looked at once since the server started."""
        return self._looked is not None

    @property
    def looked_seconds_ago(self) -> float | None:
        """Since the last look at all markets; None before the first."""
        return None if self._looked is None else time.monotonic() - self._looked

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong now, by market; ``store``, ``look`` and ``exposures`` beside them."""
        found = dict(self._found)
        ago = self.looked_seconds_ago
        if ago is not None and ago > LATE_SECONDS:
            found["look"] = f"nobody looked for new publications for {ago:.0f} s; see the log"
        if self._unsent:
            found["exposures"] = self._unsent
        return found

    def hear(self, message: Message) -> None:
        """Take in what the process beside says. Called by one thread."""
        match message:
            case Ready():
                self._take(Path(message.folder))
            case Looked():
                self._found = message.problems
                self._looked = time.monotonic()
            case Sent():
                self.sent += message.lists
                self.waiting, self._unsent = message.waiting, message.problem

    def _take(self, folder: Path) -> None:
        lists = Lists.open(folder)
        shutil.rmtree(folder)  # mapped files stay for as long as they are mapped
        market = lists.about.market
        self.lists = dict(sorted({**self.lists, market: lists}.items()))
        self.swaps = {**self.swaps, market: self.swaps.get(market, 0) + 1}
