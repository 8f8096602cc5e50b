"""A command finds its Prefect server, keeps to itself, and leaves nothing behind."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from restock.infra.platform_state import SERVER, PlatformState, write_state
from restock.infra.prefect_env import configure, environment
from restock.infra.processes import Service, answers
from restock.infra.settings import load_settings

COMMAND = """
import json, logging, sys, warnings
from restock.infra.prefect_env import connect
from restock.infra.settings import load_settings

with connect(load_settings()) as connection:
    import prefect
    from prefect.settings import get_current_settings
    from restock.infra.runners import task_runner
    connection.wait()

    @prefect.flow(task_runner=task_runner())
    def night():
        logging.getLogger("restock.test").info("said by our logger")
        warnings.warn("said by a library")
        print(json.dumps({
            "kind": connection.kind,
            "url": connection.api_url,
            "pid": connection.service and connection.service.pid,
            "home": str(get_current_settings().home),
            "serializer": get_current_settings().results.default_serializer,
        }), flush=True)
        if "hang" in sys.argv:
            import time
            time.sleep(60)

    night()
"""


def command(home: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start a command in an empty user's home, as on a new machine."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "RESTOCK_"))}
    user = home / "user"
    user.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        env={**clean, "HOME": str(user), "RESTOCK_HOME": str(home / "restock"), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.platform
def test_a_command_brings_its_own_server_and_takes_it_along(tmp_path: Path) -> None:
    out, err = command(tmp_path).communicate(timeout=150)
    said = json.loads(out)
    assert said["kind"] == "embedded"
    assert said["home"] == str(tmp_path / "restock" / "prefect")
    assert said["serializer"] == "json"
    assert err == ""  # the console is the command's
    in_home = {path.name for path in (tmp_path / "user").iterdir()}
    assert in_home <= {".cache"}  # the user's own profile is untouched
    assert not answers(f"{said['url']}/health")
    with sqlite3.connect(tmp_path / "restock" / "prefect" / "prefect.db") as database:
        kept = {message for (message,) in database.execute("select message from log")}
    assert "said by our logger" in kept
    assert any("said by a library" in message for message in kept)

    killed = command(tmp_path, "hang")
    assert killed.stdout is not None
    url = json.loads(killed.stdout.readline())["url"]
    assert answers(f"{url}/health")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    until = time.monotonic() + 20
    while answers(f"{url}/health") and time.monotonic() < until:
        time.sleep(0.2)
    assert not answers(f"{url}/health")


@pytest.mark.platform
def test_a_command_uses_the_standing_platform(tmp_path: Path, prefect_server: Service) -> None:
    write_state(tmp_path / "restock", PlatformState(services={SERVER: prefect_server}))
    out, err = command(tmp_path).communicate(timeout=60)
    said = json.loads(out)
    assert (said["kind"], said["url"]) == ("standing", f"{prefect_server.url}/api"), err
    assert answers(f"{prefect_server.url}/api/health")


@pytest.mark.platform
@pytest.mark.parametrize("variable", ["PREFECT_API_URL", "RESTOCK_PREFECT__API_URL"])
def test_a_server_that_is_named_comes_first(
    tmp_path: Path, prefect_server: Service, variable: str
) -> None:
    nobody = prefect_server.model_copy(update={"url": "http://127.0.0.1:9"})
    write_state(tmp_path / "restock", PlatformState(services={SERVER: nobody}))
    url = f"{prefect_server.url}/api"
    out, err = command(tmp_path, **{variable: url}).communicate(timeout=60)
    said = json.loads(out)
    assert (said["kind"], said["url"]) == ("configured", url), err
    ours = said["home"] == str(tmp_path / "restock" / "prefect")
    # Who names a server in Prefect's own way may have its key in their own profile.
    assert ours == (variable == "RESTOCK_PREFECT__API_URL")


@pytest.mark.unit
def test_connecting_too_late_is_refused(tmp_path: Path) -> None:
    import prefect  # noqa: F401

    with pytest.raises(RuntimeError, match="connect first"):
        configure(load_settings(home=tmp_path))


@pytest.mark.platform
def test_prefect_knows_every_variable_that_we_set(tmp_path: Path) -> None:
    """A renamed setting would be ignored without a word."""
    ours = environment(load_settings(home=tmp_path))
    names = {
        name
        for name in ours
        if name.startswith("PREFECT_") and not name.startswith("PREFECT_LOGGING_HANDLERS")
    }
    count = (
        "from prefect.settings import get_current_settings as s;"
        "print(len(s().to_environment_variables(exclude_unset=True)))"
    )
    known = {
        k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "PYTHON", "RESTOCK"))
    }

    def known_to_prefect(variables: dict[str, str]) -> int:
        out = subprocess.run(
            [sys.executable, "-c", count],
            env={**known, "PREFECT_PROFILES_PATH": str(tmp_path / "none.toml"), **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return int(out.stdout)

    without = known_to_prefect({})
    assert known_to_prefect({name: ours[name] for name in names}) == without + len(names)


@pytest.mark.unit
def test_tasks_on_threads_share_the_cores_of_their_process(tmp_path: Path) -> None:
    threads = environment(load_settings(home=tmp_path, runner="threads", cores=1))
    assert threads["OMP_NUM_THREADS"] == threads["NUMBA_NUM_THREADS"] == "1"
    assert "OMP_NUM_THREADS" not in environment(load_settings(home=tmp_path, runner="dask"))


NUMBA_CAME_FIRST = """
import sys
from pathlib import Path
import numba
from restock.infra.prefect_env import configure
from restock.infra.runners import thread_plan
from restock.infra.settings import load_settings
settings = load_settings(home=Path(sys.argv[1]), runner="threads")
configure(settings)
with thread_plan(settings).limit():
    assert numba.njit(lambda x: x + 1)(1) == 2
"""


@pytest.mark.platform
def test_a_kernel_is_compiled_in_a_command_that_had_loaded_numba(tmp_path: Path) -> None:
    free = {k: v for k, v in os.environ.items() if not k.startswith(("RESTOCK_", "NUMBA_"))}
    command = [sys.executable, "-c", NUMBA_CAME_FIRST, str(tmp_path)]
    subprocess.run(command, env=free, cwd=tmp_path, check=True)
