"""Common to all tests: no telemetry, no user's own settings, no clock that decides."""

import os
import signal
from typing import Any

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

# in the background of a shell interrupts are ignored, also by every child that a test starts
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# an example that compiles a kernel, or shares its core with another test, is no failure
settings.register_profile("restock", deadline=None)
settings.load_profile("restock")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Spread files over workers, but for those that share what is dear to make."""
    if config.getoption("dist") != "loadfile":
        return None
    from contracts.scheduling import ByFileButFlows

    return ByFileButFlows(config, log)
