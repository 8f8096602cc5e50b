"""Real servers, one of each for all tests: Prefect and Azurite; an empty home for a test."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from restock.infra.prefect_env import environment, send_what_is_left
from restock.infra.prefect_server import serve, wait_for
from restock.infra.processes import Service, free_port, stop
from restock.infra.settings import Settings, load_settings

sys.path.insert(0, str(Path(__file__).parents[1]))  # contracts are shared by several folders
pytest.register_assert_rewrite("contracts.store")

from contracts.azurite import azurite  # noqa: E402, F401


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, which is the home of the embedded defaults too."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def server_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home folder that only these tests have."""
    return load_settings(home=tmp_path_factory.mktemp("home"), cores=2)


@pytest.fixture(scope="session")
def prefect_server(server_settings: Settings) -> Iterator[Service]:
    """A real server, whole: it schedules, and it ends with this process."""
    server = serve(
        server_settings.home,
        free_port(),
        environment=environment(server_settings),
        parent=os.getpid(),
    )
    try:
        wait_for(server)
        yield server
    finally:
        stop([server])


@pytest.fixture(scope="session")
def prefect_api(server_settings: Settings, prefect_server: Service) -> Iterator[str]:
    """Address of the real server; prefect in this process talks to it."""
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_HOME,
        PREFECT_RESULTS_DEFAULT_SERIALIZER,
        temporary_settings,
    )

    url = f"{prefect_server.url}/api"
    with temporary_settings(
        {
            PREFECT_API_URL: url,
            PREFECT_HOME: str(server_settings.home / "prefect"),
            PREFECT_RESULTS_DEFAULT_SERIALIZER: "json",
        }
    ):
        yield url
        send_what_is_left()
