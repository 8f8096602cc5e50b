"""The page of all markets: complete, escaped, and about all of them whoever was looked at now."""

import datetime as dt
import re
from pathlib import Path

import pytest
from contracts.publications import Wrapped
from contracts.watched import AS_OF, EVIL, health, healthy

from restock.infra.health import LastAlert, Retrained, RolledBack
from restock.infra.health_page import PAGE, keep, moved, rate, render, summary_rows
from restock.infra.incomplete import Incomplete
from restock.infra.local_store import LocalStore
from restock.monitoring.online import Against, Rate, Shown

pytestmark = pytest.mark.unit

ALERT = LastAlert(id="GB-2011-11-20-price-shock", as_of=AS_OF, cause="price shock", evidence=EVIL)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def test_every_string_of_the_data_is_escaped_and_nothing_is_fetched() -> None:
    one = healthy(
        "GB",
        EVIL,
        light="red",
        rolled_back=RolledBack(left=EVIL, back_to=EVIL, why=EVIL),
        shown=(
            Shown(
                policy=EVIL, lists=9, customers=3, clicked=Rate(value=0.5), ordered=Rate(value=0.1)
            ),
        ),
        against=Against(policy=EVIL, control=EVIL, difference=Rate(value=0.1)),
        alert=ALERT,
        error=EVIL,
    )
    page = render(health(one))
    assert "<script>" not in page and page.count("&lt;script&gt;") >= 7
    assert "http://" not in page and "https://" not in page


def test_the_worst_light_comes_first_and_a_roll_back_is_said_plainly() -> None:
    rolled = RolledBack(left="run-2", back_to="run-1", why="Worse than the plan before.")
    markets = (
        healthy("FR"),
        healthy("GB", light="red", rolled_back=rolled),
        healthy("BR", light="grey"),
    )
    page = render(health(*markets))
    assert re.findall(r'<tr id="(\w+)"', page) == ["GB", "FR", "BR"]
    assert "GB was rolled back" in page and "Worse than the plan before." in page
    assert "rolled back" not in render(health(healthy("FR")))


def test_a_retraining_says_what_it_was_for_and_whether_it_helped() -> None:
    done = Retrained(
        token="run-1",
        as_of=AS_OF,
        at=dt.datetime(2011, 11, 30, 4, tzinfo=dt.UTC),
        plan="blend",
        because=ALERT.id,
        helped=Rate(value=0.02, low=0.01, high=0.03),
    )
    one = healthy("GB", retrained=done, alert=ALERT, page="reports/drift/GB/2011-11-30.html")
    page = render(health(one))
    assert f"because of {ALERT.id}" in page and "+0.020 ±0.010" in page
    assert 'href="../../reports/drift/GB/2011-11-30.html"' in page
    (row,) = summary_rows(health(one))
    assert row["last alert"] == f"price shock, {AS_OF}"


def test_online_rates_have_their_columns_where_there_are_any() -> None:
    shown = Shown(
        policy="sar",
        lists=100,
        customers=40,
        clicked=Rate(value=0.5, low=0.4, high=0.6),
        ordered=Rate(value=0.1),
    )
    plain, online = healthy("FR"), healthy("GB", shown=(shown,))
    assert "clicked" not in summary_rows(health(plain))[0]
    rows = {row["market"]: row for row in summary_rows(health(plain, online))}
    assert (rows["GB"]["clicked"], rows["FR"]["clicked"]) == ("0.500 ±0.100", "–")
    assert ">clicked<" in render(health(online)) and ">clicked<" not in render(health(plain))


def test_markets_that_were_not_looked_at_stay_on_the_page_as_they_were(store: LocalStore) -> None:
    keep(store, health(healthy("FR"), healthy("GB", light="red")))
    late = AS_OF + dt.timedelta(days=1)
    now = health(healthy("GB", as_of=late)).model_copy(update={"as_of": late})
    kept = keep(store, now)
    assert [one.market for one in kept.markets] == ["GB"]
    page = Path(kept.report).read_text()
    assert kept.report.endswith(PAGE) and f"before {AS_OF}" in page
    assert re.findall(r'<tr id="(\w+)"', page) == ["FR", "GB"] and '<td class="red">' not in page


def test_two_runs_at_once_lose_no_market(store: LocalStore) -> None:
    racing = Wrapped(
        store, "health.json", before=lambda: _once(lambda: keep(store, health(healthy("DE"))))
    )
    keep(racing, health(healthy("FR")))  # type: ignore[arg-type]
    assert re.findall(r'<tr id="(\w+)"', store.get(PAGE).data.decode()) == ["DE", "FR"]


def _once(do: object, done: list[int] = []) -> None:  # noqa: B006
    if not done:
        done.append(1)
        do()  # type: ignore[operator]


def test_numbers_read_well() -> None:
    assert (rate(None), rate(Rate(value=0.25))) == ("–", "0.250")
    assert moved(Rate(value=-0.01, low=-0.03, high=0.01)) == "-0.010 ±0.020"
    assert moved(Rate(value=0.0)) == "+0.000"


def test_markets_that_failed_are_named() -> None:
    found = health(healthy("FR"), healthy("DE", error="no luck", light="red"))
    assert "1 of 2 markets failed: DE: no luck" in str(Incomplete(found))
    assert summary_rows(found)[0]["how it stands"] == "no luck"
