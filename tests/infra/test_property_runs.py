"""Properties on several workers: what one seed finds is named, with what gives it again."""

import base64
import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import LocalCluster
from typer.testing import CliRunner

from restock.cli.main import app
from restock.cli.output import BadUsage
from restock.infra import gather, patience
from restock.infra.property_runs import BadSuite, pack, run_seed

CONFTEST = """
from hypothesis import settings

settings.register_profile("few", max_examples=20, derandomize=True)
settings.load_profile("few")
"""
HELPER = "LIMIT = 1_000\n"
# false for one large number in 31: not every seed comes upon one, that of CONFTEST does not
PROPERTIES = """
from beside.helper import LIMIT
from hypothesis import given, strategies as st

@given(st.integers(0, 10_000_000))
def test_rarely_wrong(number):
    assert number % 31 != 13 or number < LIMIT

@given(st.integers())
def test_right(number):
    assert number + 0 == number

def test_no_property():
    raise AssertionError("is not run")
"""
DEADLY = """
import os, signal
from hypothesis import given, strategies as st

@given(st.integers())
def test_kills(number):
    os.kill(os.getpid(), signal.SIGSEGV)
"""


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    """A folder of tests with a helper beside them, as a project has it."""
    root = tmp_path / "tests"
    (root / "beside").mkdir(parents=True)
    (root / "models").mkdir()
    (root / "conftest.py").write_text(CONFTEST)
    (root / "beside" / "helper.py").write_text(HELPER)
    (root / "models" / "test_it.py").write_text(PROPERTIES)
    (root / "models" / "test_deadly.py").write_text(DEADLY)
    (root / ".hidden").mkdir()
    (root / ".hidden" / "secret.py").write_text("")
    return root


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A scheduler with two workers, in processes of their own."""
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with LocalCluster(**options, host="127.0.0.1", dashboard_address="127.0.0.1:0") as nodes:
        yield nodes.scheduler_address.replace("tcp://", "dask://")


@pytest.mark.platform
def test_a_rare_example_is_found_on_a_cluster_and_found_again_here(
    tests: Path, cluster: str
) -> None:
    file = tests / "models" / "test_it.py"
    done = CliRunner().invoke(app, ["properties", str(file), "--seeds", "4", "--runner", cluster])
    assert done.exit_code == 1, done.output
    assert "test_rarely_wrong does not hold" in done.output
    assert "test_right" not in done.output and "test_no_property" not in done.output
    (again,) = re.findall(r"again: pytest (.*)", done.output)
    alone = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *again.split()],
        cwd=tests,
        env={"PYTHONPATH": str(tests), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
    )
    assert alone.returncode == 1, alone.stdout
    smallest = re.compile(r"^number = (\d+)$", re.MULTILINE)
    assert smallest.findall(alone.stdout) == smallest.findall(done.output) != []
    assert run_seed(pack([file]), int(again.rpartition("=")[2])).tests == 2


@pytest.mark.platform
def test_a_property_that_kills_its_process_is_a_finding(tests: Path) -> None:
    run = run_seed(pack([tests / "models" / "test_deadly.py"]), 0)
    assert run.failures == {"(all)": "the process died of signal 11"}


@pytest.mark.platform
def test_a_cluster_without_workers_is_not_waited_for_for_ever(
    tests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "SECONDS_OF_HOPE", 0.05)
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.2)
    file = str(tests / "models" / "test_it.py")
    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=0, **options) as nobody:
        runner = nobody.scheduler_address.replace("tcp://", "dask://")
        done = CliRunner().invoke(app, ["properties", file, "--seeds", "2", "--runner", runner])
    assert isinstance(done.exception, BadUsage)
    assert f"start some with restock workers --runner {runner}" in str(done.exception)


@pytest.mark.unit
def test_what_travels_is_the_folder_of_tests_without_hidden_ones(tests: Path) -> None:
    suite = pack([tests / "models" / "test_it.py"])
    assert suite.files == ("models/test_it.py",)
    names = zipfile.ZipFile(io.BytesIO(base64.b64decode(suite.archive))).namelist()
    assert sorted(names) == [
        "beside/helper.py",
        "conftest.py",
        "models/test_deadly.py",
        "models/test_it.py",
    ]


@pytest.mark.thorough
@pytest.mark.unit
def test_what_is_no_suite_is_told(tests: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSuite, match="no Python file"):
        pack([tmp_path / "absent.py"])
    other = tmp_path / "other.py"
    other.write_text("")
    with pytest.raises(BadSuite, match="belong together"):
        pack([other, tests / "models" / "test_it.py"])
    with pytest.raises(BadSuite, match=r"other.py: no test there uses hypothesis.given"):
        run_seed(pack([other]), 0)
