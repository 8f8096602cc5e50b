"""A night of retraining as people run it: what it leaves behind, and when things go wrong."""

import datetime as dt
import json
import signal
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from contracts.forked import Command
from contracts.nights import MARKETS, night_of, published, states, write_orders
from contracts.watched import finding
from mlflow import MlflowClient

from restock.infra.alerts import Alert, alert_key
from restock.infra.local_store import LocalStore
from restock.infra.prefect_server import ask
from restock.infra.publications import current, history, read_current

pytestmark = pytest.mark.platform

Start = Callable[..., Command]
KILLED_BEFORE_THE_SWAP = """
import os, signal
from restock.infra import publishing
publishing.publish_all = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""
# Dask's workers import the main script too: the first one that judges is killed at it.
A_WORKER_IS_KILLED_AT_WORK = """
import os, signal
from pathlib import Path
from restock.evaluation import contest

def judge(*arguments, _judge=contest.judge):
    judged = _judge(*arguments)
    try:
        Path({died!r}).open("x").close()
    except FileExistsError:
        return judged
    os.kill(os.getpid(), signal.SIGKILL)

contest.judge = judge
"""


def test_a_night_publishes_every_market_and_the_same_night_again_changes_nothing(
    restock, after_a_night, store: LocalStore, orders: Path
) -> None:
    first = after_a_night()
    assert states(first) == dict.fromkeys(MARKETS, "published")
    before = {entry.key: entry.modified for entry in store.list("publications")}

    again = restock("retrain", "--orders", str(orders), "--json")
    assert states(again) == dict.fromkeys(MARKETS, "unchanged")
    assert {entry.key: entry.modified for entry in store.list("publications")} == before
    assert night_of(again)["token"] == night_of(first)["token"]

    report = Path(night_of(first)["report"]).read_text()
    assert all(f'id="{market}"' in report for market in MARKETS)

    shown = restock("recommend", "--market", "FR", "--customer", "12681", "-k", "5", "--json")
    listed = json.loads(shown.stdout)
    assert listed["known"] and len(listed["items"]) == 5
    assert all(item["item_name"] and item["reason"] for item in listed["items"])
    stranger = json.loads(
        restock("recommend", "--market", "FR", "--customer", "nobody", "--json").stdout
    )
    assert not stranger["known"] and len(stranger["items"]) == 10


def test_every_customer_has_a_list_of_eligible_items(
    restock, store: LocalStore, orders: Path, tmp_path: Path
) -> None:
    frame = pd.read_parquet(orders)
    eligible = frame[["market", "item_id"]].drop_duplicates().sort_values(["market", "item_id"])
    eligible = eligible[eligible["item_id"].str[-1].isin(list("02468"))]
    table = tmp_path / "eligible.csv"
    eligible.to_csv(table, index=False)
    done = restock("retrain", "--orders", str(orders), "--eligibility", str(table), "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    for market in MARKETS:
        rows = read_current(store, market).to_pandas()
        may = set(eligible.loc[eligible["market"] == market, "item_id"])
        assert set(rows["item_id"]) <= may
        assert set(frame.loc[frame["market"] == market, "customer_id"]) <= set(rows["customer_id"])


def test_a_market_that_fails_fails_alone_and_is_named(
    restock, after_a_night, store: LocalStore, orders: Path
) -> None:
    after_a_night("--as-of", "2011-11-01")
    before = published(store)
    pointer = json.loads(store.get("publications/DE/current.json").data)
    pointer["plan"]["name"] = "no_such_model"
    store.put("publications/DE/current.json", json.dumps(pointer).encode())

    done = restock("retrain", "--orders", str(orders), "--json")
    assert done.returncode == 1
    assert states(done) == dict.fromkeys(MARKETS, "published") | {"DE": "failed"}
    (reason,) = [o["reason"] for o in night_of(done)["markets"] if o["market"] == "DE"]
    assert "no_such_model" in reason
    assert published(store)["DE"] == before["DE"]


def test_killing_a_dask_worker_does_not_change_a_byte(
    restock, nights, store: LocalStore, orders: Path, tmp_path: Path
) -> None:
    _, calm = nights()
    died = tmp_path / "died"
    done = restock(
        "retrain",
        "--orders",
        str(orders),
        RUNNER="dask",
        code=A_WORKER_IS_KILLED_AT_WORK.format(died=str(died)),
    )
    assert died.exists()
    assert done.returncode == 0, done.stderr[-3000:]
    assert published(store) == published(LocalStore(calm))


def test_a_flow_killed_before_the_swap_leaves_the_old_publication(
    restock, after_a_night, store: LocalStore, orders: Path
) -> None:
    after_a_night("--as-of", "2011-11-01")
    before = published(store)
    killed = restock("retrain", "--orders", str(orders), code=KILLED_BEFORE_THE_SWAP)
    assert killed.returncode == -signal.SIGKILL
    assert len(store.list("publications/FR")) > 3  # staged, and nobody sees it
    assert published(store) == before

    after = restock("retrain", "--orders", str(orders), "--json")
    assert states(after) == dict.fromkeys(MARKETS, "published")
    assert len(history(store, "FR")) == 2
    assert not store.list("spool/judgements")


def test_of_two_retrains_at_once_one_wins_and_the_other_says_so(
    start: Start, store: LocalStore, orders: Path
) -> None:
    days = ("2011-11-01", "2011-11-15")
    both = [
        start("retrain", "--orders", str(orders), "--markets", "FR", "--as-of", day, "--json")
        for day in days
    ]
    ended = [(process.communicate(timeout=300), process.returncode) for process in both]
    records = [json.loads(out)["markets"][0] for (out, _), _ in ended]
    winners = [record for record in records if record["state"] == "published"]
    now = current(store, "FR")
    assert now is not None and now.token in {record["publication"] for record in winners}
    for record, (_, code) in zip(records, ended, strict=True):
        if record["state"] != "published":  # the later day may have been there already
            assert now.token in record["reason"]
            assert (code, record["state"]) in {(1, "failed"), (0, "held")}
    assert len(history(store, "FR")) == len(winners)


def test_without_mlflow_the_night_publishes_and_tracking_catches_up(
    restock, store: LocalStore, orders: Path
) -> None:
    away = {"MLFLOW__TRACKING_URI": "http://127.0.0.1:9"}
    done = restock("retrain", "--orders", str(orders), "--as-of", "2011-11-01", "--json", **away)
    assert done.returncode == 0 and set(states(done).values()) == {"published"}
    assert store.list("spool/tracking")

    assert restock("retrain", "--orders", str(orders), "--json").returncode == 0
    assert not store.list("spool/tracking")


def test_an_earlier_night_and_other_orders_are_held_until_they_are_accepted(
    restock, after_a_night, store: LocalStore, orders: Path, tmp_path: Path
) -> None:
    frame = pd.read_parquet(orders)
    own = tmp_path / "own.csv"
    frame.assign(item_id="9" + frame["item_id"]).rename(columns={"customer_id": "Kunde"}).to_csv(
        own, sep=";", index=False
    )
    reading = ["--columns", "Kunde=customer_id", "--delimiter", ";", "--json"]
    after_a_night("--as-of", "2011-11-01")
    before = published(store)

    earlier = restock("retrain", "--orders", str(orders), "--as-of", "2011-10-01", "--json")
    assert set(states(earlier).values()) == {"held"}
    other = restock("retrain", "--orders", str(own), *reading)
    assert set(states(other).values()) == {"held"}
    assert published(store) == before

    accepted = restock("retrain", "--orders", str(own), *reading, "--accept-changes")
    assert set(states(accepted).values()) == {"published"}
    assert published(store) != before


def test_rolling_back_returns_to_the_publication_before(
    restock, after_a_night, store: LocalStore, orders: Path
) -> None:
    after_a_night("--as-of", "2011-11-01")
    before = published(store)
    assert restock("retrain", "--orders", str(orders)).returncode == 0
    assert published(store)["FR"] != before["FR"]
    assert restock("rollback", "--market", "FR").returncode == 0
    assert published(store)["FR"] == before["FR"]
    listed = json.loads(restock("history", "--market", "FR", "--json").stdout)
    assert [step["action"] for step in listed] == ["rolled back", "published", "published"]


def test_a_night_that_an_alert_asked_for_names_it_everywhere(
    restock, store: LocalStore, orders: Path, home: Path, api: str
) -> None:
    alert = Alert.of(finding("FR"), raised=dt.datetime(2011, 11, 30, 5, tzinfo=dt.UTC))
    store.put(alert_key(alert.id), alert.bytes())
    arguments = ["--orders", str(orders), "--markets", "FR", "--because", alert.id, "--json"]
    night = night_of(restock("retrain", *arguments))
    assert night["because"]["id"] == alert.id and night["because"]["evidence"] == alert.evidence
    report = Path(night["report"]).read_text()
    assert alert.id in report and alert.evidence in report
    tracked = MlflowClient(f"sqlite:///{home}/mlflow.db")
    experiment = tracked.get_experiment_by_name("restock")
    runs = tracked.search_runs([experiment.experiment_id], f"tags.because = '{alert.id}'")
    assert {run.data.tags["because_of"] for run in runs} == {alert.evidence} and len(runs) == 2
    about = {"flow_runs": {"name": {"like_": alert.id}}}
    (run,) = ask(api, "/flow_runs/filter", **about)
    assert run["name"] == f"retrain FR because of {alert.id}"

    back = restock("rollback", "--market", "FR", "--plan")
    assert back.returncode == 2 and "there is no plan before" in back.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--markets", "FR,ZZ"], "no orders of market ZZ"),
        (["--markets", "BR/../MX"], "BR/../MX"),
        (["--as-of", "yesterday"], "write it as 2011-12-01"),
        (["--orders", "no-such-file.parquet"], "no-such-file.parquet"),
        (["--as-of", "2013-01-01"], "the feed has stopped"),
        (["--columns", "Kunde"], "write it as Kunde=customer_id"),
        (["--runner", "spark"], "use threads, dask"),
        (["--eligibility", "empty.csv"], "is empty"),
        (["--because", "FR-2011-11-30-price-shock"], "there is no alert FR-2011-11-30"),
        (["--because", "../../x"], "they look like FR-2011-11-30-price-shock"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(
    restock, store: LocalStore, orders: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    (tmp_path / "empty.csv").write_text("market,item_id\n")
    given = [] if "--orders" in arguments else ["--orders", str(orders)]
    done = restock("retrain", *given, *arguments)
    assert done.returncode == 2, done.stderr[-3000:]
    assert says in done.stderr and "Traceback" not in done.stderr
    assert not store.list("publications")


def test_tiny_and_strange_markets_are_published_or_say_why(
    restock, store: LocalStore, orders: Path, tmp_path: Path
) -> None:
    real = pd.read_parquet(orders)
    line = real[real["market"] == "FR"].iloc[[0]]
    one_customer = line.assign(market="NO", customer_id="only", order_id="n1")
    one_item = pd.concat(
        [line.assign(market="NA", customer_id=f"c{n}", order_id=f"m{n}") for n in range(3)]
    )
    script = line.assign(
        market="FR", order_id="x1", item_id="<script>1</script>", item_name="<script>alert(1)"
    )
    path = write_orders(tmp_path / "odd.parquet", pd.concat([real, one_customer, one_item, script]))
    done = restock("retrain", "--orders", str(path), "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    assert states(done) == dict.fromkeys((*MARKETS, "NA", "NO"), "published")
    assert read_current(store, "NA").num_rows == 4  # three customers and the unknown one
    assert "<script>" not in Path(night_of(done)["report"]).read_text()
