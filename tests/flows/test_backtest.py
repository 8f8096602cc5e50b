"""A backtest as people run it: killed in the middle it goes on, and says the same."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from restock.infra.local_store import LocalStore

pytestmark = pytest.mark.platform

TINY = ("--models", "reorder,popular,item_knn", "--windows", "2", "--ages", "28")
TIMES = ("seconds", "core_use", "report")

# Says which units were done in this process, and ends it after the third where that is wanted.
COUNTED = """
import os, signal
from restock.infra import backtest_store

def put_done(store, token, unit, found, _put=backtest_store.put_done, _done=[]):
    _put(store, token, unit, found)
    _done.append(1)
    with open({log!r}, "a") as log:
        log.write(backtest_store.unit_id(unit) + "\\n")
    if len(_done) == {last}:
        os.kill(os.getpid(), signal.SIGKILL)

backtest_store.put_done = put_done
"""


@pytest.fixture(scope="module")
def few(orders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real order lines of two markets."""
    frame = pd.read_parquet(orders)
    path = tmp_path_factory.mktemp("few") / "orders.parquet"
    frame[frame["market"].isin(["FR", "PT"])].to_parquet(path, index=False)
    return path


def said(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """What the command printed, without the times."""
    assert done.returncode == 0, done.stderr[-3000:]
    return {key: value for key, value in json.loads(done.stdout).items() if key not in TIMES}


def test_killed_in_the_middle_it_goes_on_and_says_the_same(
    restock, few: Path, home: Path, store: LocalStore, tmp_path: Path
) -> None:
    command = ("backtest", "--orders", str(few), *TINY, "--instead", "item_knn", "--json")
    whole = said(restock(*command, HOME=str(tmp_path / "other")))

    logs = [tmp_path / "first", tmp_path / "second"]
    killed = restock(*command, code=COUNTED.format(log=str(logs[0]), last=3))
    assert killed.returncode == -signal.SIGKILL
    token = whole["token"]
    assert len(store.list(f"backtests/{token}/done")) >= 3

    resumed = restock(
        "backtest", "--resume", token, "--json", code=COUNTED.format(log=str(logs[1]), last=-1)
    )
    assert said(resumed) == whole
    first, second = (set(log.read_text().split()) for log in logs)
    assert not first & second  # finished units are not run again
    assert not store.list(f"backtests/{token}/done")

    page = Path(json.loads(resumed.stdout)["report"]).read_text()
    assert "item_knn (pooled)" in page and "<svg" in page and "http://" not in page
    assert {one["market"] for one in whole["markets"]} == {"FR", "PT"}
    assert whole["what_if"]["currency"] == "GBP"

    again = restock(*command)
    assert again.stdout == resumed.stdout  # done: the same bytes, and nothing is fitted


def test_what_cannot_be_asked_is_refused_with_its_remedy(restock) -> None:
    for arguments, words in (
        (("--since", "2011-06-01"), "--instead"),
        (("--models", "blnd"), "blend"),
        (("--models", "blend:planet"), "planet"),
        (("--ages", "soon"), "7,14,28,84"),
        (("--resume", "x", "--windows", "3"), "--resume takes no other option"),
    ):
        refused = restock("backtest", *arguments)
        assert refused.returncode == 2, refused.stderr[-2000:]
        assert words in refused.stderr
