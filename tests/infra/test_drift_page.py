"""The page of a market that moved: complete, escaped, and readable without a network."""

import datetime as dt
import re
from pathlib import Path

import pytest
from contracts.publications import Wrapped
from contracts.watched import AS_OF, EVIL, finding, measure, watched

from restock.infra import watch_charts
from restock.infra.addresses import address
from restock.infra.drift_page import keep, keep_state, read_state, render
from restock.infra.incomplete import Incomplete
from restock.infra.local_store import LocalStore
from restock.infra.watch import MarketWatch, Watch, summary_rows
from restock.monitoring.findings import Check, Measure, Point

pytestmark = pytest.mark.unit


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def test_every_string_of_the_data_is_escaped_and_nothing_is_fetched() -> None:
    page = render(watched("FR", finding(evidence=EVIL, statistic=EVIL), text=EVIL))
    assert "<script>" not in page and page.count("&lt;script&gt;") >= 5
    assert "http://" not in page and "https://" not in page


def test_what_moved_is_said_in_words_with_its_usual_range_and_what_to_do() -> None:
    page = re.sub(r"\s+", " ", render(watched("FR", finding())))
    assert "alarm: price shock" in page and "rose by 18 %" in page
    assert "New items: 0.4, usually 0.05 to 0.15" in page and "since 2011-11-23" in page
    assert "Suggested: retrain this market." in page
    assert "Nothing moved" in render(watched())


def test_the_worst_comes_first_and_decides_the_state() -> None:
    found = watched(
        "FR", finding(severity="note"), finding(severity="alarm", cause="lost supplier")
    )
    assert found.state == "alarm"
    assert [one.severity for one in found.findings] == ["alarm", "note"]
    assert watched("FR", finding(severity="warning")).state == "warning"
    assert watched().state == "quiet"


def test_a_chart_marks_what_lies_outside_its_band() -> None:
    drawn = watch_charts.band(measure(last=0.4))
    assert drawn.count('class="out"') == 1 and "<polygon" in drawn
    assert watch_charts.band(measure(last=0.1)).count('class="out"') == 0
    numbers = re.findall(r'c[xy]="([^"]+)"', watch_charts.band(measure()))
    assert all(0 <= float(one) <= watch_charts.WIDTH for one in numbers)
    only = Measure(name="a", title=EVIL, points=(Point(day=AS_OF, value=1.0),))
    assert watch_charts.band(only) == "" and watch_charts.sparkline(only.points, EVIL) == ""
    flat = [Point(day=AS_OF + dt.timedelta(days=at), value=0.0) for at in range(3)]
    assert "nan" not in watch_charts.sparkline(flat, "flat")


def test_pages_are_kept_beside_each_other_and_linked(store: LocalStore) -> None:
    kept = keep(store, watched("FR", finding()), b"<html>theirs</html>")
    assert kept.page == "reports/drift/FR/2011-11-30.html"
    page = Path(address(store, kept.page)).read_text()
    assert 'href="2011-11-30-evidently.html"' in page
    assert store.get(kept.evidently).data == b"<html>theirs</html>"
    assert "Evidently" not in store.get(keep(store, watched("DE")).page).data.decode()
    assert "All markets" not in page
    store.put("reports/health/index.html", b"")
    assert "../../health/index.html" in store.get(keep(store, watched("DE")).page).data.decode()


def test_the_state_of_a_market_is_that_of_the_latest_day(store: LocalStore) -> None:
    assert read_state(store, "FR") is None
    late = watched("FR", finding())
    early = late.model_copy(update={"as_of": AS_OF - dt.timedelta(days=1), "state": "quiet"})
    keep_state(store, early)
    keep_state(store, late)
    keep_state(store, early)
    assert read_state(store, "FR") == late
    with pytest.raises(ValueError, match="no market code"):
        read_state(store, "../FR")


def test_two_looks_at_once_leave_the_later_day(store: LocalStore) -> None:
    late = watched("FR", finding())
    early = late.model_copy(update={"as_of": AS_OF - dt.timedelta(days=1)})
    racing = Wrapped(store, "state.json", before=lambda: keep_state(store, late))
    keep_state(racing, early)  # type: ignore[arg-type]
    assert read_state(store, "FR") == late


def test_a_look_that_failed_somewhere_names_the_markets() -> None:
    bad = MarketWatch(market="DE", name="Germany", as_of=AS_OF, state="failed", error="no luck")
    watch = Watch(as_of=AS_OF, token="t", snapshot="s", markets=(watched(), bad))
    assert "1 of 2 markets failed: DE: no luck" in str(Incomplete(watch))
    assert [one.market for one in watch.ordered] == ["DE", "FR"]


def test_markets_with_the_same_old_lists_share_a_row() -> None:
    stale = {"kind": "staleness", "cause": "stale", "since": AS_OF}
    markets = [watched(code, finding(code), finding(code, **stale)) for code in ("FR", "DE")]
    older = finding("GB", **{**stale, "since": AS_OF - dt.timedelta(days=1)})
    watch = Watch(as_of=AS_OF, token="t", snapshot="s", markets=(*markets, watched("GB", older)))
    rows = [(row["market"], row["cause"]) for row in summary_rows(watch)]
    assert rows == [
        ("DE", "price shock"),
        ("DE, FR", "stale"),
        ("FR", "price shock"),
        ("GB", "stale"),
    ]


def test_what_was_not_tested_is_said() -> None:
    check = Check(market="FR", as_of=AS_OF, note="12 customers: too few to test")
    found = MarketWatch.of("FR", "France", AS_OF, {"data": check}, None)
    assert "too few to test" in render(found) and "Nothing is published here" in render(found)
