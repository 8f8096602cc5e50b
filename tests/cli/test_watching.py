"""``restock drift`` and ``restock monitor``: what people type, and what they are told."""

from pathlib import Path
from typing import Any

import pytest
from contracts.watched import AS_OF, finding, health, healthy, watched
from typer.testing import CliRunner

from restock.cli import drift, monitor, output
from restock.cli.main import app
from restock.infra.health import RolledBack
from restock.infra.watch import MarketWatch, Watch

pytestmark = pytest.mark.unit

ALERT = "FR-2011-11-30-price-shock"


def watch(**more: Any) -> Watch:
    """FR alarms, with a page; DE is quiet, and nothing is published there."""
    alarms = watched("FR", finding(), page="reports/drift/FR/2011-11-30.html")
    quiet = watched("DE").model_copy(update={"publication": None})
    values: dict[str, Any] = {"markets": (alarms, quiet), "raised": (ALERT,), **more}
    return Watch(as_of=AS_OF, token="t", snapshot="s", **values)


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a command whose flow comes to this; what it printed, and what the flow was given."""

    def invoke(result: Any, *arguments: str) -> Any:
        given: dict[str, Any] = {}

        def run(_: Any, __: Any, parameters: dict[str, Any]) -> Any:
            given.update(parameters)
            return result

        for module in (drift, monitor):
            monkeypatch.setattr(module, "run", run)
        monkeypatch.setattr(output.console, "_width", 200)
        monkeypatch.setenv("RESTOCK_HOME", str(tmp_path))
        return CliRunner().invoke(app, list(arguments)), given

    return invoke


@pytest.mark.parametrize("command", ["drift", "monitor"])
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--markets", "fr"], "no market code"),
        (["--orders", "nowhere.csv"], "no such file"),
        (["--as-of", "soon"], "write it as 2011-12-01"),
    ],
)
def test_bad_usage_is_one_sentence_before_anything_starts(
    invoke: Any, command: str, arguments: list[str], says: str
) -> None:
    done, given = invoke(None, command, *arguments)
    assert isinstance(done.exception, output.BadUsage) and says in str(done.exception)
    assert not given


def test_what_was_typed_reaches_the_flow(invoke: Any) -> None:
    _, given = invoke(watch(), "drift", "--markets", "FR, DE", "--as-of", "2011-11-30", "--report")
    assert given["markets"] == ["FR", "DE"] and given["as_of"] == AS_OF and given["report"]
    _, given = invoke(health(healthy()), "monitor", "--delimiter", ";")
    assert given["markets"] is None and given["reading"] == {"delimiter": ";"}


def test_what_moved_is_a_row_and_what_did_not_is_a_line(invoke: Any, tmp_path: Path) -> None:
    done, _ = invoke(watch(), "drift")
    assert done.exit_code == 0  # an alarm is no failure
    assert "price shock" in done.stdout and "rose by 18 %" in done.stdout
    assert "1 quiet: DE" in done.stdout and f"New alerts: {ALERT}" in done.stdout
    assert str(tmp_path / "store/reports/drift/FR/2011-11-30.html") in done.stdout
    assert "Nothing is published in DE" in done.stdout and "restock retrain" in done.stdout


def test_a_market_that_is_too_small_is_not_called_quiet(invoke: Any) -> None:
    markets = (watched("GB"), watched("IE", text="3 customers ordered in 28 days"))
    done, _ = invoke(watch(markets=markets), "drift")
    assert "1 quiet: GB" in done.stdout and "1 too small or too young" in done.stdout
    assert done.stdout.index("GB") < done.stdout.index("IE")


def test_alarms_that_go_on_and_storms_are_said(invoke: Any) -> None:
    done, _ = invoke(watch(raised=(), repeated=(ALERT,), storm=True), "drift")
    assert f"not raised again: {ALERT}" in done.stdout
    assert "the data are to blame" in done.output
    done, _ = invoke(watch(), "drift")
    assert "the data are to blame" not in done.output
    old = watched("FR", finding(kind="staleness", cause="stale"))
    many = tuple(f"FR-2011-11-{day}-stale" for day in range(10, 30))
    done, _ = invoke(watch(markets=(old,), storm=True, raised=many), "drift")
    assert "The nights do not run" in done.output and "and 12 more" in done.stdout


def test_a_market_that_failed_ends_it_with_1_and_is_named(invoke: Any) -> None:
    bad = MarketWatch(market="DE", name="Germany", as_of=AS_OF, state="failed", error="no luck")
    done, _ = invoke(watch(markets=(watched(), bad)), "drift")
    assert done.exit_code == 1 and "DE failed: no luck" in done.output
    failed = healthy("DE", light="red", error="no luck")
    done, _ = invoke(health(healthy(), failed), "monitor")
    assert done.exit_code == 1 and "DE failed: no luck" in done.output


def test_machines_get_the_findings_without_the_points_of_charts(invoke: Any) -> None:
    done, _ = invoke(watch(), "drift", "--json")
    assert done.exit_code == 0 and '"price shock"' in done.stdout
    assert '"points"' not in done.stdout


def test_how_markets_stand_is_a_table_and_a_roll_back_is_said(invoke: Any) -> None:
    rolled = RolledBack(left="run-2", back_to="run-1", why="Worse than the plan before.")
    done, _ = invoke(health(healthy("FR", rolled_back=rolled), healthy("DE")), "monitor")
    assert done.exit_code == 0
    assert "0.331 ±0.011" in done.stdout and "as usual" in done.stdout
    assert "FR was rolled back to run-1: Worse than the plan before." in done.output
    done, _ = invoke(health(healthy("FR", retrained=None)), "monitor")
    assert done.exit_code == 0 and "run restock retrain" in done.stdout
