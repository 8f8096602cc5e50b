"""A stand-in of Azure on loopback, with TLS: identity, a key vault, and a workspace with jobs."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from contracts.certificates import Authority

SECRET = "the-secret-of-the-identity-endpoint"
WORKSPACE = "/subscriptions/sub/resourceGroups/group/providers/Microsoft.MachineLearningServices"
WORKSPACE += "/workspaces/shop"
OPEN = ("/discovery", "/log/")  # a log's address has a signature of its own
SETTINGS = {
    "RESTOCK_AZUREML__SUBSCRIPTION": "sub",
    "RESTOCK_AZUREML__RESOURCE_GROUP": "group",
    "RESTOCK_AZUREML__WORKSPACE": "shop",
}


class AzureML:
    """What the workspace holds, and what was asked.

    jobs: name → the body that was put. status: name → as the service calls it. errors and logs:
    name → text. secrets: of the vault. refuse: status codes that the next requests get instead of
    an answer.
    """

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.jobs: dict[str, Any] = {}
        self.status: dict[str, str] = {}
        self.errors: dict[str, str] = {}
        self.logs: dict[str, bytes] = {}
        self.refuse: list[int] = []
        self.asked: list[str] = []
        self.url = self.ca = ""

    def environment(self) -> dict[str, str]:
        """Variables that lead the SDK here; the identity is that of a node."""
        return {
            **SETTINGS,
            "AZUREML_DEV_URL_MFE": self.url,
            "MSI_ENDPOINT": f"{self.url}/identity",
            "MSI_SECRET": SECRET,
            "REQUESTS_CA_BUNDLE": self.ca,
        }

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and body, of JSON or bytes."""
        parts = urlsplit(path)
        within = parts.path.removeprefix(f"/mferp/managementfrontend{WORKSPACE}")
        within = within.removeprefix(WORKSPACE)
        match [method, *within.strip("/").split("/")]:
            case ["GET", "identity"]:
                return 200, token(parse_qs(parts.query)["resource"][0])
            case ["GET", "secrets", name]:
                return (200, {"value": self.secrets[name]}) if name in self.secrets else (404, {})
            case ["GET", ""]:
                about = {"discoveryUrl": f"{self.url}/discovery", "storageAccount": "s"}
                return 200, {"id": WORKSPACE, "name": "shop", "location": "x", "properties": about}
            case ["GET", "discovery", *_]:
                return 200, {"api": self.url, "history": self.url}
            case ["GET", "computes", name]:
                return 200, {"id": f"{WORKSPACE}/computes/{name}", "name": name, "properties": {}}
            case ["PUT", "jobs", name]:
                self.jobs[name] = body
                self.status.setdefault(name, "Starting")
                return 201, self._job(name)
            case [_, "jobs", name, *_] if name not in self.jobs:
                return 404, {"error": {"code": "NotFound", "message": f"no job {name}"}}
            case ["GET", "jobs", name]:
                return 200, self._job(name)
            case ["POST", "jobs", name, "cancel"]:
                self.status[name] = "CancelRequested"
                return 200, {}
            case ["GET", "history", *_, "runs", name, "details"]:
                error = self.errors.get(name)
                files = {"user_logs/std_log_process_0.txt": f"{self.url}/log/{name}?sig=secret"}
                about: dict[str, Any] = {"runId": name, "logFiles": files}
                return 200, about | ({"error": {"error": {"message": error}}} if error else {})
            case ["GET", "log", name]:
                return (200, self.logs[name]) if name in self.logs else (404, b"")
            case _:
                return 501, {"error": {"code": "Unknown", "message": f"{method} {path}"}}

    def _job(self, name: str) -> Any:
        body = self.jobs[name]
        services = {
            "Studio": {"endpoint": f"https://ml.example/{name}", "jobServiceType": "Studio"}
        }
        about = {**body["properties"], "status": self.status[name], "services": services}
        return {"id": f"{WORKSPACE}/jobs/{name}", "name": name, "properties": about}


def token(resource: str) -> dict[str, str]:
    """What an identity endpoint answers."""
    until = str(int(time.time()) + 3600)
    return {"access_token": f"token for {resource}", "expires_on": until, "resource": resource}


@contextmanager
def serving(found: AzureML, folder: Path) -> Iterator[AzureML]:
    """The stand-in, as long as the context. folder: for its certificates."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length)
            found.asked.append(f"{self.command} {self.path}")
            status, answer = self._answer(json.loads(sent) if sent else None)
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _answer(self, body: Any) -> tuple[int, Any]:
            if self.path.startswith("/identity"):
                if self.headers["secret"] != SECRET:
                    return 403, {}
            elif found.refuse:
                return found.refuse.pop(0), {"error": {"code": "Busy", "message": "not now"}}
            elif not self.path.startswith(OPEN) and not self._is_known():
                return 401, {"error": {"code": "Unauthorized", "message": "who asks?"}}
            return found.answer(self.command, self.path, body)

        def _is_known(self) -> bool:
            return str(self.headers["Authorization"]).startswith("Bearer token for https://")

        do_GET = do_PUT = do_POST = _do

        def log_message(self, format: str, *arguments: Any) -> None:
            """The test reads what was asked."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    authority = Authority()
    authority.publish(folder / "azure-ca.pem")
    authority.issue(folder, "127.0.0.1")
    shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    shown.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.socket = shown.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.ca = str(folder / "azure-ca.pem")
    found.url = f"https://127.0.0.1:{server.server_port}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
