"""A stand-in of a Databricks workspace on loopback: its Jobs API, and machines that really run.

Runs start a process for the wheel task, in an event loop as Databricks has one, with nothing of
this process's environment but what a machine has. Bodies are what the SDK's own types know.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from databricks.sdk.service.jobs import SubmitTask

TOKEN = "a-token-of-the-stand-in"
PROJECT = Path(__file__).parents[2] / "pyproject.toml"
TASK_IDS = 1_000_000  # a task has a run of its own
SECRET = re.compile(r"\{\{secrets/([^/]+)/([^/}]+)\}\}")
# A task is called inside an event loop, and leaves by an exception or fails by sys.exit.
PYTHON = """
import asyncio, importlib, sys
async def cell():
    module, function = sys.argv.pop(1).split(":")
    try:
        getattr(importlib.import_module(module), function)()
    except SystemExit as error:
        raise RuntimeError(f"SystemExit: {error}") from error
asyncio.new_event_loop().run_until_complete(cell())  # an interrupt is a KeyboardInterrupt
"""


class Refusal(Exception):
    """An answer other than 200. done: what was asked for was done all the same."""

    done = False

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        self.status, self.code, self.message, self.headers = status, code, message, headers


class Lost(Exception):
    """What was asked for was done; the answer does not arrive."""


class Machine:
    """One run: its process, and how far it is."""

    def __init__(self, workspace: "Workspace", number: int, task: dict[str, Any]) -> None:
        self._workspace, self.number, self.task = workspace, number, task
        self.state, self.code, self.message = "PENDING", "", ""
        self.logs, self.error = "", ""
        self._cancelled = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._looked = threading.Event()  # somebody saw it pending
        self._thread.start()

    def look(self) -> dict[str, Any]:
        """Its run, as runs/get tells it."""
        seen = {"state": self.state}
        if self.state == "TERMINATED":
            seen["termination_details"] = {"code": self.code, "message": self.message}  # type: ignore[assignment]
        self._looked.set()
        return {
            "run_id": self.number,
            "run_page_url": f"{self._workspace.host}/jobs/runs/{self.number}",
            "status": seen,
            "tasks": [{"run_id": self.number + TASK_IDS, "task_key": self.task["task_key"]}],
        }

    def output(self) -> dict[str, Any]:
        """Its task's output: nothing before the end."""
        if self.state != "TERMINATED":
            return {"metadata": {}}
        found: dict[str, Any] = {"logs": self.logs, "logs_truncated": False}
        return found | ({"error": self.error} if self.error else {})

    def cancel(self) -> None:
        """The cell is interrupted."""
        self._cancelled.set()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def join(self) -> None:
        """Wait until its process is gone."""
        self._thread.join()

    def _work(self) -> None:
        self._looked.wait(60)
        self._workspace.free.wait()
        if self._cancelled.is_set():
            self._end("USER_CANCELED", "Run cancelled.")
            return
        try:
            environment = self._environment()
        except KeyError as error:
            self._end("CLUSTER_ERROR", f"Secret does not exist: {error.args[0]}")
            return
        wheel = self.task["python_wheel_task"]
        points = tomllib.loads(PROJECT.read_text())["project"]["entry-points"]["packages"]
        folder = self._workspace.folder / str(self.number)
        folder.mkdir()
        self.state = "RUNNING"
        self._process = subprocess.Popen(
            [sys.executable, "-c", PYTHON, points[wheel["entry_point"]], *wheel["parameters"]],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if self._cancelled.is_set():
            self.cancel()
        self.logs, errors = self._process.communicate()
        if self._cancelled.is_set():
            self._end("USER_CANCELED", "Run cancelled.")
        elif self._process.returncode:
            self.error = errors[errors.rfind("\n", 0, errors.rfind("CommandFailed")) + 1 :].strip()
            self._end("RUN_EXECUTION_ERROR", "Task restock failed with message: Workload failed")
        else:
            self._end("SUCCESS", "")

    def _end(self, code: str, message: str) -> None:
        self.code, self.message, self.state = code, message, "TERMINATED"

    def _environment(self) -> dict[str, str]:
        """KeyError for a secret that is not in the scope."""
        kept = ("HOME", "LANG", "PATH", "PYTHONPATH", "JAVA_HOME", "TMPDIR")
        found = {name: os.environ[name] for name in kept if name in os.environ}
        found |= {"DATABRICKS_RUNTIME_VERSION": "17.3", **self._workspace.environment}
        for name, value in self.task.get("new_cluster", {}).get("spark_env_vars", {}).items():
            secret = SECRET.fullmatch(value)
            found[name] = self._workspace.secrets[secret[1], secret[2]] if secret else value
        return found


class Workspace:
    """What the stand-in is told and has seen.

    secrets: (scope, name) → value. environment: of each machine, beside what the job says.
    faults: what the next requests get instead of their answer.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.host = folder, ""
        self.secrets: dict[tuple[str, str], str] = {}
        self.environment: dict[str, str] = {}
        self.clusters: set[str] = set()
        self.free = threading.Event()  # a machine for each run, or none at all
        self.free.set()
        self.faults: list[Exception] = []
        self.bodies: list[dict[str, Any]] = []
        self.machines: dict[int, Machine] = {}
        self._tokens: dict[str, int] = {}
        self._lock = threading.Lock()

    def answer(self, verb: str, path: str, query: dict[str, str], body: Any, token: str) -> Any:
        """What a request gets. Refusal, Lost."""
        if path.startswith("/.well-known/"):
            raise Refusal(404, "NOT_FOUND", "not here")
        if token != f"Bearer {TOKEN}":
            raise Refusal(403, "PERMISSION_DENIED", "Invalid access token.")
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, Refusal) and not fault.done:
            raise fault
        match verb, re.sub(r"^/api/2\.[12]/jobs/", "", path):
            case "POST", "runs/submit":
                found: Any = {"run_id": self._submit(body)}
            case "GET", "runs/get":
                found = self._machine(query["run_id"]).look()
            case "GET", "runs/get-output":
                number = int(query["run_id"]) - TASK_IDS
                if number < 0:
                    raise Refusal(400, "INVALID_PARAMETER_VALUE", "not the run of a task")
                found = self._machine(str(number)).output()
            case "POST", "runs/cancel":
                self._machine(str(body["run_id"])).cancel()
                found = {}
            case _:
                raise Refusal(404, "ENDPOINT_NOT_FOUND", f"No API found for '{verb} {path}'")
        if fault is not None:
            raise fault
        return found

    def _machine(self, number: str) -> Machine:
        if int(number) not in self.machines:
            raise Refusal(400, "INVALID_PARAMETER_VALUE", f"Run {number} does not exist.")
        return self.machines[int(number)]

    def _submit(self, body: dict[str, Any]) -> int:
        self.bodies.append(body)
        assert body.keys() == {"run_name", "tasks", "idempotency_token"}
        (task,) = body["tasks"]
        assert SubmitTask.from_dict(task).as_dict() == task
        cluster = task.get("existing_cluster_id")
        if cluster is not None and cluster not in self.clusters:
            raise Refusal(400, "INVALID_PARAMETER_VALUE", f"Cluster {cluster} does not exist")
        with self._lock:
            token = body["idempotency_token"]
            if token not in self._tokens:
                number = self._tokens[token] = 41 + len(self.machines)
                self.machines[number] = Machine(self, number, task)
            return self._tokens[token]


@contextmanager
def workspace(folder: Path) -> Iterator[Workspace]:
    """A stand-in that listens; it and what it runs end with the context."""
    at = Workspace(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._do(None)

        def do_POST(self) -> None:
            self._do(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def log_message(self, *_: Any) -> None:
            pass

        def _do(self, body: Any) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            token = self.headers.get("Authorization", "")
            status, headers = 200, {}
            try:
                found = at.answer(self.command, url.path, query, body, token)
            except Lost:
                self.close_connection = True
                return
            except Refusal as refusal:
                status, headers = refusal.status, refusal.headers
                found = {"error_code": refusal.code, "message": refusal.message}
            sent = json.dumps(found).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(sent))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(sent)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    at.host = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    try:
        yield at
    finally:
        server.shutdown()
        server.server_close()
        for machine in at.machines.values():
            if machine.state != "TERMINATED":
                machine.look()
                machine.cancel()
        at.free.set()
        for machine in at.machines.values():
            machine.join()
