"""The live view of a search: how far, best so far, budget left, workers busy."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from restock.cli.output import errors

PHASES = {
    "screen": "every family once, on all markets together",
    "pool": "configurations, on all markets together",
    "own": "configurations, market by market",
    "mix": "mixtures of what was tried",
    "report": "what was chosen meets the plan in service, on newer windows",
    "done": "deciding, writing the plans",
}
ROWS = 6
"""Places whose best is shown; the rest is counted."""
LEAST_CUSTOMERS = 50
"""A market with fewer that were judged is not shown: its lift is mostly noise."""


class View(logging.Handler):
    """Keeps the newest status that a search logs, and draws it."""

    def __init__(self) -> None:
        super().__init__()
        self.token = ""
        """Of the search, as soon as it is known."""
        self.finished = False
        """Whether it was finished before this process began."""
        self._began = time.monotonic()
        self._status: Mapping[str, Any] = {}
        self._stage = "starting"
        self._told = self._began
        self._spinner = Spinner("dots")

    def emit(self, record: logging.LogRecord) -> None:
        """Take in a record that carries progress."""
        status = getattr(record, "search", None)
        if status is not None:
            self._status, self._told = status, time.monotonic()
            self._call_it(status.get("token", self.token))
        elif named := getattr(record, "search_name", None):
            self.finished = bool(getattr(record, "finished", False))
            self._call_it(str(named))
        elif stage := getattr(record, "stage", None):
            self._stage = str(stage)

    def _call_it(self, token: str) -> None:
        """Say what the search is called as soon as it is known: to go on with it needs that."""
        if token and token != self.token:
            self.token = token
            errors.print(f"Search: {token}", soft_wrap=True, highlight=False)

    def __rich__(self) -> RenderableType:
        if not self._status:
            self._spinner.update(text=f"{self._stage} … {_clock(time.monotonic() - self._began)}")
            return self._spinner
        best = [self._best()] if self._status["best"] else []
        return Group(self._head(), self._meters(), *best, self._foot())

    def _head(self) -> RenderableType:
        phase = str(self._status["phase"])
        self._spinner.update(text=Text.assemble((phase, "bold"), f"  {PHASES.get(phase, '')}"))
        return self._spinner

    def _meters(self) -> RenderableType:
        status = self._status
        table = Table.grid(padding=(0, 1))
        trials, planned = int(status["trials"]), max(int(status["planned"]), 1)
        table.add_row("trials", _bar(trials / planned), f"{trials} of {planned}")
        spent = float(status["spent"]) + time.monotonic() - self._told
        if status.get("left") is None:
            table.add_row("time", "", _clock(spent))
        else:
            budget = float(status["spent"]) + float(status["left"])
            said = f"{_clock(max(budget - spent, 0.0))} left of {_clock(budget)}"
            table.add_row("budget", _bar(spent / budget), said)
        busy, slots = int(status["busy"]), max(int(status["slots"]), 1)
        table.add_row("workers", _bar(busy / slots), f"{busy} of {slots} busy")
        return table

    def _best(self) -> RenderableType:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=True)
        table.add_column("place", no_wrap=True)
        table.add_column("lift", justify="right", no_wrap=True)
        table.add_column("best so far", overflow="ellipsis", no_wrap=True, ratio=1)
        best: Mapping[str, Mapping[str, Any]] = self._status["best"]
        sizes = {place: int(one.get("customers", LEAST_CUSTOMERS)) for place, one in best.items()}
        told = [place for place in best if place == "all" or sizes[place] >= LEAST_CUSTOMERS]
        ordered = sorted(told, key=lambda place: (place != "all", -sizes[place], place))
        for place in ordered[:ROWS]:
            one = best[place]
            table.add_row(place, f"{one['lift']:+.1%}", escape(str(one["label"])))
        if len(ordered) > ROWS:
            table.add_row("", "", f"[dim]and {len(ordered) - ROWS} more[/]")
        return table

    def _foot(self) -> RenderableType:
        running = [str(name) for name in self._status.get("running", ())]
        parts = [f"running: {', '.join(running[:4])}" if running else "nothing is running"]
        if failures := int(self._status.get("failures", 0)):
            parts.append(f"{failures} trials failed")
        return Text(" · ".join(parts), style="dim", no_wrap=True, overflow="ellipsis")


@contextmanager
def watching(*, quiet: bool) -> Iterator[View]:
    """Draw a search on standard error while it runs; nothing when quiet or not in a terminal."""
    view = View()
    loggers = [logging.getLogger(name) for name in ("restock.progress", "restock.progress.live")]
    for logger in loggers:
        logger.addHandler(view)
        logger.setLevel(logging.INFO)
    try:
        if quiet or not errors.is_terminal:
            yield view
        else:
            with Live(view, console=errors, refresh_per_second=4, transient=True):
                yield view
    finally:
        for logger in loggers:
            logger.removeHandler(view)


def _bar(share: float) -> ProgressBar:
    return ProgressBar(total=1.0, completed=min(max(share, 0.0), 1.0), width=30)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
