"""The champion record of a market: the plan in service, why, and the plans that are barred.

It follows the publication pointer. When a process dies between the swap of the pointer and
the write of the record, the next ``sync_champion`` heals the record.
"""

import datetime as dt
from typing import Literal

from restock.infra.publications import current, step_back
from restock.infra.records import SCHEMA_VERSION, Bar, Plan, Pointer, Record
from restock.infra.store import Conflict, NotFound, Store, swap

FOLDER = "champions"
_ATTEMPTS = 10


class Champion(Record):
    """The plan in service in a market.

    publication: token of the current publication; model: hash of its model; evidence: of
    the gate's last decision; since: ``as_of`` of the plan's first publication; previous:
    key of the plan before it; barred: plans that were rolled back; swap: the pointer's id.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    market: str
    plan: Plan
    model: str
    publication: str
    as_of: dt.date
    evidence: str
    since: dt.date
    previous: str | None
    barred: tuple[Bar, ...]
    swap: str

    def barred_evidence(self) -> dict[str, str]:
        """Plan key → the evidence on which it may not return: what the gate asks for."""
        return {bar.plan_key: bar.evidence for bar in self.barred}

    @classmethod
    def following(cls, pointer: Pointer) -> "Champion":
        """The record that belongs to a pointer."""
        before = (step.plan_key for step in reversed(pointer.trail))
        return cls(
            market=pointer.market,
            plan=pointer.plan,
            model=pointer.model,
            publication=pointer.token,
            as_of=pointer.as_of,
            evidence=pointer.evidence,
            since=pointer.since,
            previous=next((key for key in before if key != pointer.plan_key), None),
            barred=pointer.barred,
            swap=pointer.swap,
        )


def read_champion(store: Store, market: str) -> Champion | None:
    """The champion as the pointer has it; None when nothing is published. Writes nothing."""
    pointer = current(store, market)
    return None if pointer is None else Champion.following(pointer)


def sync_champion(store: Store, market: str) -> Champion | None:
    """Make the stored record follow the pointer; returns it. Doing it again changes nothing.

    Call it after every swap of the pointer and at the start of a run.
    """
    key = f"{FOLDER}/{market}.json"
    for _ in range(_ATTEMPTS):
        try:
            blob = store.get(key)
        except NotFound:
            blob = None
        champion = read_champion(store, market)  # after the record: never older than it
        if champion is None or (blob is not None and blob.data == champion.bytes()):
            return champion
        try:
            swap(store, key, champion.bytes(), blob.etag if blob else None)
        except Conflict:
            continue
        return champion
    raise Conflict(f"{key} keeps changing: {_ATTEMPTS} attempts to follow the pointer failed")


def rollback(
    store: Store,
    market: str,
    *,
    to_plan_before: bool = False,
    effective: dt.date | None = None,
    leaving: str | None = None,
) -> Champion:
    """Return a market to the publication before the current one and bar the plan it leaves.

    to_plan_before: to the last publication of the plan before, however often the current plan
    was refitted since; what was published in between is withdrawn. effective: first day of
    orders on which the step holds (None: that of the publication that it leaves). leaving: token of
    the publication that the step was decided on (None: whatever is current).

    The barred plan may return when its evidence has changed. A plan that stays in service
    (the publication before is of the same plan) is not barred. NotFound when nothing is
    published; Conflict when another publication than ``leaving`` is current; StoreError when there
    is nothing to return to.
    """
    step_back(store, market, to_plan_before=to_plan_before, effective=effective, leaving=leaving)
    champion = sync_champion(store, market)
    if champion is None:
        raise NotFound(f"{market}: the publication was removed during the rollback")
    return champion
