"""``restock ope``: what people type, what they see, and how it ends."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from restock.cli.main import app
from restock.cli.output import BadUsage
from restock.dataset import simulate
from restock.evaluation.ope.drawing import Drawing, as_policy
from restock.infra.local_store import LocalStore
from restock.infra.ope_result import read_results
from restock.models import create

pytestmark = pytest.mark.unit

FIRST = dt.date(2024, 9, 1)
Invoke = Callable[..., Result]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of the reordered, drawn with much exploration, and the orders around it."""
    world = {"customers": {"FR": 500}, "items": 100, "days": 300, "seed": 2, "stock_out": 0.0}
    past = simulate(**world).interactions(everyone=True).before(FIRST)
    model = create("reorder").fit(past)
    soft = as_policy(model, 3, Drawing.parse("softmax:2"), first=FIRST)
    simulation = simulate(**world, policy=soft)
    folder = tmp_path_factory.mktemp("ope")
    simulation.exposures.to_parquet(folder / "log.parquet")
    simulation.orders.to_parquet(folder / "orders.parquet")
    return folder


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: Path) -> Invoke:
    monkeypatch.setenv("RESTOCK_HOME", str(tmp_path))
    here = ["--exposures", str(files / "log.parquet"), "--orders", str(files / "orders.parquet")]
    return lambda *arguments: CliRunner().invoke(app, ["ope", *here, *arguments])


def test_a_plan_that_the_log_can_speak_of_is_answered_and_kept(
    invoke: Invoke, tmp_path: Path
) -> None:
    done = invoke("--plan", "reorder", "--drawing", "softmax:1.5", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    (answer,) = said["answers"]
    assert answer["refused"] == [] and answer["plan"]["name"] == "reorder"
    assert [row["estimator"] for row in answer["rows"]] == ["ips", "snips", "rips", "dr"]
    for row in answer["rows"]:
        assert row["worth"]["low"] < row["worth"]["value"] < row["worth"]["high"]
        assert row["log_lift"]["error"] > 0
    assert Path(said["page"]).is_file()
    (kept,) = read_results(LocalStore(tmp_path / "store"))
    assert kept.token == said["token"] and kept.reward == "click"


def test_people_see_a_table_and_where_the_page_is(invoke: Invoke) -> None:
    done = invoke("--plan", "reorder,popular", "--drawing", "softmax:1.5", "--reward", "order")
    assert done.exit_code == 0, done.output
    assert "ordered items per list" in done.stdout and "RIPS" in done.stdout
    assert "The page:" in done.stdout


def test_a_refusal_is_an_answer_with_its_reason_and_exit_1(invoke: Invoke) -> None:
    done = invoke("--plan", "popular", "--drawing", "none")
    assert done.exit_code == 1
    assert "refused" in done.output and "effective sample size" in done.output
    quiet = invoke("--plan", "popular", "--drawing", "none", "--json")
    assert quiet.exit_code == 1
    (answer,) = json.loads(quiet.stdout)["answers"]
    assert answer["refused"] and all(row["worth"] is None for row in answer["rows"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--plan", "popula"], "did you mean 'popular'"),
        (["--plan", "popular:world"], "scope is one of market, pooled, prior"),
        (["--plan", ","], "names no plan"),
        (["--plan", "popular", "--drawing", "softmax"], "write none, epsilon:0.1 or softmax:0.5"),
        (["--plan", "popular", "--reward", "love"], "there are click, order, revenue"),
        (["--plan", "popular", "--markets", "fr"], "no market code"),
        (["--plan", "popular", "--markets", "DE"], "they are of FR, 2024-09-0"),
        (["--plan", "popular", "--from", "soon"], "write it as 2011-12-01"),
        (["--plan", "popular", "--from", "2024-10-02", "--to", "2024-10-01"], "no day is left"),
        (["--plan", "popular", "--exposures", "nowhere.csv"], "there is no such file"),
        (["--plan", "popular", "--eligibility", "nowhere.csv"], "no eligibility table"),
    ],
)
def test_wrong_usage_is_told_with_the_remedy(
    invoke: Invoke, arguments: list[str], says: str
) -> None:
    done = invoke(*arguments)
    assert isinstance(done.exception, BadUsage), done.output
    assert says in str(done.exception)


def test_what_is_no_log_is_told(invoke: Invoke, files: Path) -> None:
    done = invoke("--plan", "popular", "--exposures", str(files / "orders.parquet"))
    assert isinstance(done.exception, BadUsage) and "no column position" in str(done.exception)
