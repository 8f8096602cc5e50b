"""What was shown, on this machine's disk before it is answered: lines at the end of a file.

A line is handed to the kernel before its answer leaves: whoever kills the process loses none.
``Journal.seal`` ends a file; ``sending`` brings ended files into the store.

    <name>.open      being written; its writer holds the lock
    <name>.lines     ended, to be sent
    <name>.damaged   lines that nobody can read, kept for a person
"""

import datetime as dt
import fcntl
import json
import os
import time
import uuid
from pathlib import Path
from zoneinfo import ZoneInfo

OPEN, ENDED, DAMAGED = ".open", ".lines", ".damaged"
FULL_BYTES = 1 << 20
"""A file is ended at this size: some 4,500 lists, what ``sending`` holds at once."""


class Journal:
    """Appends to a file of its own in a folder that several servers may share.

    Not for threads. OSError where the disk does not take a line: then nothing of it is left.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._descriptor: int | None = None
        self._name, self._size = "", 0
        self._now = 0
        self._given: dict[tuple[str, str], int] = {}

    def write(
        self, market: str, zone: ZoneInfo, customer: str, policy: str, items: bytes
    ) -> dt.datetime:
        """Write one list down; returns the time it is logged under, local to the market.

        items: JSON array of ids from the top. An exposure log tells lists apart by customer and
        millisecond: two for one customer within the same one get one each.
        """
        at = dt.datetime.fromtimestamp(self._stamp(market, customer) / 1000, zone)
        local = at.replace(tzinfo=None)
        head = {
            "market": market,
            "customer": customer,
            "policy": policy,
            "time": local.isoformat(timespec="milliseconds"),
        }
        self._append(b'%b,"items":%b}\n' % (json.dumps(head).encode()[:-1], items))
        return local

    def seal(self) -> None:
        """End the file, so that it can be sent; nothing when nothing was written."""
        if self._descriptor is None:
            return
        path = self._folder / self._name
        path.with_suffix(OPEN).rename(path.with_suffix(ENDED))
        os.close(self._descriptor)
        self._descriptor = None

    def _append(self, line: bytes) -> None:
        if self._descriptor is None:
            self._open()
        assert self._descriptor is not None
        try:
            written = os.write(self._descriptor, line)
            if written < len(line):
                raise OSError(f"the disk took {written} of {len(line)} bytes: is it full?")
        except OSError:
            os.ftruncate(self._descriptor, self._size)  # half a line would spoil the next
            raise
        self._size += len(line)
        if self._size >= FULL_BYTES:
            self.seal()

    def _open(self) -> None:
        self._name = f"{int(time.time() * 1000)}-{uuid.uuid4().hex[:12]}"
        path = self._folder / f"{self._name}.new"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # before others can take it for a dead one's
        path.rename(path.with_suffix(OPEN))
        self._descriptor, self._size = descriptor, 0

    def _stamp(self, market: str, customer: str) -> int:
        """Milliseconds since 1970, a new one for each list of a customer."""
        now = int(time.time() * 1000)
        if now > self._now:
            self._now = now
            self._given = {who: last for who, last in self._given.items() if last >= now}
        who = (market, customer)
        stamp = max(self._now, self._given.get(who, 0) + 1)
        self._given[who] = stamp
        return stamp


def ended(folder: Path) -> list[Path]:
    """The files to be sent, oldest first; those of servers that died are ended for them."""
    for path in sorted(folder.glob(f"*{OPEN}")):
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:  # ended since the folder was read
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists():
                path.rename(path.with_suffix(ENDED))
        except BlockingIOError:  # its server lives
            pass
        finally:
            os.close(descriptor)
    return sorted(folder.glob(f"*{ENDED}"))
