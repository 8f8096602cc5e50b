"""The command as people type it, against a real server, on the real orders of a few markets."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import pytest
from contracts.nights import MARKETS

from restock.dataset import load_sample
from restock.infra.local_store import LocalStore
from restock.infra.prefect_env import environment
from restock.infra.prefect_server import embedded, wait_for
from restock.infra.processes import stop
from restock.infra.settings import load_settings

Done = subprocess.CompletedProcess[str]
Command = Callable[..., Done]
Once = Callable[..., tuple[Done, Path]]


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


def launch(
    folder: Path, api: str, *arguments: str, code: str = "", **settings: str
) -> subprocess.Popen[str]:
    """Start ``restock …`` as a process of its own in a folder; keyword arguments are settings."""
    values = {"HOME": str(folder / "home"), "RUNNER": "threads", **settings}
    env = {k: v for k, v in os.environ.items() if not k.startswith(("RESTOCK_", "PREFECT_"))}
    env |= {"PREFECT_API_URL": api} | {f"RESTOCK_{k}": v for k, v in values.items()}
    main = "from restock.cli.main import main\nif __name__ == '__main__':\n    main()\n"
    script = folder / f"command-{len(list(folder.glob('command-*')))}.py"
    script.write_text(f"{code}\n{main}")
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        env=env,
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ended(process: subprocess.Popen[str]) -> Done:
    """What a command that was started came to."""
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def start(api: str, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start ``restock …`` as a process of its own; keyword arguments are settings."""
    return partial(launch, tmp_path, api)


@pytest.fixture
def restock(start: Callable[..., subprocess.Popen[str]]) -> Command:
    """Run ``restock …`` to its end."""
    return lambda *arguments, **more: ended(start(*arguments, **more))


@pytest.fixture(scope="session")
def once(api: str, tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Run ``restock …`` in a home of its own, once for all tests; what it said, and its store.

    For what several tests start from or compare with: they must not change that store.
    """

    @cache
    def once(*arguments: str, **settings: str) -> tuple[Done, Path]:
        folder = tmp_path_factory.mktemp("once")
        done = ended(launch(folder, api, *arguments, **settings))
        assert done.returncode == 0, done.stderr[-3000:]
        return done, folder / "home" / "store"

    return once


@pytest.fixture
def nights(once: Once, orders: Path) -> Once:
    """What a night of all markets said, and its store: see ``once``."""
    return partial(once, "retrain", "--orders", str(orders), "--json")


@pytest.fixture
def after_a_night(nights: Once, store: LocalStore) -> Command:
    """Go on from the store that a night of these arguments has left; what the night said."""

    def after(*arguments: str) -> Done:
        done, left = nights(*arguments)
        shutil.copytree(left, store.root)
        return done

    return after


@pytest.fixture
def store(home: Path) -> LocalStore:
    """The store of the test's home."""
    return LocalStore(home / "store")
