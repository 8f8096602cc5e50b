"""Real servers, one of each for all tests: Prefect and Azurite; an empty home for a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.azurite import azurite  # noqa: F401
from contracts.servers import serving

from restock.infra.prefect_env import send_what_is_left
from restock.infra.processes import Service
from restock.infra.settings import Settings, load_settings


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
    """A real server for all tests that can share one."""
    with serving(server_settings) as server:
        yield server


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
