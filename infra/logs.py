"""What is said where: the console is the user's, the Prefect server keeps everything."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

LOGGER = "restock"
WARNINGS = "py.warnings"
QUIET = "CRITICAL"
LINES = "RESTOCK_LOG_LINES"
"""The environment variable that names the folder of this node's lines (``log_lines``)."""
SECONDS = 0.5
"""Between two letters to the server: a tail of a run is that far behind, and its own look."""

_market: ContextVar[str | None] = ContextVar("market", default=None)


def environment(console: str = QUIET) -> dict[str, str]:
    """Variables that steer logging, read when prefect and distributed are imported.

    console: lowest level that libraries may print. Runs started from a terminal are quiet
    (their progress is drawn), services print to their log files.
    """
    return {
        # Ours and all warnings go to the run's log on the server, from every process of a run.
        "PREFECT_LOGGING_EXTRA_LOGGERS": f"{LOGGER},{WARNINGS}",
        "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": str(SECONDS),
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": console,
        "PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED": "true",
        "PREFECT_SERVER_LOGS_STREAM_PUBLISHING_ENABLED": "true",
        "DASK_LOGGING__DISTRIBUTED": "warning",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
    }


def configure(level: int = logging.INFO) -> None:
    """Let our loggers speak in this process, and turn warnings into log lines.

    Call it in every process that runs tasks, after prefect has set its handlers: prefect adds
    the handler, but leaves our logger at the level of the root, WARNING.
    """
    logging.getLogger(LOGGER).setLevel(level)
    logging.captureWarnings(True)


def listen_to_all() -> None:
    """What other libraries say within a run goes to its log too, from their warnings on.

    For processes that import prefect anyway. Prefect's own loggers and ours send for themselves,
    and pass on to the root what they have sent.
    """
    from prefect.logging.configuration import ensure_logging_setup
    from prefect.logging.handlers import APILogHandler

    ensure_logging_setup()  # where it comes later, with the first task, it clears the root

    def is_of_others(record: logging.LogRecord) -> bool:
        return record.name.partition(".")[0] not in ("prefect", LOGGER, "py")

    root = logging.getLogger()
    if not any(type(handler) is APILogHandler for handler in root.handlers):
        handler = APILogHandler()
        handler.addFilter(is_of_others)
        root.addHandler(handler)


@contextmanager
def about(market: str | None) -> Iterator[None]:
    """What is said meanwhile is about this market: ``restock logs --market`` finds it."""
    before = _market.set(market)
    try:
        yield
    finally:
        _market.reset(before)


def of_market(market: str, work: Callable[[str], T]) -> T:
    """``work(market)``, whose words are about the market."""
    with about(market):
        return work(market)


def market() -> str | None:
    """The market that work in this context is about."""
    return _market.get()
