"""``restock submit databricks`` by the real SDK, on a stand-in whose machines really run."""

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.azurite import ACCOUNT, KEY, azurite  # noqa: F401
from contracts.databricks import TOKEN, Workspace, workspace
from contracts.nights import published, write_orders

from restock.cli.elsewhere import check
from restock.cli.nodes import nodes
from restock.cli.output import BadUsage
from restock.dataset import load_sample
from restock.infra.store import open_store


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "machines").mkdir()
    with workspace(tmp_path / "machines") as at:
        monkeypatch.setenv("DATABRICKS_HOST", at.host)
        monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("RESTOCK_DATABRICKS__IMAGE", "registry/restock:1")
        monkeypatch.setenv("RESTOCK_STORAGE", f"azure://{ACCOUNT}/databricks-{uuid.uuid4().hex}")
        yield at


def restock(*words: str) -> subprocess.Popen[str]:
    """``restock submit databricks …`` in a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "restock.cli", "submit", "databricks", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.platform
def test_a_night_runs_there_and_the_key_of_the_store_travels_by_reference(
    at: Workspace,
    azurite: str,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RESTOCK_AZURE__CONNECTION_STRING", azurite)
    at.secrets["restock", "RESTOCK_AZURE__CONNECTION_STRING"] = azurite
    frame = load_sample().orders
    orders = write_orders(tmp_path / "orders.parquet", frame[frame["market"] == "BE"])
    open_store(f"azure://{ACCOUNT}/shop").put_file("raw/orders.parquet", orders)
    address = f"azure://{ACCOUNT}/shop/raw/orders.parquet"
    night = ("retrain", "--markets", "BE", "--orders", address, "--runner", "threads")
    there = restock(*night)
    out, err = there.communicate(timeout=300)
    assert there.returncode == 0, out + err
    assert out.startswith(f"run 41 of restock-retrain\n{at.host}/jobs/runs/41\n")
    assert "\nrunning\n" in out and "BE" in out and "\nsucceeded after " in out
    assert KEY not in json.dumps(at.bodies)
    assert list(published(open_store())) == ["BE"]  # in the store that both reach


@pytest.mark.platform
def test_what_fails_there_fails_here_with_its_reason(at: Workspace) -> None:
    done = restock("--json", "retrain", "--orders", "/Volumes/nowhere/orders.parquet")
    out, err = done.communicate(timeout=120)
    assert done.returncode == 1, err
    told = json.loads(out)
    assert (told["run"], told["phase"]) == ("41", "failed")
    assert "restock retrain ended with exit code 2" in told["reason"]
    assert "there is no such file or folder" in told["reason"]


@pytest.mark.platform
def test_a_run_outlives_the_command_that_is_interrupted_or_detached(at: Workspace) -> None:
    at.free.clear()
    detached = restock("--detach", "retrain")
    out, _ = detached.communicate(timeout=120)
    assert (detached.returncode, out) == (0, f"run 41 of restock-retrain\n{at.host}/jobs/runs/41\n")
    followed = restock("retrain")
    assert followed.stdout and "run 42" in followed.stdout.readline()
    assert followed.stdout.readline() == f"{at.host}/jobs/runs/42\n"
    assert followed.stdout.readline() == "waiting\n"
    followed.send_signal(signal.SIGINT)
    out, _ = followed.communicate(timeout=120)
    assert followed.returncode not in (0, 2)
    assert "The run goes on; databricks jobs cancel-run 42 ends it." in out
    for_machines = restock("--json", "retrain")  # its number is known while it runs
    assert for_machines.stderr
    assert for_machines.stderr.readline() == "run 43 of restock-retrain\n"
    for_machines.kill()
    assert for_machines.communicate(timeout=120)[0] == ""


@pytest.mark.unit
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("up", "up does not run on Databricks: only retrain, search"),
        ("retrain --detach", "come before the command, as in restock submit databricks --detach"),
        ("retrain --as-of yesterday", "--as-of 'yesterday' is no date: write it as 2011-12-01"),
        ("retrain --markets Q", "--markets: 'Q' is no market code"),
        ("retrain --markets QQ", "no market 'QQ' is declared"),
        ("retrain --runner nonsense", "'nonsense' is no runner: use threads, dask"),
        ("retrain --delimiter tab", "--delimiter 'tab' is not one character"),
        ("search --budget 10x", "--budget '10x' is no time"),
        ("search --families sarr", "sarr"),
        ("search --on als=TPU", "TPU"),
        ("backtest --since spring", "--since 'spring' is no date"),
        ("backtest --ages young", "--ages 'young': write days"),
        ("backtest --models reorderr", "reorderr"),
        ("workers", "workers join a scheduler: name it"),
        ("workers --runner dask", "workers join a scheduler: name it"),
        ("workers --runner tls://10.0.0.1:8786 --offers TPU", "there is no resource 'TPU'"),
        ("retrain --orders mine.parquet", "--orders mine.parquet is a file of this machine"),
        ("retrain --orders /home/me/orders.parquet", "--orders .* is a file of this machine"),
        ("retrain --orders /Volumesque/o.csv", "--orders .* is a file of this machine"),
        ("retrain --eligibility README.md", "--eligibility README.md is a file of this machine"),
        ("retrain --eligibility https://shop/table.csv", "--eligibility .* is a file of this"),
    ],
)
def test_what_cannot_run_there_is_told_before_a_cluster_starts(
    words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadUsage, match=message):
        check(words.split())


@pytest.mark.unit
@pytest.mark.parametrize(
    "words",
    [
        "retrain --markets FR --orders /Volumes/a/b/c/d.parquet --as-of 2011-12-01",
        "retrain --orders azure://shop/orders --eligibility /dbfs/mnt/eligible.csv",
        "search --budget 10m --families als --on als=SPARK --runner threads --seed 3",
        "backtest --models reorder,blend:market --ages none --instead blend --since 2011-06-01",
        "workers --runner tls://10.0.0.1:8786 --offers SPARK,CPU",
        "drift --report --columns Kunde=customer_id --encoding latin-1",
        "monitor --json",
    ],
)
def test_what_is_right_may_go(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check(words.split())


@pytest.mark.unit
def test_files_of_settings_are_told_before_a_cluster_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESTOCK_STORAGE", "azure://shop/restock")
    monkeypatch.setenv("RESTOCK_MLFLOW__TLS_CA_FILE", "/home/me/ca.pem")
    with pytest.raises(BadUsage, match="RESTOCK_MLFLOW__TLS_CA_FILE is /home/me/ca.pem"):
        check(["retrain"])
    with pytest.raises(BadUsage, match="RESTOCK_MLFLOW__TLS_CA_FILE is /home/me/ca.pem"):
        nodes("tls://10.0.0.1:8786", "databricks")


@pytest.mark.unit
def test_workers_join_the_scheduler_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTOCK_RUNNER", "tls://10.0.0.1:8786")
    check(["workers", "--offers", "SPARK"])


@pytest.mark.unit
def test_options_that_the_command_does_not_know_are_told_before_a_cluster_starts() -> None:
    with pytest.raises(Exception, match="No such option: --markts"):
        check(["retrain", "--markts", "FR"])
