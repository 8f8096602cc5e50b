"""Monitoring as people run it: ledgers, and the page of all markets."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from restock.infra.local_store import LocalStore

pytestmark = pytest.mark.platform


def health_of(done: "subprocess.CompletedProcess[str]") -> dict[str, dict[str, Any]]:
    """Market → how it stands, as ``restock monitor --json`` printed it."""
    assert done.returncode == 0, done.stderr[-3000:]
    return {one["market"]: one for one in json.loads(done.stdout)["markets"]}


def test_later_orders_judge_what_was_published(
    restock, orders: Path, store: LocalStore, home: Path
) -> None:
    nothing = restock("monitor", "--orders", str(orders), "--markets", "FR")
    assert nothing.returncode == 0 and "restock retrain" in nothing.stdout

    night = ("retrain", "--orders", str(orders), "--markets", "FR,DE", "--as-of", "2011-08-01")
    assert restock(*night).returncode == 0
    given = ("monitor", "--orders", str(orders), "--json", "--as-of")
    stands = health_of(restock(*given, "2011-10-01"))
    for market in ("FR", "DE"):
        one = stands[market]
        assert 0.1 < one["ndcg"]["value"] < 0.6 and one["ndcg"]["low"] < one["ndcg"]["value"]
        assert one["orders"] > 5 and one["weeks"] and one["retrained"]["as_of"] == "2011-08-01"
    assert stands["ES"]["light"] == "grey" and "restock retrain --markets ES" in stands["ES"]["why"]

    ledger = store.get("realised/FR.parquet").data
    assert health_of(restock(*given, "2011-10-01"))["FR"]["ndcg"] == stands["FR"]["ndcg"]
    assert store.get("realised/FR.parquet").data == ledger

    page = store.get("reports/health/index.html").data.decode()
    assert set(re.findall(r'<tr id="(\w+)"', page)) == set(stands) and "http://" not in page
