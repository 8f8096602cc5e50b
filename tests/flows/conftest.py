"""The command as people type it, against a real server, on the real orders of a few markets."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from contracts.nights import MARKETS

from restock.dataset import load_sample
from restock.infra.local_store import LocalStore
from restock.infra.prefect_env import environment
from restock.infra.prefect_server import embedded, wait_for
from restock.infra.processes import stop
from restock.infra.settings import load_settings

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real Prefect server for all runs of these tests."""
    settings = load_settings(home=tmp_path_factory.mktemp("server"))
    server = embedded(settings.home, environment=environment(settings))
    try:
        wait_for(server)
        yield f"{server.url}/api"
    finally:
        stop([server])


@pytest.fixture(scope="session")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real order lines of five markets, as a file in our own columns."""
    frame = load_sample().orders
    path = tmp_path_factory.mktemp("orders") / "orders.parquet"
    frame[frame["market"].isin(MARKETS)].to_parquet(path, index=False)
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home folder of one test."""
    return tmp_path / "home"


@pytest.fixture
def start(home: Path, api: str, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start ``restock …`` as a process of its own; keyword arguments are settings."""

    def start(*arguments: str, code: str = "", **settings: str) -> subprocess.Popen[str]:
        values = {"HOME": str(home), "RUNNER": "threads", **settings}
        env = {k: v for k, v in os.environ.items() if not k.startswith(("RESTOCK_", "PREFECT_"))}
        env |= {"PREFECT_API_URL": api} | {f"RESTOCK_{k}": v for k, v in values.items()}
        main = "from restock.cli.main import main\nif __name__ == '__main__':\n    main()\n"
        script = tmp_path / f"command-{len(list(tmp_path.glob('command-*')))}.py"
        script.write_text(f"{code}\n{main}")
        return subprocess.Popen(
            [sys.executable, str(script), *arguments],
            env=env,
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start


@pytest.fixture
def restock(start: Callable[..., subprocess.Popen[str]]) -> Command:
    """Run ``restock …`` to its end."""

    def run(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        process = start(*arguments, **more)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    return run


@pytest.fixture
def store(home: Path) -> LocalStore:
    """The store of the test's home."""
    return LocalStore(home / "store")
