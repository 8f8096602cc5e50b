"""What people look at after a night: the pages of Prefect and of MLflow, in a real browser."""

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from restock.infra.mlflow_server import serve, wait_for
from restock.infra.prefect_server import ask
from restock.infra.processes import free_port, stop

pytestmark = pytest.mark.platform

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def _colours(page: Page, path: Path) -> int:
    """How many different colours a screenshot has: a blank page has one or two."""
    picture = matplotlib.image.imread(BytesIO(page.screenshot(path=path)), format="png")
    return len(np.unique((picture[..., :3] * 255).astype(np.uint8).reshape(-1, 3), axis=0))


def _newest_run(api: str) -> str:
    return str(ask(api, "/flow_runs/filter", sort="START_TIME_DESC", limit=1)[0]["id"])


def test_the_pages_show_the_fan_out_the_tables_and_the_models(
    restock, api: str, orders: Path, home: Path, browser: Browser, tmp_path: Path
) -> None:
    done = restock("retrain", "--orders", str(orders), "--markets", "FR,DE,ES")
    assert done.returncode == 0, done.stderr[-3000:]

    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    run = f"{api.removesuffix('/api')}/runs/flow-run/{_newest_run(api)}"
    page.goto(run)
    page.get_by_text("Task Runs", exact=True).click(timeout=60_000)
    page.get_by_text("choose champions").first.wait_for(timeout=60_000)
    for name in ("ingest orders", "judge DE FR", "judge all-w0", "refit", "publish", "report"):
        assert page.get_by_text(name).first.is_visible(), name
    page.wait_for_timeout(2_000)  # the graph is drawn on a canvas
    assert _colours(page, tmp_path / "flow-run.png") > 100
    page.get_by_text("Artifacts", exact=True).click()
    for name in ("retrain-summary", "leaderboard-fr", "retrain-report"):
        page.get_by_text(name).first.wait_for(timeout=60_000)

    server = serve(home, free_port(), environment=dict(os.environ))
    try:
        wait_for(server)
        page.goto(f"{server.url}/#/models/restock-FR")
        page.get_by_text("champion").first.wait_for(timeout=60_000)
        assert _colours(page, tmp_path / "mlflow.png") > 20
        page.goto(f"{server.url}/#/experiments")
        page.get_by_text("restock").first.wait_for(timeout=60_000)
    finally:
        stop([server])
