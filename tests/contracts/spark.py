"""One real local Spark session for all tests: two cores, on loopback; it ends with the process."""

from typing import Any

import pytest

from restock.infra.spark import spark_session


@pytest.fixture(scope="session")
def spark() -> Any:
    """The session."""
    return spark_session(2)
