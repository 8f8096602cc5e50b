"""The report of the link and its page: complete, escaped, readable on a phone."""

import os
import re
import tomllib
from pathlib import Path

import pytest
from contracts.linked import EVIL, ledger

from restock.evaluation import Objective
from restock.evaluation.link import Ahead
from restock.infra.link_charts import Mark, calibration
from restock.infra.link_page import PAGE, keep, render
from restock.infra.link_report import common_objective, link_report, toml
from restock.infra.local_store import LocalStore
from restock.infra.markets import load_markets, read_markets

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
AHEAD = Ahead(
    name="blend-next",
    offline={"ndcg_at_10": 0.0, "revenue_share_at_10": 0.1, "revenue_ndcg_at_10": 0.3},
)


@pytest.mark.unit
def test_a_report_tells_experiments_metrics_weights_and_what_comes_next() -> None:
    entries = ledger(12)
    report = link_report(entries, Objective(), ahead=[AHEAD])
    assert [one.name for one in report.before] == [one.name for one in report.entries]
    assert report.qualities[0].name in ("revenue_ndcg_at_10", "ope")
    assert report.enough and report.proposed["revenue_ndcg_at_10"] > 0.3
    assert report.ahead[0].low < report.ahead[0].value < report.ahead[0].high
    assert report.ahead[0].value == pytest.approx(0.03, abs=0.02)
    assert report.calibration is not None and (report.calibration.slope or 0) > 0.5
    assert type(report).parse(report.bytes(), "the report") == report


@pytest.mark.unit
def test_with_too_few_experiments_it_says_what_is_missing() -> None:
    for few in range(3):
        report = link_report(ledger(few), Objective(), ahead=[AHEAD])
        assert not report.enough and report.proposed == Objective().shares
        assert report.missing.startswith(f"{few} experiment") and "takes 3" in report.missing
        assert report.ahead == () and report.before == ()
        assert "declared weights stay" in render(report)


@pytest.mark.unit
def test_the_proposal_is_what_the_file_of_markets_takes(tmp_path: Path) -> None:
    report = link_report(ledger(12), Objective())
    weights = tomllib.loads(report.toml)["defaults"]["objective"]["weights"]
    assert weights == pytest.approx(report.proposed, abs=0.006)
    packaged = Path(__file__).parents[2] / "deployments" / "markets.toml"
    taken = re.sub(
        r"\[defaults\.objective\.weights\]\n(\w+ = [\d.]+\n)+", report.toml, packaged.read_text()
    )
    file = tmp_path / "markets.toml"
    file.write_text(taken)
    assert read_markets(file)["FR"].objective.shares == pytest.approx(report.proposed, abs=0.01)
    own = tomllib.loads(toml({"ndcg_at_10": 1.0}, ["FR", "DE"]))
    assert set(own["markets"]) == {"FR", "DE"}


@pytest.mark.unit
def test_markets_of_different_objectives_are_not_weighed_together(tmp_path: Path) -> None:
    markets = load_markets()
    assert common_objective(markets, ["FR", "DE"]) == markets["FR"].objective
    packaged = Path(__file__).parents[2] / "deployments" / "markets.toml"
    file = tmp_path / "markets.toml"
    file.write_text(packaged.read_text() + '\n[markets."DE".objective.weights]\nmap_at_10 = 1.0\n')
    other = read_markets(file)
    with pytest.raises(ValueError, match="--markets DE"):
        common_objective(other, ["FR", "DE"])


@pytest.mark.unit
def test_every_string_is_escaped_and_nothing_is_fetched(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    report = keep(store, link_report(ledger(6, text=EVIL), Objective()))
    page = store.get(report.page).data.decode()
    assert report.page == PAGE
    assert "<script>" not in page and page.count("&lt;script&gt;") == 6
    assert "http://" not in page and "https://" not in page
    assert "<script>" not in calibration([Mark(EVIL, 0.1, 0.1, 0.1)], 1.0)


@pytest.mark.unit
def test_the_plot_stays_inside_its_frame() -> None:
    drawn = calibration([Mark("a", 0.0, -0.5, 0.4), Mark("b", 0.02, 0.3, 0.1)], -30.0)
    numbers = [
        float(n) for pair in re.findall(r"[ML]([\d.-]+,[\d.-]+)", drawn) for n in pair.split(",")
    ]
    assert numbers and all(0 <= one <= 460 for one in numbers)
    assert drawn.count("<circle") == 2 and calibration([], None) == ""


@pytest.mark.platform
@pytest.mark.parametrize("width", [1300, 420])
def test_it_fits_a_laptop_and_a_phone(tmp_path: Path, width: int) -> None:
    from playwright.sync_api import sync_playwright

    file = tmp_path / "index.html"
    file.write_text(render(link_report(ledger(12), Objective(), ahead=[AHEAD])))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(file.as_uri())
        wide = page.evaluate("document.documentElement.scrollWidth")
        plot = page.locator("svg.calibration").bounding_box()
        text = page.inner_text("body")
        browser.close()
    assert wide <= width
    assert plot is not None and plot["width"] > 300
    assert "blend-next" in text and "Which figures to trust" in text
