"""A look at the markets as people run it: what moved is found, named, written down, told once."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from contracts.nights import write_orders

from restock.dataset import load_sample
from restock.infra.local_store import LocalStore

pytestmark = pytest.mark.platform

DAY, NEXT = "2011-11-17", "2011-11-18"
SHOCK = pd.Timestamp("2011-11-07")


@pytest.fixture(scope="module")
def shocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real orders of two markets; prices in one rise by a quarter ten days before the look."""
    frame = load_sample().orders
    frame = frame[frame["market"].isin(["GB", "DE"])].copy()
    dearer = (frame["market"] == "GB") & (frame["timestamp"] >= SHOCK)
    frame.loc[dearer, "unit_price"] *= 1.25
    return write_orders(tmp_path_factory.mktemp("shocked") / "orders.parquet", frame)


def watch_of(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """The record that ``restock drift --json`` printed."""
    assert done.stdout, done.stderr[-3000:]
    return dict(json.loads(done.stdout))


def findings(watch: dict[str, Any]) -> dict[tuple[str, str], str]:
    """(Market, cause) → severity."""
    return {
        (found["market"], found["cause"]): found["severity"]
        for one in watch["markets"]
        for check in one["checks"].values()
        for found in check["findings"]
    }


def test_a_price_shock_is_found_named_and_told_once(
    restock, shocked: Path, store: LocalStore
) -> None:
    first = restock("drift", "--orders", str(shocked), "--as-of", DAY, "--json")
    assert first.returncode == 0, first.stderr[-3000:]
    watch = watch_of(first)
    assert findings(watch)[("GB", "price shock")] == "alarm"
    assert watch["raised"] == [f"GB-{DAY}-price-shock"]
    states = {one["market"]: one["state"] for one in watch["markets"]}
    assert states["GB"] == "alarm" and states["DE"] != "alarm"

    (gb,) = [one for one in watch["markets"] if one["market"] == "GB"]
    page = store.get(gb["page"]).data.decode()
    assert "price shock" in page and "<svg" in page and "http://" not in page
    assert b"<html" in store.get(gb["evidently"]).data.lower()
    assert not [entry for entry in store.list("reports/drift/DE") if entry.key.endswith(".html")]
    alert = json.loads(store.get(f"alerts/GB/GB-{DAY}-price-shock.json").data)
    assert alert["report"].endswith(gb["page"])

    again = watch_of(restock("drift", "--orders", str(shocked), "--as-of", NEXT, "--json"))
    assert not again["raised"] and again["repeated"]
    assert findings(again)[("GB", "price shock")] == "alarm"


def test_what_is_planned_is_noted_and_wakes_nobody(
    restock, shocked: Path, store: LocalStore, tmp_path: Path
) -> None:
    packaged = Path(__file__).parents[2] / "deployments" / "markets.toml"
    plan = '[[markets."GB".planned]]\nwhat = "prices"\nfirst = 2011-11-01\nlast = 2011-11-30\n'
    (tmp_path / "markets.toml").write_text(f"{packaged.read_text()}\n{plan}")
    settings = {"MARKETS": str(tmp_path / "markets.toml")}
    given = ("--orders", str(shocked), "--as-of", DAY, "--markets", "GB", "--report")
    done = restock("drift", *given, **settings)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "price shock" in done.stdout and "note" in done.stdout
    assert "Nothing is published" in done.stdout
    assert "New alerts" not in done.stdout and not store.list("alerts")
    assert store.get(f"reports/drift/GB/{DAY}.html")


def test_a_market_that_cannot_be_looked_at_fails_alone_and_is_named(
    restock, orders: Path, store: LocalStore
) -> None:
    store.put("publications/DE/current.json", b"no pointer")
    done = restock("drift", "--orders", str(orders), "--markets", "DE,FR", "--json")
    assert done.returncode == 1
    states = {one["market"]: one["state"] for one in watch_of(done)["markets"]}
    assert states["DE"] == "failed" and states["FR"] != "failed"
    (de,) = [one for one in watch_of(done)["markets"] if one["market"] == "DE"]
    assert "publications/DE/current.json" in de["error"]
    done = restock("drift", "--orders", str(orders), "--markets", "ZZ")
    assert done.returncode == 2 and "no orders of market ZZ" in done.stderr
