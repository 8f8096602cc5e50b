"""The report of a night: complete, escaped, and readable without a network."""

import datetime as dt

import pytest

from restock.infra.incomplete import Incomplete
from restock.infra.night import Because, Estimate, MarketOutcome, Night, Row
from restock.infra.report import METRICS, bar, estimate, render, summary_rows
from restock.infra.reporting import leaderboard

pytestmark = pytest.mark.unit

EVIL = "<script>alert(1)</script>"


def night(**more: object) -> Night:
    row = Row(
        candidate="reorder-market-1",
        label=f"reorder {EVIL}",
        role="champion",
        lift=Estimate(value=None),
        metrics={METRICS[0]: Estimate(value=0.3, low=0.2, high=0.4)},
        note=EVIL,
    )
    good = MarketOutcome(
        market="FR",
        name=f"France {EVIL}",
        state="published",
        reason=EVIL,
        verdict="kept",
        champion="reorder",
        leaderboard=(row,),
        metrics={METRICS[0]: Estimate(value=0.3, low=0.2, high=0.4)},
    )
    bad = MarketOutcome(market="DE", name="Germany", state="failed", reason="no such model")
    values = {
        "as_of": dt.date(2024, 1, 1),
        "token": "2024-01-01-abc",
        "snapshot": "0" * 64,
        "orders_read": 10,
        "orders_kept": 8,
        "set_aside": {EVIL: 2},
        "markets": (good, bad),
        **more,
    }
    return Night(**values)  # type: ignore[arg-type]


def test_every_string_of_the_data_is_escaped_and_nothing_is_fetched() -> None:
    page = render(night())
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert "http://" not in page and "https://" not in page


def test_every_market_and_every_reason_is_there() -> None:
    page = render(night())
    assert 'id="FR"' in page and 'id="DE"' in page
    assert "no such model" in page
    assert "0.300 (0.200 to 0.400)" in page


def test_the_table_says_why_a_market_failed_and_what_the_gate_said_elsewhere() -> None:
    rows = {row["market"]: row for row in summary_rows(night())}
    assert rows["DE"]["gate"] == "no such model" and rows["FR"]["gate"] == "kept"
    assert rows["FR"][METRICS[0]] == "0.300 ±0.100"
    assert rows["DE"][METRICS[0]] == "–"


def test_what_a_search_chose_says_so_wherever_it_is_named() -> None:
    search = "2011-12-10-1a2b3c4d"
    france = night().markets[0]
    rows = tuple(row.model_copy(update={"search": search}) for row in france.leaderboard)
    found = night(markets=(france.model_copy(update={"search": search, "leaderboard": rows}),))
    (row,) = summary_rows(found)
    assert row["champion"] == f"reorder from the search {search}"
    assert render(found).count(f"from the search {search}") == 3  # table, heading, leaderboard
    assert f"&lt;/script&gt; from the search {search}</td>" in render(found)
    assert f"from the search {search}" in leaderboard(found.markets[0]).splitlines()[-1]
    assert "from the search" not in render(night())


def test_an_incomplete_night_names_the_markets() -> None:
    assert "1 of 2 markets failed: DE: no such model" in str(Incomplete(night()))


def test_a_bar_lies_within_its_rail() -> None:
    drawn = bar(Estimate(value=0.5, low=0.25, high=0.75), width=100)
    assert 'cx="50.0"' in drawn and 'x="25.0"' in drawn and 'width="50.0"' in drawn
    assert bar(Estimate(value=None)) == ""
    assert estimate(None) == "–"


def test_a_night_that_an_alert_asked_for_says_which_and_why() -> None:
    because = Because(id="FR-2024-01-01-price-shock", cause="price shock", evidence=f"up {EVIL}")
    page = render(night(because=because))
    assert "FR-2024-01-01-price-shock" in page and "up &lt;script&gt;" in page
    assert "alert" not in render(night()).replace("alert(1)", "")
