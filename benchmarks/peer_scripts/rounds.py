"""One side of a race: prepares its work once, then does it once for every line it reads.

    python rounds.py MODULE FUNCTION FOLDER [OPTIONS AS JSON]

``FUNCTION(folder, **options)`` prepares, untimed, and returns the work: a function that returns
named arrays. They go to ``FOLDER/MODULE.FUNCTION.npz`` after each round; the answer is a line of
JSON: seconds of wall clock and CPU, and megabytes: the peak of the process since it started, and
how far the round rose above what was held before it, without pages of files that were mapped
before and came back from where the kernel had put them. An exception ends the process, and so does
wanting more memory than LIMIT: a machine that swaps or kills measures nothing.
"""

import gc
import importlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

LIMIT = 16 * 10**9  # bytes


def main() -> None:
    """Prepare, say so, work once per line."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    module, function, folder = sys.argv[1:4]
    options = json.loads(sys.argv[4]) if len(sys.argv) > 4 else {}
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer
    work = getattr(importlib.import_module(module), function)(Path(folder), **options)
    print("{}", file=answers, flush=True)
    peak = 0.0
    for _ in sys.stdin:
        gc.collect()
        peak = max(peak, status("VmHWM"))
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
        before, files = status("VmRSS"), status("RssFile")
        cpu, wall = cpu_seconds(), time.perf_counter()
        found = work()
        measured: dict[str, Any] = {
            "wall": time.perf_counter() - wall,
            "cpu": cpu_seconds() - cpu,
            "rise_mb": status("VmHWM") - before - max(status("RssFile") - files, 0.0),
        }
        peak = max(peak, status("VmHWM"))
        np.savez(Path(folder) / f"{module}.{function}.npz", **found)
        print(json.dumps(measured | {"peak_mb": peak}), file=answers, flush=True)


def status(name: str) -> float:
    """Megabytes of memory of this process: VmRSS now, VmHWM at most."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    raise KeyError(name)


def cpu_seconds() -> float:
    """CPU seconds of this process and of children that ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
