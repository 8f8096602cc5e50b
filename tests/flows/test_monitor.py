"""Monitoring as people run it: ledgers, the page of all markets, and back to the plan before."""

import datetime as dt
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from contracts.nights import write_orders

from restock.infra.local_store import LocalStore
from restock.infra.publications import current, make_current, read_current, read_manifest, stage
from restock.infra.records import About, Plan
from restock.models import Candidate

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


def successor(store: LocalStore, market: str, as_of: dt.date, offer: pa.Table) -> str:
    """Publish lists of another plan on top of what is current; their token."""
    now = current(store, market)
    assert now is not None
    manifest = read_manifest(store, market, now.token)
    assert manifest is not None
    about = About(
        as_of=as_of,
        k=manifest.k,
        model=manifest.model,
        plan=Plan.of(Candidate(name="popular")),
        snapshot=manifest.snapshot,
    )
    token = f"{as_of}-successor"
    make_current(store, stage(store, market, token, offer, about), replaces=now.token)
    return token


def test_a_successor_that_is_worse_is_rolled_back_and_says_so(
    restock, orders: Path, store: LocalStore, tmp_path: Path
) -> None:
    sold = pd.read_parquet(orders).assign(market="DE")  # one market with orders enough
    together = write_orders(tmp_path / "together.parquet", sold)
    given = ("--orders", str(together))
    done = restock("retrain", *given, "--as-of", "2011-08-01")
    assert done.returncode == 0, done.stderr[-3000:]
    first = current(store, "DE")
    assert first is not None
    rows = read_current(store, "DE").to_pandas()
    rare = sold["item_id"].value_counts().index[::-1]
    rows["item_id"] = rows["rank"].map(dict(enumerate(rare, 1)))
    bad = successor(store, "DE", dt.date(2011, 8, 2), pa.Table.from_pandas(rows))

    done = restock("monitor", *given, "--as-of", "2011-12-01")
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"DE was rolled back to {first.token}" in done.stderr.replace("\n", "")
    now = current(store, "DE")
    assert now is not None and now.token == first.token and bad in now.withdrawn
    assert [bar.plan_key for bar in now.barred] == [Candidate(name="popular").key]
    assert now.effective == dt.date(2011, 12, 1)
    alert = json.loads(store.get("alerts/DE/DE-2011-12-01-performance.json").data)
    assert alert["action"] == "note" and "the plan before it" in alert["evidence"]

    stands = health_of(restock("monitor", *given, "--as-of", "2011-12-02", "--json"))
    assert stands["DE"]["rolled_back"]["left"] == bad
    assert current(store, "DE") == now
    assert "DE was rolled back" in store.get("reports/health/index.html").data.decode()
