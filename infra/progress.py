"""How far a long job is, said through logging: the CLI draws it, the server keeps it."""

import logging
import time
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger("restock.progress")


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
    """Says how far a search is, as often as it is told; the log hears of it now and then.

    token: names the search, for whoever has to go on with it.
    """

    def __init__(self, token: str, every_seconds: float = 10.0) -> None:
        self._token, self._every = token, every_seconds
        self._phase, self._next = "", 0.0

    def __call__(self, status: Mapping[str, Any]) -> None:
        """status: ``Driver``'s, plain data; it travels as the record's ``search``."""
        phase, now = str(status["phase"]), time.monotonic()
        told = now >= self._next or phase != self._phase
        if told:
            self._phase, self._next = phase, now + self._every
        logger.log(
            logging.INFO if told else logging.DEBUG,
            "search: %s, %d of %d trials",
            phase,
            status["trials"],
            status["planned"],
            extra={"search": {**status, "token": self._token}},
        )
