"""What another plan would have earned: near the truth of the simulator, refused, told, drawn."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from restock.dataset import simulate
from restock.dataset.exposures import BadExposures
from restock.dataset.simulate import Simulation
from restock.evaluation.ope.drawing import Drawing, as_policy
from restock.evaluation.ope.shown import ShownLists
from restock.infra.exposure_store import put_exposures
from restock.infra.local_store import LocalStore
from restock.infra.markets import load_markets
from restock.infra.ope_answering import answer
from restock.infra.ope_charts import Line, intervals
from restock.infra.ope_page import keep, number, percent, render, worth
from restock.infra.ope_question import BadQuestion, Question, candidate, find_log
from restock.infra.ope_result import OpeResult, Worth, put_result, read_result, read_results
from restock.models import Candidate, Recommender, create

pytestmark = pytest.mark.unit

WORLD: dict[str, Any] = {
    "customers": {"FR": 900},
    "items": 150,
    "days": 330,
    "seed": 4,
    "stock_out": 0.0,
}
FIRST = dt.date(2024, 11, 1)
K = 4
SOFT = Drawing.parse("softmax:1")
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def models() -> dict[str, Recommender[Any]]:
    past = simulate(**WORLD).interactions(everyone=True).before(FIRST)
    return {name: create(name).fit(past) for name in ("reorder", "popular")}


@pytest.fixture(scope="module")
def logged(models: dict[str, Recommender[Any]]) -> Simulation:
    return simulate(**WORLD, policy=as_policy(models["reorder"], K, SOFT, "soft", first=FIRST))


def asked(simulation: Simulation, name: str, drawing: str, **more: Any) -> OpeResult:
    question = Question(
        plans=(Candidate(name=name),), drawing=Drawing.parse(drawing), reward="click"
    ).model_copy(update=more)
    return answer(question, simulation.exposures, simulation.interactions(), load_markets())


def mean_clicks(simulation: Simulation) -> float:
    orders = simulation.interactions()
    shown = ShownLists.of(simulation.exposures, orders.catalogue)
    return float(shown.rewards("click", orders).sum(axis=1).mean())


def test_estimates_lie_near_what_the_world_gives_under_the_target(
    models: dict[str, Recommender[Any]], logged: Simulation
) -> None:
    other = as_policy(models["reorder"], K, Drawing.parse("softmax:0.6"), "other", first=FIRST)
    truth = mean_clicks(simulate(**WORLD, policy=other))
    result = asked(logged, "reorder", "softmax:0.6")
    (found,) = result.answers
    assert found.refused == () and found.headline is not None
    for row in found.rows:
        assert row.worth is not None and row.worth.value is not None and row.worth.error
        # the truth is itself the mean of one simulated run of as many lists
        assert abs(row.worth.value - truth) < 3 * np.hypot(row.worth.error, 0.02)
    assert found.headline.log_lift is not None
    assert found.headline.log_lift.value > 0  # type: ignore[operator]
    assert result.logged.value == pytest.approx(mean_clicks(logged))
    assert found.rows[0].ess < found.rows[2].ess < result.lists


def test_the_logged_policy_itself_is_worth_what_it_earned(logged: Simulation) -> None:
    result = asked(logged, "reorder", "softmax:1")
    row = result.answers[0].headline
    assert row is not None and row.log_lift is not None
    assert abs(row.log_lift.value or 1) < 0.03
    assert result.policies == {"soft": result.lists} and result.markets == ("FR",)
    assert result.first == result.fitted_before >= FIRST


def test_a_plan_that_would_never_have_shown_the_log_is_refused_with_the_reason(
    logged: Simulation,
) -> None:
    (found,) = asked(logged, "popular", "none").answers
    assert found.headline is None
    assert any("effective sample size" in why and "log with more" in why for why in found.refused)
    assert all(row.worth is None and row.log_lift is None for row in found.rows)


def test_nothing_after_the_first_day_of_the_log_teaches_a_plan(logged: Simulation) -> None:
    orders = logged.interactions()
    question = Question(plans=(Candidate(name="popular"),), drawing=SOFT)
    exposures, declared = logged.exposures, load_markets()
    one = answer(question, exposures, orders, declared)
    table = pd.DataFrame({"market": "FR", "item_id": orders.catalogue.items["id"].to_pandas()})
    days = pd.date_range(FIRST, periods=40).strftime("%Y-%m-%d")
    told = table.merge(pd.DataFrame({"day": days}), how="cross")
    known = answer(question, exposures, orders, declared, told)
    cut = answer(question, exposures, orders.before(FIRST), declared, told)
    assert known.answers == cut.answers  # clicks come from the log, plans from the time before
    assert one.token != known.token != cut.token


def test_without_older_orders_nothing_is_judged(logged: Simulation) -> None:
    late = logged.interactions().between(FIRST, FIRST + dt.timedelta(days=60))
    question = Question(plans=(Candidate(name="popular"),))
    with pytest.raises(ValueError, match="no orders before"):
        answer(question, logged.exposures, late, load_markets())


def test_results_are_kept_and_read_by_others(tmp_path: Path, logged: Simulation) -> None:
    store = LocalStore(tmp_path)
    result = asked(logged, "reorder", "softmax:1", reward="revenue")
    assert result.unit == "GBP per list"
    assert put_result(store, result) == f"ope/{result.token}.json"
    assert read_result(store, result.token) == result and read_results(store) == [result]
    assert read_result(store, "another") is None
    with pytest.raises(ValueError, match="no name"):
        read_result(store, "../champions")
    assert Path(keep(store, result)).read_text() == render(result)


def test_a_page_says_what_is_known_and_what_is_refused_and_escapes_the_data(
    logged: Simulation,
) -> None:
    good = asked(logged, "reorder", "softmax:1")
    page = render(good.model_copy(update={"policies": {EVIL: 1}}))
    assert EVIL not in page and "&lt;script&gt;" in page
    assert page.count("<circle") == 5 and "refused</span>" not in page
    assert "http://" not in page and "https://" not in page
    refused = render(asked(logged, "popular", "none"))
    assert "refused</span>" in refused and "effective sample size" in refused
    assert "<circle" not in refused


def test_numbers_are_written_for_people() -> None:
    assert [number(one) for one in (0.0, 0.03142, 1.0, 21.55, 1234.5)] == [
        "0", "0.0314", "1.00", "21.6", "1,234",
    ]  # fmt: skip
    known = Worth(value=0.1, low=0.0, high=0.2, error=0.05)
    assert percent(known) == "+10.5 % (+0.0 % to +22.1 %)"
    assert worth(known) == "0.100 (0 to 0.200)"
    unknown = Worth(value=None, low=None, high=None, error=None)
    assert worth(unknown) == percent(unknown) == "unknown"
    assert intervals([Line("a", unknown)], "clicks") == ""
    drawn = intervals([Line(EVIL, known), Line("b", known, logged=True)], EVIL)
    assert EVIL not in drawn and 'class="logged"' in drawn


def test_a_plan_is_written_in_a_word() -> None:
    assert candidate("reorder") == Candidate(name="reorder")
    assert candidate("item_knn:pooled") == Candidate(name="item_knn", scope="pooled")
    with pytest.raises(ValueError, match="scope"):
        candidate("reorder:world")
    with pytest.raises(ValueError, match="did you mean 'reorder'"):
        candidate("reordr")


def test_the_log_is_found_in_files_and_in_the_store(tmp_path: Path, logged: Simulation) -> None:
    store = LocalStore(tmp_path / "store")
    everything = Question(plans=(Candidate(name="popular"),))
    with pytest.raises(BadQuestion, match="no exposures"):
        find_log(store, None, everything)
    log = logged.exposures.head(1000)
    put_exposures(store, log)
    log.to_csv(tmp_path / "log.csv", index=False)
    log.to_parquet(tmp_path / "log.parquet")
    rows = [find_log(store, None, everything)]
    rows += [
        find_log(store, str(tmp_path / f"log.{kind}"), everything) for kind in ("csv", "parquet")
    ]
    columns = ["customer_id", "timestamp", "position"]
    ordered = [one.sort_values(columns, ignore_index=True) for one in rows]
    pd.testing.assert_frame_equal(ordered[0], ordered[1])
    pd.testing.assert_frame_equal(ordered[0], ordered[2])
    second = FIRST + dt.timedelta(days=3)
    part = find_log(store, None, everything.model_copy(update={"first": second}))
    assert 0 < len(part) < len(log) and part["timestamp"].min().date() >= second
    with pytest.raises(BadQuestion, match="they are of FR"):
        find_log(
            store, str(tmp_path / "log.csv"), everything.model_copy(update={"markets": ("DE",)})
        )
    (tmp_path / "bad.parquet").write_text(json.dumps({}))
    with pytest.raises(BadExposures, match="cannot be read"):
        find_log(store, str(tmp_path / "bad.parquet"), everything)
