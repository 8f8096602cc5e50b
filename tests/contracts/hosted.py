"""A platform on two hosts: its servers with TLS and a password on the near one, workers on both."""

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

from contracts import azurite
from contracts.certificates import Authority
from contracts.hosts import Host, Process

from restock.infra.processes import free_port

PRELOADS = "--preload restock.infra.dask_preload --preload-nanny restock.infra.log_relay"
WORKER = "distributed.cli.dask_worker --nthreads 1 --no-dashboard"
SERVER = "uvicorn --factory prefect.server.api.server:create_app --log-level warning --lifespan on"
AUTH = "night:a-password-that-nobody-says"
READY = """
import ssl, sys, time, urllib.request
trusted = ssl.create_default_context(cafile=sys.argv[2])
while True:
    try:
        urllib.request.urlopen(sys.argv[1], context=trusted)
        break
    except OSError:
        time.sleep(0.2)
"""
COMMAND = "from restock.cli.main import main; main()"
RUN = """
import sys
from restock.infra.prefect_env import connect
from restock.infra.settings import load_settings

with connect(load_settings()):
    from restock.infra.runners import task_runner
    import restock_toy
    name = sys.argv[1]
    getattr(restock_toy, name).with_options(task_runner=task_runner(), flow_run_name=name)()
"""


class Platform:
    """Prefect, a Dask scheduler and Azurite on the near host; workers are started by the test.

    Flows are those of a module ``restock_toy`` in the folder ``code`` of each host.
    """

    def __init__(self, near: Host, far: Host, folder: Path) -> None:
        self.near, self.far = near, far
        authority, self._ca = Authority(), folder / "ca.pem"
        authority.publish(self._ca)
        for host in (near, far):
            authority.issue(host.folder, host.address)
        blobs = near.start(*azurite.command(near.address))
        server, scheduler = free_port(), free_port()
        self._scheduler = f"tls://{near.address}:{scheduler}"
        self._api = f"https://{near.address}:{server}/api"
        near.start(
            *(sys.executable, "-m", *SERVER.split()),
            *("--host", near.address, "--port", str(server)),
            *("--ssl-certfile", "cert.pem", "--ssl-keyfile", "key.pem"),
            PREFECT_HOME=str(near.folder / "server"),
            PREFECT_SERVER_API_AUTH_STRING=AUTH,
            PREFECT_SERVER_ANALYTICS_ENABLED="false",
        )
        self._store = azurite.connection_string(blobs)
        key = self._store.partition("AccountKey=")[2].partition(";")[0]
        self.secrets = (AUTH, base64.b64encode(AUTH.encode()).decode(), key)
        near.start(
            *(sys.executable, "-m", "distributed.cli.dask_scheduler", "--protocol", "tls"),
            *("--host", near.address, "--port", str(scheduler)),
            *("--dashboard-address", "127.0.0.1:0"),
            *self._tls(),
            **self.environment(near),
        )
        ready = near.start(sys.executable, "-c", READY, f"{self._api}/health", str(self._ca))
        ready.wait(90)

    def _tls(self) -> list[str]:
        return ["--tls-ca-file", str(self._ca), "--tls-cert", "cert.pem", "--tls-key", "key.pem"]

    def environment(self, host: Host) -> dict[str, str]:
        """What the processes of a host have to know."""
        code = [os.environ.get("PYTHONPATH", ""), str(host.folder / "code")]
        kernels = os.environ.get("XDG_CACHE_HOME", str(Path("~/.cache").expanduser()))
        return {
            "PYTHONPATH": os.pathsep.join(code),
            "XDG_CACHE_HOME": kernels,  # compiled once for all tests
            "RESTOCK_RUNNER": self._scheduler,
            "RESTOCK_DASK__TLS_CA_FILE": str(self._ca),
            "RESTOCK_DASK__TLS_CERT": str(host.folder / "cert.pem"),
            "RESTOCK_DASK__TLS_KEY": str(host.folder / "key.pem"),
            "RESTOCK_STORAGE": f"azure://{azurite.ACCOUNT}/two-hosts",
            "RESTOCK_AZURE__CONNECTION_STRING": self._store,
            "PREFECT_API_URL": self._api,
            "PREFECT_API_AUTH_STRING": AUTH,
            "PREFECT_API_SSL_CERT_FILE": str(self._ca),
            "DASK_DISTRIBUTED__WORKER__DAEMON": "False",
        }

    def worker(
        self, host: Host, name: str, resources: str, without: str = "", **more: str
    ) -> Process:
        """Start a worker by hand. without: a package that is not to be had in its environment.

        more: variables of that environment.
        """
        environment = self.environment(host) | more
        if without:
            lacking = host.folder / f"without-{without}"
            lacking.mkdir()
            (lacking / f"{without}.py").write_text(f"raise ImportError({without!r})")
            environment["PYTHONPATH"] += f"{os.pathsep}{lacking}"
        return host.start(
            *(sys.executable, "-m", *WORKER.split(), self._scheduler, "--name", name),
            *("--host", host.address, "--resources", resources, *PRELOADS.split()),
            *self._tls(),
            **environment,
        )

    def lines(self, run: str) -> list[Any]:
        """What everybody said in a run."""
        tail = self.restock("logs", run, "--json")
        out, _ = tail.communicate(timeout=60)
        assert tail.returncode == 0, self.near.errors(tail)
        return [json.loads(line) for line in out.splitlines()]

    def flow(self, name: str) -> Process:
        """Start one of the flows above on the near host; its run has its name."""
        return self.near.start(sys.executable, "-c", RUN, name, **self.environment(self.near))

    def restock(self, *arguments: str) -> Process:
        return self.near.start(
            *(sys.executable, "-c", COMMAND, *arguments),
            **self.environment(self.near),
        )
