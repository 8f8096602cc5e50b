"""From a published list to an off-policy answer: served, asked for, logged, read by ``ope``."""

import datetime as dt
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from contracts.served import publish, serving
from typer.testing import CliRunner

from restock.cli.main import app
from restock.dataset import simulate
from restock.infra.exposure_store import put_exposures
from restock.infra.local_store import LocalStore
from restock.infra.ope_question import Question, candidate, find_log
from restock.models import create

pytestmark = pytest.mark.platform

K = 3
WORLD = {"customers": {"FR": 400}, "items": 100, "days": 200, "seed": 2}


def test_ope_reads_what_the_service_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTOCK_HOME", str(tmp_path))
    simulation = simulate(**WORLD)
    simulation.orders.to_parquet(tmp_path / "orders.parquet")
    today = dt.datetime.now(ZoneInfo("Europe/Paris")).date()  # the day of the log, in FR
    orders = simulation.interactions().before(today)  # what the question refits on
    store = LocalStore(tmp_path / "store")
    lists = create("reorder").fit(orders).recommend(orders.customers, K)
    rows = lists.frame(orders.catalogue).assign(bought_before=False, reason="")
    publish(store, pa.Table.from_pandas(rows.drop(columns="fallback")), "run-1", K)
    customers = rows["customer_id"].unique()

    with serving(tmp_path) as served:
        served.serves("FR", "run-1")
        said = {one: served.list("FR", one)[1]["items"] for one in customers}
        assert served.end() == 0

    question = Question(plans=(candidate("reorder"),))
    log = find_log(store, None, question)
    assert len(log) == len(rows) and set(log["policy"]) == {"reorder-market-f6f745de"}
    for customer, shown in log.groupby("customer_id"):
        assert shown["item_id"].tolist() == [item["item_id"] for item in said[customer]]
    # what came of it, which whoever owns the pages logs; a plan that shows the same earns the same
    log.loc[log["position"] == 1, "outcome"] = "click"
    put_exposures(store, log)
    monkeypatch.chdir(tmp_path)
    asked = ["ope", "--plan", "reorder", "--orders", "orders.parquet", "--json"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["lists"] == len(customers)
    worth = {row["estimator"]: row["worth"]["value"] for row in answer["answers"][0]["rows"]}
    assert worth["snips"] == pytest.approx(1.0, abs=0.02)
