"""Common to all tests: no telemetry, no user's own settings, no clock that decides."""

import os

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("contracts")  # a contract's assertions say what they compared
os.environ.update(
    {
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",
        "MPLBACKEND": "Agg",
        # Dask's workers look a hundred times a second at what they do, also when it is nothing
        "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "false",
    }
)
for name in [name for name in os.environ if name.startswith("RESTOCK_")]:
    del os.environ[name]
# tests run beside each other, a core for each; one that wants more threads says so
os.environ["RESTOCK_THREADS"] = "1"

# an example that compiles a kernel, or shares its core with another test, is no failure
settings.register_profile("restock", deadline=None)
settings.load_profile("restock")
