"""``restock experiment``: what people type, what they see, and how it ends."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result
from typer.testing import CliRunner

from restock.cli.main import app
from restock.cli.output import BadUsage
from restock.infra.experiment_rehearsal import World, make_world
from restock.infra.link_ledger import read_entries
from restock.infra.local_store import LocalStore

pytestmark = pytest.mark.unit

Invoke = Callable[..., Result]
ARMS = ["--markets", "FR", "--metric", "lines", "--arms", "control=popular,treatment=reorder"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    make_world(folder, World(customers={"FR": 250}, items=60, history_days=200, later_days=20))
    return folder


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Invoke:
    monkeypatch.setenv("RESTOCK_HOME", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(app, ["experiment", *arguments])


@pytest.fixture
def assigned(invoke: Invoke, world: Path) -> dict[str, int]:
    """An experiment of two weeks, with its customers."""
    orders = ["--orders", str(world / "orders.parquet")]
    drafted = invoke("design", "a-test", *orders, *ARMS, "--effect", "5")
    assert drafted.exit_code == 0, drafted.output
    done = invoke("assign", "a-test", *orders, "--start", "2025-07-25", "--days", "14", "--json")
    assert done.exit_code == 0, done.output
    counts: dict[str, int] = json.loads(done.stdout)["counts"]
    return counts


@pytest.mark.thorough
def test_from_a_world_to_the_ledger(
    invoke: Invoke, assigned: dict[str, int], world: Path, tmp_path: Path
) -> None:
    past = pd.read_parquet(world / "orders.parquet")
    played = invoke("rehearse", "a-test", "--folder", str(world), "--json")
    assert played.exit_code == 0, played.output
    orders, log = (pd.read_parquet(world / f"{one}.parquet") for one in ("orders", "exposures"))
    before = orders[orders["timestamp"] < "2025-07-25"].reset_index(drop=True)
    pd.testing.assert_frame_equal(before, past)  # what was known stays as it was
    assert set(log.loc[log["timestamp"] >= "2025-07-25", "policy"]) >= {"control", "treatment"}

    here = ["analyze", "a-test", "--orders", str(world / "orders.parquet")]
    here += ["--exposures", str(world / "exposures.parquet")]
    early = json.loads(invoke(*here, "--as-of", "2025-08-01", "--json").stdout)
    assert early["state"] == "running" and early["analysis"]["looks"] == "anytime"
    assert early["entry"] is None and "2025-08-08" in " ".join(early["notes"])

    done = invoke(*here, "--as-of", "2025-08-08", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["state"] == "finished" and said["analysis"]["counts"] == assigned
    assert len(said["looks"]) == 14 and [one["others"] for one in said["shown"]] == [0, 0]
    (entry,) = read_entries(LocalStore(tmp_path / "store"))
    effect = said["analysis"]["effects"][0]
    assert entry.error == effect["error"] and entry.metric == "lines"
    assert {"ndcg_at_10", "revenue_share_at_10"} <= entry.offline.keys()
    page = Path(said["report"]).read_text()
    assert "<svg" in page and "a-test" in page and not re.search(r"https?://(?!www\.w3)", page)

    again = json.loads(invoke(*here, "--as-of", "2025-08-08", "--json").stdout)
    assert again == said

    log["policy"] = log["policy"].map(
        lambda arm: {"control": "treatment", "treatment": "control"}.get(arm, arm)
    )
    log.to_parquet(tmp_path / "swapped.parquet")
    swapped = invoke(*here[:4], "--exposures", str(tmp_path / "swapped.parquet"),
                     "--as-of", "2025-08-08", "--json")  # fmt: skip
    assert swapped.exit_code == 1 and json.loads(swapped.stdout)["entry"] is None
    assert json.loads(swapped.stdout)["analysis"]["decision"] == "invalid"

    shown = invoke(*here, "--as-of", "2025-08-08")
    assert "Decision:" in shown.stdout and "The arms got their shares" in shown.stdout
    assert "finished" in invoke("list", "--as-of", "2025-09-01").stdout


@pytest.mark.thorough
def test_lost_customers_make_it_invalid(
    invoke: Invoke, assigned: dict[str, int], world: Path, tmp_path: Path
) -> None:
    path = tmp_path / "store/experiments/a-test/assignment.parquet"
    table = pd.read_parquet(path)
    lost = table[table["arm"] == "control"].index[::2]
    table.drop(index=lost).to_parquet(path, index=False)
    assert invoke("rehearse", "a-test", "--folder", str(world)).exit_code == 0
    here = ["--orders", str(world / "orders.parquet"), "--as-of", "2025-08-08"]
    done = invoke("analyze", "a-test", *here)
    assert done.exit_code == 1
    assert "did NOT get their shares" in done.stdout and "Decision: invalid" in done.stdout
    assert read_entries(LocalStore(tmp_path / "store")) == []


def test_orders_of_other_customers_are_not_analyzed(
    invoke: Invoke, assigned: dict[str, int], world: Path, tmp_path: Path
) -> None:
    others = pd.read_parquet(world / "orders.parquet")
    others = others.assign(customer_id="X" + others["customer_id"])
    others.to_parquet(tmp_path / "others.parquet")
    done = invoke("analyze", "a-test", "--orders", str(tmp_path / "others.parquet"))
    assert "244 of the 244 customers assigned to a-test" in str(done.exception)


def test_a_market_that_is_too_small_is_told_so(invoke: Invoke, world: Path) -> None:
    done = invoke("design", "--orders", str(world / "orders.parquet"), *ARMS, "--effect", "0.001")
    assert done.exit_code == 1
    assert "FR is too small to find 0.1% of lines" in done.stdout


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["design"], "--markets names no market"),
        (["design", "--markets", "fr"], "no market code"),
        (["design", "--markets", "FR", "--share", "1.5"], "share 1.5: Input should be less than"),
        (["design", "--markets", "FR", "--layer", "../x"], "layer '../x': String should match"),
        (["design", "--markets", "FR", "--effect", "nan"], "--effect nan above 0"),
        (["design", "--markets", "FR", "--shares", "control=x,treatment=1"], "write numbers, as"),
        (["design", "--markets", "FR", "--metric", "clicks"], "no metric 'clicks'"),
        (["design", "--markets", "FR", "--arms", "a=nothing,b"], "nothing"),
        (["design", "--markets", "FR", "--shares", "x=1,y=2"], "--shares names x, y"),
        (["design", "../x", "--markets", "FR"], "name"),
        (["design", "--markets", "FR", "--orders", "no.parquet"], "no such file"),
        (["assign", "a-test", "--start", "soon"], "'soon' is no date"),
        (["assign", "a-test", "--start", "2026-01-05"], "there is no experiment a-test"),
        (["analyze", "a-test"], "there is no experiment a-test"),
        (["analyze", "a-test", "--exposures", "no.csv"], "no such file"),
        (["rehearse", "--customers", "FR"], "--customers"),
        (["rehearse", "--customers", "FR=some"], "--customers FR=some: write numbers"),
    ],
)
def test_wrong_usage_says_what_helps(invoke: Invoke, typed: list[str], says: str) -> None:
    done = invoke(*typed)
    assert isinstance(done.exception, BadUsage), done.output
    assert says in str(done.exception) and "pydantic" not in str(done.exception)


def test_a_folder_without_a_world_says_how_to_make_one(
    invoke: Invoke, assigned: dict[str, int], tmp_path: Path
) -> None:
    done = invoke("rehearse", "a-test", "--folder", str(tmp_path / "none"))
    assert "restock experiment rehearse --folder" in str(done.exception)
