"""The process beside the server: looks for new publications, and sends what was shown.

``python -m restock.serving.background [MARKET …]`` speaks to the server that starts it (see
``messages``), has a lower priority, and ends when its standard input does: that is, with the
server, whatever ends it. It sends what the server leaves behind.
"""

import logging
import os
import select
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from restock.infra.markets import MarketsError, load_markets
from restock.infra.publications import published_markets
from restock.infra.settings import Settings, SettingsError, load_settings
from restock.infra.store import Store, StoreError, open_store
from restock.serving.journal import ended
from restock.serving.looking import Look
from restock.serving.messages import GOODBYE, Refused, Sent, Started
from restock.serving.sending import send

LOOK_SECONDS = 3.0
"""Between two looks at the pointers: a new publication is served that much later."""
GONE_SECONDS = 30.0
NICE = 5
"""Below the server, which wakes at once while this works on the same core (measured: as with 19);
not so low that a busy machine keeps it from working."""

logger = logging.getLogger(__name__)


def main(markets: Sequence[str]) -> int:
    """Exit 2 when what was asked for is wrong, and say why; 0 when the server has ended."""
    os.nice(NICE)
    server = os.getppid()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    try:
        settings = load_settings()
        store = open_store(settings=settings)
        _check(store, settings, markets)
        scratch = tempfile.TemporaryDirectory(prefix="serving-", dir=_made(settings.cache))
        journal = _made(settings.home / "serving" / "journal")
    except (SettingsError, MarketsError, StoreError, ImportError, ValueError, OSError) as error:
        Refused(why=str(error)).say()
        return 2
    with scratch:
        Started(store=store.uri, journal=str(journal)).say()
        look = Look(store, settings, markets, Path(scratch.name))
        with suppress(BrokenPipeError):  # the server was killed
            while True:
                look.round().say()
                send_all(store, journal).say()
                if _server_ended(LOOK_SECONDS):
                    break
        if sys.stdin.buffer.read() != GOODBYE:
            _wait_until_gone(server)  # until then the file that it leaves behind is its own
        sent = send_all(store, journal)
        sent.say()
    return 0


def send_all(store: Store, journal: Path) -> Sent:
    """Send the ended files of the journal, oldest first, until the store does not take one."""
    lists, problem = 0, ""
    files = ended(journal)
    for at, path in enumerate(files):
        try:
            lists += send(store, path)
        except (StoreError, OSError) as error:
            problem = str(error)
            logger.error("exposures wait in %s: %s", journal, error)
            return Sent(lists=lists, waiting=len(files) - at, problem=problem)
    return Sent(lists=lists, waiting=0)


def _wait_until_gone(server: int) -> None:
    """A killed process closes its files one after the other: our input first, its journal later."""
    until = time.monotonic() + GONE_SECONDS
    while os.getppid() == server and time.monotonic() < until:
        time.sleep(0.01)


def _check(store: Store, settings: Settings, markets: Sequence[str]) -> None:
    """ValueError for a market that is neither declared nor published."""
    declared = load_markets(settings)
    unknown = [market for market in markets if market not in declared]
    published = published_markets(store) if unknown else ()
    for market in unknown:
        if market not in published:
            try:
                declared[market]
            except KeyError as error:
                raise ValueError(error.args[0]) from None


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _server_ended(seconds: float) -> bool:
    """Wait; whether the server has closed our input meanwhile."""
    readable, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(readable)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:  # the server was killed: nobody hears that all is sent
        os._exit(0)
