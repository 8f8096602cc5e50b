"""The page of a backtest: complete, escaped, readable without a network, on any screen."""

import os
import re
from pathlib import Path

import pytest
from contracts.backtested import EVIL, FIRST, about, backtested, instead, market
from playwright.sync_api import sync_playwright

from restock.infra.backtest_report import page_of, render
from restock.infra.backtest_result import WhatIf
from restock.infra.night import Estimate

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
unit = pytest.mark.unit


@unit
def test_every_string_of_the_data_is_escaped_and_nothing_is_fetched() -> None:
    page = render(backtested(notes=(EVIL,)))
    assert "<script>" not in page and "<img" not in page and page.count("&lt;script&gt;") >= 5
    assert "http://" not in page and "https://" not in page
    assert "default-src 'none'" in page


@unit
def test_models_are_told_with_their_intervals_the_best_first() -> None:
    page = page_of(backtested())
    assert [row.note for row in page.pooled.rows] == ["leads", "in service", ""]
    assert [sheet.code for sheet in page.sheets] == ["GB", "FR"]  # the largest first
    assert '0.340<span class="dim ends">0.320 to 0.360</span>' in render(backtested())


@unit
def test_a_market_with_shorter_lists_has_its_own_metrics() -> None:
    short = {key: {"ndcg_at_5": about(0.1)} for key in ("reorder", "blend")}
    five = market("FR").model_copy(update={"means": short, "windows": ()})
    (sheet,) = page_of(backtested(markets=(five,), metrics=("ndcg_at_10",))).sheets
    assert list(sheet.metrics) == ["ndcg_at_5"]
    assert [row.values for row in sheet.rows] == [[about(0.1)]] * 2


@unit
def test_a_pair_is_told_from_both_sides_in_words_and_numbers() -> None:
    rows = {one.label: one.cells for one in page_of(backtested()).pooled.matrix}
    reorder, blend = rows["reorder (market)"], rows["blend (pooled)"]
    assert [one.state for one in blend] == ["self", "better", "even"]  # the best first
    assert (blend[1].lift, blend[1].words) == ("+10.0%", "better, p < .001")
    assert (reorder[0].lift, reorder[0].state) == ("-9.1%", "worse")  # 1 / 1.1 - 1
    assert blend[2].words == "unsure, p = 0.4"
    only = market("all").model_copy(update={"pairs": market("all").pairs[:2]})
    cells = page_of(backtested(pooled=only)).pooled.matrix[0].cells
    assert cells[2].words == "not compared"


@unit
def test_another_plan_is_told_in_money_and_whether_it_is_beyond_noise() -> None:
    page = re.sub(r"\s+", " ", render(backtested()))
    assert "Had blend (pooled) been in service since 2011-06-01" in page
    assert "a difference of +24,000 (+15,000 to +33,000) GBP, beyond noise" in page
    assert "not revenue that was won or lost" in page
    states = {row.market: row.state for row in page_of(backtested()).what_if.rows}  # type: ignore[union-attr]
    assert states == {"FR": "even", "GB": "better"}
    unsure = WhatIf(
        plan="a", since=FIRST, currency="GBP", total=instead("all", about(1.0, 5)), markets=()
    )
    assert "within noise" in render(backtested(what_if=unsure))
    assert "Had blend" not in render(backtested(what_if=None))


@unit
def test_what_failed_or_was_left_out_is_there_with_its_reason() -> None:
    failures = page_of(backtested()).failures
    assert [(one[0], one[1][:10]) for one in failures] == [
        ("PT", "the whole "),
        ("GB", "<script>do"),
    ]
    assert "MemoryError" in failures[1][2]
    assert "What failed" not in render(backtested(failed={}, markets=(market("FR"),)))


@unit
def test_a_backtest_of_nothing_has_a_page_too() -> None:
    nothing = market("all").model_copy(
        update={"means": {}, "stability": {}, "windows": (), "ages": (), "pairs": ()}
    )
    page = render(
        backtested(markets=(), pooled=nothing, windows=(), critical=None, what_if=None, failed={})
    )
    assert "<svg" not in page and "nan" not in page
    unknown = market("all").model_copy(
        update={"means": {"reorder": {"ndcg_at_10": Estimate(value=None)}}}
    )
    assert "–" in render(backtested(pooled=unknown))


@pytest.mark.platform
@pytest.mark.parametrize(("width", "hint"), [(1300, False), (420, True)])
def test_it_looks_right_in_a_real_browser(tmp_path: Path, width: int, hint: bool) -> None:
    file = tmp_path / "backtest.html"
    file.write_text(render(backtested(notes=(EVIL,))))
    troubles: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: troubles.append(request.url))
        page.goto(file.as_uri())
        assert page.title() == "restock: backtest before 2011-12-10"  # no script of a name ran
        assert page.get_by_text("Which differences are real").first.is_visible()
        assert page.locator("svg.chart").first.is_visible()
        assert page.locator(".sideways").first.is_visible() is hint
        # the page itself never moves sideways: what is wider moves within its frame
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        browser.close()
    assert troubles == [file.as_uri()]
