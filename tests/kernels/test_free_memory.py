"""What a process may still take: the least that the machine and its containers leave."""

from pathlib import Path

import psutil
import pytest

from restock.kernels.free_memory import free_memory

pytestmark = pytest.mark.unit

V1, V1_USED = "memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, None),
        ({"memory.max": "max", "memory.current": "10", "memory.stat": ""}, None),
        ({"memory.max": "900", "memory.current": "300", "memory.stat": ""}, 600),
        (
            {
                "memory.max": "900",
                "memory.current": "300",
                "memory.stat": "anon 100\ninactive_file 150\nactive_file 20",
            },
            770,
        ),
        ({"memory.max": "900", "memory.current": "990", "memory.stat": ""}, 0),
        ({V1: "700", V1_USED: "300", "memory/memory.stat": "total_inactive_file 50"}, 450),
    ],
)
def test_the_limit_of_a_container_counts(
    tmp_path: Path, files: dict[str, str], free: int | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = free_memory(tmp_path)
    if free is None:
        assert found == pytest.approx(psutil.virtual_memory().available, rel=0.5)
    else:
        assert found == free
