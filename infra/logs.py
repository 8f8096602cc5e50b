"""What is said where: the console is the user's, the Prefect server keeps everything."""

import logging

LOGGER = "restock"
WARNINGS = "py.warnings"
QUIET = "CRITICAL"


def environment(console: str = QUIET) -> dict[str, str]:
    """Variables that steer logging, read when prefect and distributed are imported.

    console: lowest level that libraries may print. Runs started from a terminal are quiet
    (their progress is drawn), services print to their log files.
    """
    return {
        # Ours and all warnings go to the run's log on the server, from every process of a run.
        "PREFECT_LOGGING_EXTRA_LOGGERS": f"{LOGGER},{WARNINGS}",
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
    the handler to our logger, but leaves it at the level of the root, WARNING.
    """
    logging.getLogger(LOGGER).setLevel(level)
    logging.captureWarnings(True)
