"""Requests to ``restock serve`` at times that do not wait for answers, from a process of its own.

    python -m restock.benchmarks.serving_load PORT CUSTOMERS RATE SECONDS

Open loop: requests have random (Poisson) times that are drawn beforehand, and each latency counts
from the time at which its request *should* have been sent. A server that stops for a while pays
for everything that was due meanwhile. The loop spins on a core of its own: no timer is late.
Every answer is checked: its items must be of the publication that it names.
"""

import argparse
import json
import selectors
import socket
import time
from collections import deque
from typing import NamedTuple

import numpy as np

CONNECTIONS = 32
MARKET = "FR"
_END = b"\r\n\r\n"


class Loaded(NamedTuple):
    """What came of it. Latencies in milliseconds; late: how late requests left for want of CPU."""

    answered: int
    wrong: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    late_p99_ms: float
    publications: list[str]


class Connection:
    """One kept-alive HTTP/1.1 connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._got = b""

    def ask(self, customer: str, due: float) -> None:
        """Send a request that was due at this time."""
        self.due, self._got = due, b""
        path = f"/markets/{MARKET}/customers/{customer}"
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def read(self) -> tuple[int, bytes] | None:
        """Status and body once the answer is whole. ConnectionError when it was cut off."""
        part = self.socket.recv(65_536)
        if not part:
            raise ConnectionError("the server closed the connection")
        self._got += part
        head, end, body = self._got.partition(_END)
        if not end:
            return None
        lines = head.lower().split(b"\r\n")
        length = next(int(one[15:]) for one in lines if one.startswith(b"content-length:"))
        return (int(lines[0].split()[1]), body) if len(body) >= length else None


def load(port: int, customers: int, rate: float, seconds: float, seed: int = 0) -> Loaded:
    """Ask for lists of random customers at ``rate`` requests a second."""
    random = np.random.default_rng(seed)
    due = np.cumsum(random.exponential(1 / rate, int(rate * seconds)))
    who = [f"{n:06d}" for n in random.integers(0, customers, due.size)]
    free = deque(Connection(port) for _ in range(CONNECTIONS))
    selector = selectors.DefaultSelector()
    for one in free:
        selector.register(one.socket, selectors.EVENT_READ, one)
    latency, late, wrong, sent, under_way = [], [], 0, 0, 0
    seen: set[str] = set()
    began = time.perf_counter()
    while (sent < due.size and time.perf_counter() - began < 2 * seconds) or under_way:
        while free and sent < due.size and (now := time.perf_counter() - began) >= due[sent]:
            late.append(now - due[sent])
            free[0].ask(who[sent], due[sent])
            free.popleft()
            sent, under_way = sent + 1, under_way + 1
        for key, _ in selector.select(0):
            connection = key.data
            answer = connection.read()
            if answer is None:
                continue
            latency.append(time.perf_counter() - began - connection.due)
            free.append(connection)
            under_way -= 1
            token = publication(*answer)
            wrong += token is None
            seen.add(token or "")
    elapsed = time.perf_counter() - began
    ms = np.array(latency) * 1000
    p50, p99 = np.percentile(ms, [50, 99])
    late_p99 = float(np.percentile(late, 99)) * 1000
    publications = sorted(seen - {""})
    return Loaded(
        len(ms), wrong, elapsed, float(p50), float(p99), float(ms.max()), late_p99, publications
    )


def publication(status: int, body: bytes) -> str | None:
    """The publication of a good answer; None for an error, or items of two publications."""
    if status != 200:
        return None
    said = json.loads(body)
    token: str = said["publication"]["token"]
    kinds = {item["item_id"].partition("-")[0] for item in said["items"]}
    return token if kinds == {token.removeprefix("run-")} and not said["fallback"] else None


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("port", type=int)
    parser.add_argument("customers", type=int)
    parser.add_argument("rate", type=float)
    parser.add_argument("seconds", type=float)
    print(json.dumps(load(**vars(parser.parse_args()))._asdict()))


if __name__ == "__main__":
    main()
