"""How much memory this process may still take: the machine's and its container's."""

from pathlib import Path

import psutil

from restock.kernels.cores import cgroup_folders


def free_memory(cgroup_root: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that the machine has free, or its containers' limits leave, whichever is less.

    Files that are cached count as free: they make room.
    """
    free = int(psutil.virtual_memory().available)
    for folder in (*cgroup_folders(cgroup_root), cgroup_root / "memory"):
        for limit, used in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            try:
                left = int((folder / limit).read_text()) - int((folder / used).read_text())
                free = min(free, left + _cached(folder / "memory.stat"))
            except (OSError, ValueError):
                continue  # no such file, or "max"
    return max(free, 0)


def _cached(stat: Path) -> int:
    """Bytes of files in memory."""
    found = dict(line.split() for line in stat.read_text().splitlines())
    return sum(
        int(found.get(f"total_{name}", found.get(name, 0)))
        for name in ("inactive_file", "active_file")
    )
