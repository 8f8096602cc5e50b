"""Asking a Prefect server that has its hands full."""

import threading
import urllib.error
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from restock.infra import prefect_server
from restock.infra.prefect_server import ask

pytestmark = pytest.mark.platform

Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that gives the statuses one after the other, the last one for ever.

    It answers 200 with what it was asked.
    """
    servers = []

    def serve(*statuses: int) -> str:
        left = list(statuses)

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(left.pop(0) if len(left) > 1 else left[0])
                self.end_headers()
                self.wfile.write(asked)

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=servers[-1].serve_forever, args=[0.01], daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_busy_server_is_asked_again(serve: Serve) -> None:
    assert ask(serve(503, 429, 200), "/flow_runs/filter", limit=1) == {"limit": 1}


def test_one_that_stays_busy_is_an_error(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_server, "BUSY_SECONDS", 0.1)
    with pytest.raises(urllib.error.HTTPError, match="503"):
        ask(serve(503), "/flow_runs/filter")


def test_a_refusal_is_not_asked_again(serve: Serve) -> None:
    with pytest.raises(urllib.error.HTTPError, match="422"):
        ask(serve(422, 200), "/flow_runs/filter")
