"""How far behind is the tail of a run, and does it lose a line?

    python -m restock.benchmarks.logs [--json]

A real server on SQLite, a flow on two worker processes, and ``restock logs -f`` as it reads.

tail_delay_seconds     from the moment a worker says a line to the one in which the tail shows it:
                       the 99th percentile, 100 lines per second
tail_delay_median      half of them
lines_lost             of 100,000 said by two workers as fast as they can, those that are not found
                       afterwards
lines_taken_per_second how fast the server had these, from the first word to the end of the run
lines_read_per_second  how fast they are read afterwards
"""

import contextlib
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from restock.benchmarks.figures import Figure, report, wants_json
from restock.infra.prefect_env import connect
from restock.infra.settings import Settings, load_settings

if TYPE_CHECKING:
    from restock.infra.run_log import Line

SLOW, FAST = 1_000, 100_000  # lines
WORKERS = 2
RATE = 100.0  # lines a second

RUN = "talk"
LOGGER = "restock.benchmarks.logs_flow"


def start(settings: Settings) -> Any:
    """A process that runs the flow."""
    made = multiprocessing.get_context("spawn").Process(target=_run, args=[settings])
    made.start()
    return made


def _run(settings: Settings) -> None:
    from restock.benchmarks.logs_flow import run

    run(settings, RUN, SLOW, RATE, FAST)


def figures() -> Iterator[Figure]:
    """The figures of the module's text."""
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = load_settings(home=home, runner="dask", cores=WORKERS)
        connection = stack.enter_context(connect(settings))
        connection.wait()
        from prefect.client.orchestration import get_client

        client = get_client(sync_client=True)
        running = start(settings)
        delays = np.array(list(_delays(client)))
        if delays.size != SLOW:
            raise RuntimeError(f"{delays.size} of {SLOW} lines were in the tail")
        yield Figure("tail_delay_seconds", float(np.quantile(delays, 0.99)), "s")
        yield Figure("tail_delay_median", float(np.median(delays)), "s")

        running.join()
        ended, began = time.time(), time.monotonic()
        fast = [line for line in _said(client) if line.message.startswith("fast ")]
        read = time.monotonic() - began
        found = {line.message for line in fast}
        wanted = {f"fast {who} {n}" for who in range(WORKERS) for n in range(FAST // WORKERS)}
        yield Figure("lines_lost", float(len(wanted - found)), f"of {FAST:,}")
        taken = ended - fast[0].time.timestamp()
        yield Figure("lines_taken_per_second", FAST / taken, "lines per s")
        yield Figure("lines_read_per_second", FAST / read, "lines per s")


def _delays(client: Any) -> Iterator[float]:
    """Of the lines that are said slowly, in seconds, as a tail shows them."""
    from restock.infra.run_log import NoSuchRun, RunLog, find_run

    while True:
        with contextlib.suppress(NoSuchRun):
            run = find_run(client, RUN)
            break
        time.sleep(0.2)
    told = 0
    for line in RunLog(client, run).follow():
        if line.logger == LOGGER and line.message.startswith("slow "):
            yield time.time() - line.time.timestamp()
            told += 1
            if told == SLOW:
                return  # what is said fast is nobody's tail


def _said(client: Any) -> Iterator["Line"]:
    from restock.infra.run_log import RunLog, find_run

    for _, line in RunLog(client, find_run(client, RUN)).read():
        if line.logger == LOGGER:
            yield line


if __name__ == "__main__":
    report(figures(), wants_json(__doc__))
