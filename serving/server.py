"""One server process: a socket, the process beside it, uvicorn, and an end that loses nothing."""

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from restock.serving.app import Lifespan, create_app
from restock.serving.companion import CannotServe, Companion
from restock.serving.journal import Journal
from restock.serving.messages import Started
from restock.serving.shelf import Shelf

SEAL_SECONDS = 300.0
"""How long shown lists lie on this machine before they are sent; each sending is one object per
market in the store."""
GRACE_SECONDS = 20
"""How long requests that are under way may take when the server is told to end."""
KEEP_ALIVE_SECONDS = 75  # longer than the idle time-out of usual gateways, which then close first


def serve(
    host: str, port: int, markets: Sequence[str], say: Callable[[str, Started], None]
) -> None:
    """Answer until Ctrl-C or SIGTERM; then end what is under way and send what was shown.

    markets: codes; none means all that are published. say: called with the address and what is
    served from. CannotServe for a port that is taken, bad settings or an unknown market.
    """
    listening = _listen(host, port)
    with listening:
        companion = Companion(markets)
        started = companion.started()
        shelf, journal = Shelf(), Journal(Path(started.journal))
        app = create_app(shelf, journal, _lifespan(shelf, journal, companion))
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
                lifespan="on",
            )
        )
        # uvicorn raises the signal again when all is done: it has done its work by then
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        name, at = listening.getsockname()[:2]
        say(f"http://{f'[{name}]' if ':' in name else name}:{at}", started)
        server.run(sockets=[listening])


def _lifespan(shelf: Shelf, journal: Journal, companion: Companion) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        companion.follow(shelf.hear)
        sealing = asyncio.create_task(_seal_now_and_then(journal))
        gc.freeze()  # what lives as long as the server is not searched for garbage
        yield
        sealing.cancel()
        with suppress(asyncio.CancelledError):
            await sealing
        journal.seal()
        companion.stop()

    return lifespan


async def _seal_now_and_then(journal: Journal) -> None:
    while True:
        await asyncio.sleep(SEAL_SECONDS)
        journal.seal()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        raise CannotServe(f"cannot listen on {host} port {port}: {error}; try --port") from error
