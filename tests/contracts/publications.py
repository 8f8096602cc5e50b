"""Small order lines and publications for tests, and stores that fail on purpose."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from restock.dataset import Interactions
from restock.dataset import columns as c
from restock.infra.publications import make_current, stage
from restock.infra.records import About, Manifest, Plan, Pointer
from restock.infra.store import Store, Unavailable
from restock.models import Candidate

REORDER = Candidate(name="reorder")
SAR = Candidate(name="sar", scope="pooled")
NIGHT = dt.date(2011, 12, 1)


def interactions(lines: int = 50, seed: int = 0) -> Interactions:
    """Some order lines of three markets, with awkward ids."""
    random = np.random.default_rng(seed)
    return Interactions.from_frame(
        pd.DataFrame(
            {
                c.MARKET: random.choice(["FR", "NO", "NA"], lines),
                c.CUSTOMER: random.choice(["é", "<b>", "a\nb", "12"], lines),
                c.ORDER: random.integers(0, lines // 5, lines).astype(str),
                c.ITEM: random.integers(0, 3 + lines // 20, lines).astype(str),
                c.TIMESTAMP: pd.Timestamp("2011-01-01")
                + pd.to_timedelta(random.integers(0, 90 * 1440, lines), "min"),
                c.QUANTITY: random.integers(1, 9, lines),
                c.UNIT_PRICE: 2.5,
            }
        )
    )


def table(market: str = "FR", customers: int = 3, k: int = 2, tag: str = "") -> pa.Table:
    """Lists of ``k`` items for some customers; ``tag`` makes the rows different."""
    rows = [
        {
            "market": market,
            "customer_id": f"customer {customer:05d}",
            "rank": rank,
            "item_id": f"item {(customer + rank) % 7}",
            "item_name": None if rank == 2 else f"Lamp {tag}",
            "score": 1.0 / rank,
            "bought_before": rank == 1,
            "reason": "ordered twice",
        }
        for customer in range(customers)
        for rank in range(1, k + 1)
    ]
    return pa.Table.from_pylist(rows)


def about(
    night: int = 0, plan: Candidate = REORDER, evidence: str = "evidence", k: int = 2
) -> About:
    """What a run of that night knows."""
    return About(
        as_of=NIGHT + dt.timedelta(days=night),
        k=k,
        model=f"{night:064x}",
        plan=Plan.of(plan),
        snapshot="f" * 64,
        evidence=evidence,
    )


def publish(store: Store, night: int, plan: Candidate = REORDER, **options: str) -> Pointer:
    """Stage and make current as the run of that night does, on top of the night before."""
    manifest = staged(store, night, plan, **options)
    return make_current(store, manifest, replaces=f"run-{night - 1}" if night else None)


def staged(store: Store, night: int, plan: Candidate = REORDER, **options: str) -> Manifest:
    """Stage the publication of a night in market FR."""
    return stage(store, "FR", f"run-{night}", table(tag=str(night)), about(night, plan, **options))


class Wrapped:
    """A store that calls ``before`` and ``after`` around each swap of keys that end so."""

    def __init__(
        self,
        store: Store,
        key: str,
        before: Callable[[], None] = lambda: None,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        self.store, self.key, self.before, self.after = store, key, before, after

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    def compare_and_swap(self, key: str, data: bytes, etag: str | None) -> str:
        """Swap, with what was asked for around it."""
        ours = key.endswith(self.key)
        if ours:
            self.before()
        written = self.store.compare_and_swap(key, data, etag)
        if ours:
            self.after()
        return written


class Corrupting:
    """A store that spoils every file it is given."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    def put_file(self, key: str, path: Path) -> None:
        """Write all but the last byte."""
        self.store.put(key, path.read_bytes()[:-1])


def lose(times: int) -> Callable[[], None]:
    """Something that raises Unavailable the first ``times`` times."""
    left = [times]

    def call() -> None:
        if left[0]:
            left[0] -= 1
            raise Unavailable("the answer was lost")

    return call
