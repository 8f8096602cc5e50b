"""How far a long job is, said through logging: the CLI draws it, the server keeps it."""

import logging
import time
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger("restock.progress")
live = logging.getLogger("restock.progress.live")
"""Every change, for who watches in this process: too many for a log."""
live.propagate = False
live.setLevel(logging.INFO)


def report(stage: str, done: int, total: int, detail: str = "") -> None:
    """Say that ``done`` of ``total`` steps of a stage are finished."""
    logger.info(
        "%s: %d of %d%s",
        stage,
        done,
        total,
        f" ({detail})" if detail else "",
        extra={"stage": stage, "done": done, "total": total, "detail": detail},
    )


class SearchProgress:
    """Says how far a search is: whoever watches hears everything, the log now and then.

    token: names the search, for whoever has to go on with it.
    """

    def __init__(self, token: str, every_seconds: float = 10.0) -> None:
        self._token, self._every = token, every_seconds
        self._phase, self._next = "", 0.0

    def __call__(self, status: Mapping[str, Any]) -> None:
        """status: ``Driver``'s, plain data; it travels as the record's ``search``."""
        extra = {"search": {**status, "token": self._token}}
        words = "search: %s, %d of %d trials", status["phase"], status["trials"], status["planned"]
        live.info(*words, extra=extra)
        now = time.monotonic()
        if now >= self._next or status["phase"] != self._phase:
            self._phase, self._next = status["phase"], now + self._every
            logger.info(*words, extra=extra)
