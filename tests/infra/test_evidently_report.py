"""Evidently's page in a real browser without a network, with texts that mean harm."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import sync_playwright

from restock.infra.evidently_report import MOST_ROWS, evidently_report

pytestmark = pytest.mark.platform
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
RUN = "document.title='harmed'"
HARM = f'</script><script>{RUN}</script><img src=x onerror="{RUN}">'


def lines(rows: int, seed: int, price: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "customer": np.sort(rng.integers(0, 500, rows)),
            "unit price": price * rng.lognormal(size=rows),
            "item": rng.choice(["apple", HARM, "{{7*7}}"], rows),
        }
    )


def test_it_shows_what_moved_offline_and_runs_nothing_of_the_data(tmp_path: Path) -> None:
    page_file = tmp_path / "report.html"
    page_file.write_bytes(evidently_report(lines(30_000, 0, 1.0), lines(5_000, 1, 2.0)))
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(offline=True).new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        page.get_by_text("Dataset Drift is detected").wait_for(timeout=20_000)
        text = page.inner_text("body")
        title = page.title()
        browser.close()
    assert "unit price" in text and "customer" not in text
    assert title != "harmed"
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


def test_of_many_lines_whole_customers_are_shown() -> None:
    from restock.monitoring.line_table import of_some_customers

    table = lines(3 * MOST_ROWS, 0, 1.0)
    some = of_some_customers(table, MOST_ROWS)
    assert 0.9 * MOST_ROWS < len(some) <= MOST_ROWS
    whole = table["customer"].value_counts()
    kept = some["customer"].value_counts()
    assert (kept == whole[kept.index]).all()
    assert of_some_customers(table, MOST_ROWS).equals(some)
