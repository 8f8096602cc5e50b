"""A market drifts: the whole loop on this machine, to be watched in Prefect's pages.

    python -m restock.benchmarks.drill_drift [--keep] [--home FOLDER]

Three simulated markets are retrained; then every price in France rises by a quarter, and
``restock drift`` looks at the week after. What should be seen: one alarm, in France, named a price
shock; one event; one run of `respond`; one retraining of France that names the alert; a page of
all markets. At most five minutes on two cores. ``--keep`` leaves the platform running, to look
around; ``restock down`` ends it.
"""

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from restock.dataset.simulate import make_setting, run
from restock.dataset.simulated_world import BURN
from restock.infra import platform
from restock.infra.deployments import packaged
from restock.infra.platform_state import SERVER, PlatformState
from restock.infra.prefect_server import ask
from restock.infra.responding import read_answers
from restock.infra.settings import Settings, load_settings
from restock.infra.store import open_store

MARKETS = {"FR": 1500, "DE": 1000, "BE": 800}
DRIFTS = "FR"
DAYS, SHOCK, AFTER = 580, 566, 7
RISE = 1.25
DEPLOYMENTS = """
name: drill
build: []
push: []
pull: []
deployments:
  - name: respond
    description: Answer an alert, once.
    entrypoint: restock.flows.respond.respond
    work_pool: {{name: drill}}
  - name: alert
    description: Retrain a market because of an alert.
    entrypoint: restock.flows.retrain.retrain
    parameters: {{orders: {orders}, accept_changes: true}}
    concurrency_limit: {{limit: 2, collision_strategy: ENQUEUE}}
    work_pool: {{name: drill}}
"""
PATIENCE = 300.0


def main() -> int:
    """Run the drill: exit 0 when everything that should be seen was seen."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", action="store_true", help="leave the platform running")
    parser.add_argument("--home", type=Path, help="folder of the drill (default: a temporary one)")
    options = parser.parse_args()
    home = (options.home or Path(tempfile.mkdtemp(prefix="restock-drill-"))).absolute()
    os.environ |= {"RESTOCK_HOME": str(home), "RESTOCK_RUNNER": "threads"}
    settings = load_settings()
    with _platform(settings, _deployments(home), options.keep) as state:
        seen = _drill(settings, state)
    where = f"RESTOCK_HOME={home} restock down" if options.keep else "the platform is down"
    _say(f"{'everything was seen' if seen else 'something was not seen'}; {where}")
    return 0 if seen else 1


def _drill(settings: Settings, state: PlatformState) -> bool:
    pages, home = state.services[SERVER].url, settings.home
    day = dt.date(2024, 1, 1) + dt.timedelta(days=SHOCK)
    orders = str(home / "orders.parquet")
    _say(f"Prefect's pages: {pages}")
    after = day + dt.timedelta(days=AFTER)
    night = after - dt.timedelta(days=1)
    _say(f"all prices in {DRIFTS} rise by {RISE - 1:.0%} on {day}; the nights go on as ever")
    _restock("retrain", "--orders", orders, "--as-of", str(night))
    _say(f"on {after} the markets are looked at")
    began = time.monotonic()
    watch = _restock("drift", "--orders", orders, "--as-of", str(after))
    for one in watch["markets"]:
        _say(f"  {one['market']}: {one['state']}")
    raised = watch["raised"]
    _say(f"alerts: {', '.join(raised) or 'none'} → look at {pages}/events")
    if raised != [f"{DRIFTS}-{after}-price-shock"]:
        return False
    run = _wait_for_run(f"{pages}/api", raised[0])
    _say(f"after {time.monotonic() - began:.0f} s: {run['name']}, {run['state_name']}")
    _say(f"  → {pages}/runs/flow-run/{run['id']}")
    answers = read_answers(open_store(settings=settings), DRIFTS)
    _say(f"the answer: {answers[-1].action}, because {answers[-1].why}")
    health = _restock("monitor", "--orders", orders, "--as-of", str(after))
    _say(f"the page of all markets: {health['report']}")
    return bool(run["state_type"] == "COMPLETED" and answers[-1].action == "retrain")


def _deployments(home: Path) -> Path:
    """The orders of a world in which prices rise, and the deployments that read them."""
    home.mkdir(parents=True, exist_ok=True)
    _say(f"simulating {', '.join(MARKETS)} in {home}")
    setting = make_setting(customers=MARKETS, items=1200, days=DAYS, seed=7)
    at = [market.code for market in setting.markets].index(DRIFTS)
    setting.world.price[at, BURN + SHOCK :] *= RISE
    run(setting).orders.to_parquet(home / "orders.parquet", index=False)
    folder = home / "deployments"
    (folder / "automations").mkdir(parents=True, exist_ok=True)
    (folder / "prefect.yaml").write_text(DEPLOYMENTS.format(orders=home / "orders.parquet"))
    shipped = packaged() / "automations" / "drift.yaml"
    (folder / "automations" / "drift.yaml").write_text(shipped.read_text())
    return folder


@contextmanager
def _platform(settings: Settings, folder: Path, keep: bool) -> Iterator[PlatformState]:
    """A Prefect server, a worker and MLflow, in the home of the drill."""
    try:
        yield platform.up(settings, folder=folder, every_market=False, say=_say)
    finally:
        if not keep:
            platform.down(settings)


def _restock(*arguments: str) -> dict[str, Any]:
    """What a command prints with ``--json``."""
    _say(f"$ restock {' '.join(arguments)}")
    command = [str(Path(sys.executable).parent / "restock"), *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        raise SystemExit(f"restock {arguments[0]} failed")
    return dict(json.loads(done.stdout))


def _wait_for_run(api: str, alert: str) -> dict[str, Any]:
    """The retraining that the alert has started, when it is over."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = ask(api, "/flow_runs/filter", flows={"name": {"any_": ["retrain"]}})
        runs = [run for run in found if run["parameters"].get("because") == alert]
        if runs and runs[0]["state_type"] in ("COMPLETED", "FAILED", "CRASHED"):
            return dict(runs[0])
        time.sleep(1)
    raise SystemExit(f"no retraining because of {alert} within {PATIENCE:.0f} s")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
