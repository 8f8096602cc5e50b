"""What processes of one node hold of a snapshot that all of them read."""

from pathlib import Path

import pytest

from restock.benchmarks.growth import orders
from restock.benchmarks.speed_snapshot import open_apart, residents
from restock.dataset.interactions import LINE_COLUMNS
from restock.infra.local_store import LocalStore
from restock.infra.snapshots import put_snapshot

pytestmark = pytest.mark.platform


def test_processes_of_a_node_share_the_lines_that_they_read(tmp_path: Path) -> None:
    data = orders(60_000, 3_000, repeats=0)
    size = sum(getattr(data, name).nbytes for name in LINE_COLUMNS) / 1e6
    ref = put_snapshot(LocalStore(tmp_path), data)
    held = residents(ref, 3)
    assert len(held) == 3
    assert max(one.private for one in held) < size / 3  # modules that are imported while it opens
    assert 0.9 * size < sum(one.share for one in held) < 2 * size
    assert open_apart(ref, ref) > 0
