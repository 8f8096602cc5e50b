"""A progress display of a job in batches, drawn from what its flow says through logging."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from restock.cli.output import errors


class _Drawing(logging.Handler):
    """Draws the progress that a flow reports through logging."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._bars: dict[str, Any] = {}

    def emit(self, record: logging.LogRecord) -> None:
        stage = getattr(record, "stage", None)
        if stage is None:
            return
        if stage not in self._bars:
            self._bars[stage] = self._progress.add_task(stage, total=None, detail="")
        self._progress.update(
            self._bars[stage],
            completed=getattr(record, "done", 0),
            total=getattr(record, "total", None),
            detail=getattr(record, "detail", ""),
        )


@contextmanager
def progress(quiet: bool) -> Iterator[None]:
    """A progress display on standard error while work runs; nothing when quiet."""
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<16}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[detail]}"),
        console=errors,
        disable=quiet,
    )
    handler = _Drawing(bars)
    logger = logging.getLogger("restock.progress")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with bars:
            yield
    finally:
        logger.removeHandler(handler)
