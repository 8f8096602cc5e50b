"""``restock search``: what people type, and what they see while it runs and afterwards."""

import io
import logging
from pathlib import Path
from typing import Any

import pytest
from contracts.searched import searched
from contracts.searching import run_of
from rich.console import Console
from typer.testing import CliRunner

from restock.cli import drift, live, monitor, output, retrain, search
from restock.cli.main import app
from restock.infra.local_store import LocalStore
from restock.infra.progress import SearchProgress
from restock.infra.progress import live as live_logger
from restock.infra.search_store import put_run

pytestmark = pytest.mark.unit

STATUS = {
    "phase": "pool",
    "trials": 38,
    "planned": 200,
    "failures": 2,
    "best": {
        "all": {"label": "blend (pooled)", "lift": 0.031},
        **{f"M{letter}": {"label": "sar", "lift": 0.01} for letter in "ABCDEFGH"},
    },
    "left": 300.0,
    "spent": 300.0,
    "busy": 1,
    "slots": 2,
    "running": ["all sar"],
}


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1h", 3600), ("1h30m", 5400), ("2m5s", 125)]
)
def test_a_time_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert search.duration(text) == seconds


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--budget", "ten"], "write it as 90s, 30m or 1h30m"),
        (["--budget", "10"], "write it as 90s, 30m or 1h30m"),
        (["--budget", "-5m"], "write it as 90s, 30m or 1h30m"),
        (["--budget", ""], "write it as 90s, 30m or 1h30m"),
        (["--budget", "2s"], "at least 30s"),
        (["--budget", "10m", "--trials", "9"], "give one of them"),
        (["--families", "sra"], "did you mean 'sar'"),
        (["--markets", "QQ"], "no market 'QQ' is declared"),
        (["--markets", "fr"], "no market code"),
        (["--on", "sar=GPU"], "sar has no use for a GPU"),
        (["--on", "als"], "write it as als=SPARK,gru=GPU"),
        (["--on", "sra=CPU"], "sra"),
        (["--orders", "nowhere.csv"], "no such file"),
        (["--as-of", "soon"], "write it as 2011-12-01"),
        (["--resume", "x", "--markets", "FR", "--trials", "3"], "leave out --trials, --markets"),
    ],
)
def test_bad_usage_is_one_sentence_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.setattr(search, "run", _must_not_run)
    done = CliRunner().invoke(app, ["search", *arguments])
    assert isinstance(done.exception, output.BadUsage)
    assert says in str(done.exception)


def _must_not_run(*_: Any) -> None:
    raise AssertionError("the search began")


def _invoke(monkeypatch: pytest.MonkeyPatch, result: Any, *arguments: str) -> Any:
    given: dict[str, Any] = {}

    def run(_: Any, __: Any, parameters: dict[str, Any]) -> Any:
        given.update(parameters)
        return result

    monkeypatch.setattr(search, "run", run)
    monkeypatch.setattr(output.console, "_width", 200)
    done = CliRunner().invoke(app, ["search", *arguments])
    return done, given


@pytest.mark.parametrize("command", ["search", "retrain", "drift", "monitor"])
@pytest.mark.parametrize(
    ("header", "arguments", "says"),
    [
        ("market;customer_id", ["--delimiter", ";"], "no column order_id, item_id, timestamp"),
        ("market,kunde", ["--columns", "Kunde=customer_id"], "which is not in it"),
        ("market", ["--encoding", "nosuch"], "unknown encoding: nosuch"),
        ("market", ["--delimiter", ";;"], "not one character"),
    ],
)
def test_a_file_without_the_columns_of_orders_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
    header: str,
    arguments: list[str],
    says: str,
) -> None:
    for module in (search, retrain, drift, monitor):
        monkeypatch.setattr(module, "run", _must_not_run)
    path = tmp_path / "orders.csv"
    path.write_text(f"{header}\n1\n")
    done = CliRunner().invoke(app, [command, "--orders", str(path), *arguments])
    assert isinstance(done.exception, output.BadUsage)
    assert says in str(done.exception)


def test_what_was_typed_reaches_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["--trials", "50", "--families", "sar, als", "--on", "als=spark", "--seed", "3"]
    _, given = _invoke(monkeypatch, searched(), *arguments, "--markets", "FR")
    assert given["trials"] == 50 and given["budget_seconds"] is None
    assert given["families"] == ["sar", "als"] and given["placements"] == {"als": "SPARK"}
    assert given["markets"] == ["FR"] and given["seed"] == 3
    _, given = _invoke(monkeypatch, searched())
    assert given["budget_seconds"] == 600 and given["trials"] is None


def test_only_a_search_that_was_started_is_resumed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RESTOCK_HOME", str(tmp_path))
    put_run(LocalStore(tmp_path / "store"), run_of(tmp_path, "2011-12-10-1a2b3c4d"))
    _, given = _invoke(monkeypatch, searched(), "--resume", "2011-12-10-1a2b3c4d")
    assert given == {"resume": "2011-12-10-1a2b3c4d"}
    for name in ("nosuch", "../../etc"):
        done, given = _invoke(monkeypatch, searched(), "--resume", name)
        assert isinstance(done.exception, output.BadUsage) and not given
        says = str(done.exception)
        assert name in says
        assert name != "nosuch" or "stopped before their end: 2011-12-10-1a2b3c4d;" in says


def test_failed_markets_end_it_with_1_and_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    done, _ = _invoke(monkeypatch, searched())
    assert done.exit_code == 1
    good = searched(markets=searched().markets[:2])
    done, _ = _invoke(monkeypatch, good, "--json")
    assert done.exit_code == 0 and '"token": "2011-12-10-1a2b3c4d"' in done.stdout


def _drawn(view: live.View, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(view)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_a_search_that_is_watched_shows_how_far_it_is_and_its_name() -> None:
    with live.watching(quiet=True) as view:
        assert "starting" in _drawn(view)
        SearchProgress("2011-12-10-1a2b3c4d")(STATUS)
    text = _drawn(view)
    assert view.token == "2011-12-10-1a2b3c4d"
    for part in ("38 of 200", "left of 10:00", "1 of 2 busy", "+3.1%", "2 trials failed"):
        assert part in text
    assert text.index("blend (pooled)") < text.index("MA") and "and 3 more" in text


@pytest.mark.parametrize("width", [40, 80])
def test_a_long_name_neither_breaks_lines_nor_hides_the_lift(width: int) -> None:
    with live.watching(quiet=True) as view:
        best = {"all": {"label": "tifu_knn " * 30, "lift": 0.031}}
        SearchProgress("x")({**STATUS, "best": best})
    assert "+3.1%" in _drawn(view, width) and "all" in _drawn(view, width)
    assert all(len(line) <= width for line in _drawn(view, width).splitlines())


def test_the_log_hears_of_it_now_and_then_and_of_every_phase(
    caplog: pytest.LogCaptureFixture,
) -> None:
    say = SearchProgress("x", every_seconds=1000)
    with caplog.at_level(logging.INFO, logger="restock.progress"):
        for _ in range(20):
            say(STATUS)
        say({**STATUS, "phase": "mix"})
    assert not live_logger.propagate
    heard = [record.message for record in caplog.records if record.name != live_logger.name]
    assert heard == [
        "search: pool, 38 of 200 trials",
        "search: mix, 38 of 200 trials",
    ]


def test_a_search_that_is_interrupted_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*_: Any) -> None:
        SearchProgress("2011-12-10-1a2b3c4d")(STATUS)
        raise KeyboardInterrupt

    said: list[str] = []
    monkeypatch.setattr(search, "run", run)
    monkeypatch.setattr(search.errors, "print", lambda text, **_: said.append(text))
    done = CliRunner().invoke(app, ["search"])
    assert done.exit_code == 130
    assert "restock search --resume 2011-12-10-1a2b3c4d" in said[-1]
    assert said[0] == "Search: 2011-12-10-1a2b3c4d"
