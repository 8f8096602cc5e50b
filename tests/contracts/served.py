"""Publications to serve, and real servers that serve them."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

import pandas as pd
import pyarrow as pa
from contracts.publications import REORDER

from restock.infra.processes import direct
from restock.infra.publications import current, make_current, stage
from restock.infra.records import About, Plan, Pointer
from restock.infra.store import Store

PATIENCE = 180.0
"""Seconds that a loaded machine may take for what usually takes one."""
Answer = tuple[int, dict[str, Any]]


def table(
    market: str, customers: Sequence[str], k: int, tag: str = "", unknown: bool = True
) -> pa.Table:
    """Lists of ``k`` items whose ids begin with ``tag``; with one for unknown customers."""
    rows = [
        {
            "market": market,
            "customer_id": customer,
            "rank": rank,
            "item_id": f"{tag}{(at * 7 + rank) % 50}",
            "item_name": None if rank % 3 == 0 else f'Lamp "é" {rank}',
            "score": 1.0 / rank - at / 3,
            "bought_before": bool(rank % 2 and customer),
            "reason": f"ordered {rank} times" if customer else f"popular in {market}",
        }
        for at, customer in enumerate([*([""] if unknown else []), *customers])
        for rank in range(1, k + 1)
    ]
    return pa.Table.from_pylist(rows)


def publish(store: Store, rows: pa.Table, token: str, k: int, day: int = 0) -> Pointer:
    """Stage these rows and make them current, on top of what is."""
    (market,) = set(rows["market"].to_pylist())
    about = About(
        as_of=dt.date(2026, 1, 1) + dt.timedelta(days=day),
        k=k,
        model=f"{day:064x}",
        plan=Plan.of(REORDER),
        snapshot="f" * 64,
    )
    before = current(store, market)
    manifest = stage(store, market, token, rows, about)
    return make_current(store, manifest, replaces=before.token if before else None)


class Served:
    """A running ``restock serve``."""

    def __init__(self, process: "subprocess.Popen[str]", started: dict[str, str]) -> None:
        self.process, self.address = process, started["address"]
        self.journal = Path(started["journal"])

    def get(self, path: str) -> Answer:
        """Status and JSON of what it answers."""
        try:
            with direct.open(self.address + path, timeout=PATIENCE) as response:
                return response.status, json.loads(response.read())
        except HTTPError as error:
            return error.code, json.loads(error.read())

    def list(self, market: str, customer: str, query: str = "") -> Answer:
        """Status and JSON of a customer's list."""
        return self.get(f"/markets/{market}/customers/{quote(customer, safe='')}{query}")

    def until(self, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Its health, as soon as it is so."""
        found: dict[str, Any] = {}

        def so() -> bool:
            found.update(self.get("/health")[1])
            return true(found)

        wait_for(so, lambda: f"health is still {found}")
        return found

    def serves(self, market: str, token: str) -> None:
        """Wait until a publication is in service."""
        self.until(lambda health: (market, token) in tokens(health))

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def tokens(health: dict[str, Any]) -> set[tuple[str, str]]:
    """Markets and their publications."""
    return {(one["market"], one["token"]) for one in health["markets"]}


@contextmanager
def serving(home: Path, *options: str) -> Iterator[Served]:
    """``restock serve`` on a free port as a process; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "restock.cli", "serve", "--port", "0", "--json", *options],
        env={**os.environ, "RESTOCK_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the server ended before it said where it is"
        yield Served(process, json.loads(line))
    finally:
        process.kill()
        process.wait()


def wait_for(true: Callable[[], bool], what: Callable[[], str] = lambda: "") -> None:
    """Ask again until it is so; AssertionError when it takes too long."""
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, what()
        time.sleep(0.05)


def lists_of(log: pd.DataFrame) -> pd.Series:
    """How many items each list of an exposure log has, by customer and time."""
    return log.groupby(["market", "customer_id", "timestamp"]).size()
