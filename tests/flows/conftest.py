"""The command as people type it, against a real server, on the real orders of a few markets."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import pytest
from contracts.forked import Command as Started
from contracts.forked import Forker, forker
from contracts.nights import MARKETS, write_orders

from restock.dataset import load_sample
from restock.infra.local_store import LocalStore
from restock.infra.mlflow_writer import Writer
from restock.infra.prefect_env import environment
from restock.infra.prefect_server import embedded, wait_for
from restock.infra.processes import stop
from restock.infra.settings import load_settings

Done = subprocess.CompletedProcess[str]
Command = Callable[..., Done]
Start = Callable[..., Started]
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
    """Real order lines of five markets, of the items that sell best, in our own columns."""
    frame = load_sample().orders
    frame = frame[frame["market"].isin(MARKETS)]
    often = frame["item_id"].value_counts().index[:400]
    return write_orders(
        tmp_path_factory.mktemp("orders") / "orders.parquet", frame[frame["item_id"].isin(often)]
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home folder of one test."""
    return tmp_path / "home"


@pytest.fixture(scope="session")
def loaded() -> Iterator[Forker]:
    """What commands are forked off."""
    with forker() as process:
        yield process


@pytest.fixture(scope="session")
def launch(api: str, loaded: Forker, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Start ``restock …`` as a process of its own in a folder; keyword arguments are settings."""
    tables = tmp_path_factory.mktemp("mlflow")
    Writer(load_settings(home=tables))
    return partial(_launch, api, loaded, tables / "mlflow.db")


def _launch(
    api: str,
    loaded: Forker,
    tables: Path,
    folder: Path,
    *arguments: str,
    code: str = "",
    **settings: str,
) -> Started:
    values = {"HOME": str(folder / "home"), "RUNNER": "threads", **settings}
    env = {k: v for k, v in os.environ.items() if not k.startswith(("RESTOCK_", "PREFECT_"))}
    env |= {"PREFECT_API_URL": api} | {f"RESTOCK_{k}": v for k, v in values.items()}
    main = "from restock.cli.main import main\nif __name__ == '__main__':\n    main()\n"
    script = folder / f"command-{len(list(folder.glob('command-*')))}.py"
    script.write_text(f"{code}\n{main}")
    database = Path(values["HOME"]) / "mlflow.db"
    if not database.exists():  # MLflow takes seconds to make its tables
        database.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tables, database)
    return loaded.start(script, arguments, env, folder)


def ended(process: Started) -> Done:
    """What a command that was started came to."""
    out, err = process.communicate(timeout=300)
    assert process.returncode is not None
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def start(launch: Start, tmp_path: Path) -> Start:
    """Start ``restock …`` as a process of its own; keyword arguments are settings."""
    return partial(launch, tmp_path)


@pytest.fixture
def restock(start: Start) -> Command:
    """Run ``restock …`` to its end."""
    return lambda *arguments, **more: ended(start(*arguments, **more))


@pytest.fixture(scope="session")
def once(launch: Start, tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Run ``restock …`` in a home of its own, once for all tests; what it said, and its store.

    For what several tests start from or compare with: they must not change that store.
    """

    @cache
    def once(*arguments: str, **settings: str) -> tuple[Done, Path]:
        folder = tmp_path_factory.mktemp("once")
        done = ended(launch(folder, *arguments, **settings))
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
