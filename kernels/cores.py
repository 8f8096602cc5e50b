"""How many cores this process may use: its affinity mask and its container's quota."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path


def available_cores(cgroup_root: Path = Path("/sys/fs/cgroup")) -> int:
    """Cores that this process may use: affinity mask and container quota, at least one."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = _cgroup_cores(cgroup_root)
    return max(1, min(cores, int(quota)) if quota else cores)


@cache
def _cgroup_cores(root: Path) -> float | None:
    """The smallest quota on the path from the root to this process's control group, in cores."""
    quotas = []
    for folder in cgroup_folders(root):
        for quota_file, period_file in (
            ("cpu.max", None),
            ("cpu.cfs_quota_us", "cpu.cfs_period_us"),
        ):
            try:
                words = (folder / quota_file).read_text().split()
                if period_file:
                    words += (folder / period_file).read_text().split()
                quota, period = float(words[0]), float(words[1])
            except (OSError, ValueError, IndexError):
                continue  # no such file, or "max"
            if quota > 0 and period > 0:
                quotas.append(quota / period)
    return min(quotas, default=None)


def cgroup_folders(root: Path) -> Iterator[Path]:
    """Where the limits of this process stand: its control groups from the root down."""
    yield root
    yield root / "cpu"
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        folder = root / controllers if controllers else root
        for part in Path(path).parts[1:]:
            folder = folder / part
            yield folder
