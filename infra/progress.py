"""How far a long job is, said through logging: the CLI draws it, the server keeps it."""

import logging

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
