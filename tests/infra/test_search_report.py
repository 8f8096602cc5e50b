"""The page of a search: complete, escaped, readable without a network, true to its numbers."""

import re

import pytest
from contracts.searched import EVIL, market, searched

from restock.infra.incomplete import Incomplete
from restock.infra.local_store import LocalStore
from restock.infra.night import Because, Estimate
from restock.infra.search_charts import bars, curve, waterfall
from restock.infra.search_report import (
    lift,
    put_page,
    put_result,
    read_result,
    render,
    summary_rows,
)
from restock.infra.search_result import Gain, Point

pytestmark = pytest.mark.unit


def test_every_string_of_the_data_is_escaped_and_nothing_is_fetched() -> None:
    page = render(searched())
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert "http://" not in page and "https://" not in page


def test_markets_reasons_failures_and_what_was_left_out_are_on_the_page() -> None:
    page = render(searched())
    for code in ("FR", "NO", "DE"):
        assert f'id="{code}"' in page
    for text in ("no such model", "no worker offers SPARK", "trained on CPUs", "out of memory"):
        assert text in page
    assert "+6.1% (+4.1% to +8.1%)" in page  # later windows
    assert "+8.3%" in page  # where it was chosen


def test_the_page_says_which_alert_asked_for_the_search() -> None:
    asked = Because(id="FR-2011-12-10-price-shock", cause="price shock", evidence=EVIL)
    page = render(searched(because=asked))
    assert "Because of the alert <code>FR-2011-12-10-price-shock</code>: &lt;script&gt;" in page
    assert "Because of" not in render(searched())


def test_a_search_that_found_nothing_has_a_page_too() -> None:
    bare = searched(
        markets=(), families=(), studies=(), gains=(), curve=(), failures=(), left_out={}, notes=()
    )
    assert "What failed" not in render(bare)


def test_the_record_is_read_as_it_was_written(tmp_path) -> None:
    store = LocalStore(tmp_path)
    kept = put_page(store, searched())
    assert read_result(store, kept.token) is None  # not done before the record is there
    put_result(store, kept)
    assert kept.report.endswith("reports/search/2011-12-10-1a2b3c4d.html")
    assert read_result(store, kept.token) == kept
    assert read_result(store, "another") is None


def test_the_table_says_where_a_gain_came_from() -> None:
    rows = {row["market"]: row for row in summary_rows(searched())}
    assert (
        rows["FR"]["where from"]
        == "later windows: family +2.0%, tuning +1.8%, scope -0.3%, hybrid +3.0%"
    )
    assert rows["NO"]["where from"].startswith("all markets, later windows: family")
    assert rows["DE"]["plan"] == "–"
    assert list(rows) == ["FR", "DE", "NO"]  # the most customers first


def test_an_incomplete_search_names_the_markets() -> None:
    assert "1 of 3 markets failed: DE: no such model" in str(Incomplete(searched()))


def test_a_lift_without_an_interval_and_none_at_all() -> None:
    assert lift(Estimate(value=0.05)) == "+5.0%"
    assert lift(Estimate(value=None)) == lift(None) == "–"


def _boxes(drawn: str) -> list[tuple[float, float, str]]:
    """Left end, right end and kind of every bar."""
    found = re.findall(r'<rect x="([\d.]+)" y="\d+" width="([\d.]+)"[^>]*class="(\w+)"', drawn)
    return [(float(x), float(x) + float(w), kind) for x, w, kind in found]


def test_each_step_of_the_way_begins_where_the_one_before_ended() -> None:
    family, tuning, scope, hybrid, total = _boxes(waterfall(searched().gains))
    assert tuning[0] == pytest.approx(family[1], abs=0.2)
    assert scope[1] == pytest.approx(tuning[1], abs=0.2) and scope[2] == "loss"
    assert hybrid[0] == pytest.approx(scope[0], abs=0.2) and hybrid[2] == "gain"
    assert total[:2] == pytest.approx((family[0], hybrid[1]), abs=0.2)


def test_a_way_that_leads_down_stays_on_the_drawing() -> None:
    steps = (Gain(part="family", log_lift=-0.1, label="x", windows="selection"),)
    ((left, right, kind), _) = _boxes(waterfall(steps))
    assert 0 < left < right < 720 and kind == "loss"


def test_bars_are_as_long_as_their_values() -> None:
    long, short = _boxes(bars({"short": 1.0, "long": 4.0}, "s", "seconds"))
    assert (long[1] - long[0]) == pytest.approx(4 * (short[1] - short[0]), rel=0.01)


def test_the_curve_ends_at_the_last_trial() -> None:
    drawn = curve((Point(trials=0, lift=0.0), Point(trials=7, lift=0.01)))
    assert re.search(r'd="M60\.0,190\.0 H700\.0 V12\.0"', drawn)
    assert not curve((Point(trials=0, lift=0.0),))


def test_no_lift_at_all_is_drawn_flat() -> None:
    flat = (Point(trials=0, lift=0.0), Point(trials=50, lift=0.0))
    assert "V190.0" in curve(flat)


def test_a_market_without_customers_is_shown() -> None:
    page = render(searched(markets=(market("ZZ", 0, gains=(), lift=Estimate(value=None)),)))
    assert 'id="ZZ"' in page
