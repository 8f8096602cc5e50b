"""The plan of a market: what a search chose, on which evidence, and what the nights make of it.

``plans/<MARKET>.json`` says what is refitted every night. It is moved by compare-and-swap, and a
later search replaces it. Without one the nights choose from ``models.slate``.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field, model_validator

from restock.evaluation.evidence import seen_until
from restock.infra.champions import Champion, sync_champion
from restock.infra.night import Estimate
from restock.infra.records import SCHEMA_VERSION, Plan, Record
from restock.infra.store import Conflict, NotFound, Store, StoreError, swap
from restock.models import Candidate
from restock.models.slate import FIRST_INCUMBENT

FOLDER = "plans"


class PlanRecord(Record):
    """What a search decided for a market.

    plan: what the nights refit. adopted: the search chose it and proved it; else it is the plan
    that was in service, which stays. nominee: what the search would rather have but could not
    prove: it competes in the nights. previous: key of the plan in service before. lift: of
    what the search chose over that plan, on the report windows; evidence: the token of those;
    why: the sentence for people. as_of, search: of the search; made: when it was written.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    market: str
    plan: Plan
    adopted: bool
    nominee: Plan | None = None
    previous: str | None
    lift: Estimate
    evidence: str
    why: str
    as_of: dt.date
    search: str
    made: dt.datetime

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.adopted and self.nominee is not None:
            raise ValueError("a plan that was adopted has no nominee beside it")
        return self

    @property
    def judged(self) -> bool:
        """Whether later windows said anything: a lift, or that the plan is the search's too."""
        return self.lift.value is not None or (self.nominee is None and bool(self.evidence))


class Superseded(Conflict):
    """A plan of later orders is there already: it stays."""


class InService(Record):
    """What a market refits tonight and what competes with it.

    planned: a search has been here, so that the slate does not compete; why: what it said.
    nominee: what it would rather have. searched: key of what a search chose → that search's token.
    """

    plan: Candidate
    planned: bool = False
    nominee: Candidate | None = None
    why: str = ""
    searched: dict[str, str] = Field(default_factory=dict)

    @property
    def rivals(self) -> tuple[Candidate, ...]:
        """What competes with the plan in a market that a search has been to."""
        return () if self.nominee is None else (self.nominee,)


class Services(Record):
    """Market by market: what is in service, what is published, and what may not come back.

    served: key of the published plan, or of the first; current: token of its publication (None:
    none yet); barred: plan key → evidence it may not return on; failed: markets whose records
    cannot be read, and why.
    """

    plans: dict[str, InService]
    served: dict[str, str]
    current: dict[str, str | None]
    barred: dict[str, dict[str, str]]
    failed: dict[str, str]


def services(store: Store, markets: Iterable[str]) -> Services:
    """Look up every market. One that cannot be read is in ``failed``, with the first plan."""
    plans: dict[str, InService] = {}
    served: dict[str, str] = {}
    current: dict[str, str | None] = {}
    barred: dict[str, dict[str, str]] = {}
    failed: dict[str, str] = {}
    for market in markets:
        plans[market] = InService(plan=FIRST_INCUMBENT)
        served[market], current[market], barred[market] = FIRST_INCUMBENT.key, None, {}
        try:
            champion = sync_champion(store, market)
            if champion is not None:
                served[market], current[market] = champion.plan.key, champion.publication
                barred[market] = champion.barred_evidence()
            plans[market] = in_service(read_plan(store, market), champion)
        except Exception as error:
            failed[market] = f"{type(error).__name__}: {error}"
    return Services(plans=plans, served=served, current=current, barred=barred, failed=failed)


def read_plan(store: Store, market: str) -> PlanRecord | None:
    """The plan of a market; None when no search has been there. StoreError: it is damaged."""
    key = _key(market)
    try:
        blob = store.get(key)
    except NotFound:
        return None
    return _parse(blob.data, key)


def write_plan(store: Store, record: PlanRecord) -> PlanRecord:
    """Make a plan the market's; returns the one that is there now.

    The same search again changes nothing, and a search that judged nothing here leaves the plan
    of one that did. Superseded when a search of later orders was there;
    Conflict when another process writes at the same time; StoreError when what is there is
    damaged.
    """
    key = _key(record.market)
    try:
        blob = store.get(key)
    except NotFound:
        blob = None
    if blob is not None:
        before = _parse(blob.data, key)
        same = record.model_copy(update={"made": before.made})
        if same == before:
            return before
        if before.as_of <= record.as_of and before.lift.value is not None and not record.judged:
            return before
        if before.as_of > record.as_of:
            raise Superseded(
                f"{key} is of the orders before {before.as_of}, later than {record.as_of}: it stays"
            )
    swap(store, key, record.bytes(), blob.etag if blob else None)
    return record


def in_service(record: PlanRecord | None, champion: Champion | None) -> InService:
    """The plan in service: the search's where it may serve, else what is published.

    A plan that was rolled back after its search saw the evidence may not serve: then what is
    published stays, and the barred plan competes until there are new test days to prove it on. A
    nominee that has won its place in a night is what is published, and stays. ValueError when
    this version has no such model or parameter.
    """
    published = FIRST_INCUMBENT if champion is None else champion.plan.candidate()
    if record is None:
        return InService(plan=published)
    nominee = record.nominee
    chosen = nominee or (record.plan if record.adopted else None)
    searched = {chosen.key: record.search} if chosen else {}
    if champion is not None and nominee is not None and champion.plan.key == nominee.key:
        return InService(
            plan=published,
            planned=True,
            why=f"{nominee.label} won its place in a night",
            searched=searched,
        )
    if champion is not None and _barred(record, champion):
        rival = nominee or record.plan
        why = f"{record.plan.label} was rolled back: it competes again on new test days"
        return InService(
            plan=published, planned=True, nominee=rival.candidate(), why=why, searched=searched
        )
    return InService(
        plan=record.plan.candidate(),
        planned=True,
        nominee=nominee.candidate() if nominee else None,
        why=record.why,
        searched=searched,
    )


def _barred(record: PlanRecord, champion: Champion) -> bool:
    """Whether the plan was rolled back on evidence that its search has not gone beyond."""
    bar = champion.barred_evidence().get(record.plan.key)
    if bar is None:
        return False
    until, seen = seen_until(bar), seen_until(record.evidence)
    return until is None or seen is None or seen <= until


def _parse(data: bytes, key: str) -> PlanRecord:
    try:
        return PlanRecord.parse(data, key)
    except StoreError as error:
        raise StoreError(
            f"{error}. Remove it: the market then chooses from the usual candidates until the next "
            "`restock search`"
        ) from error


def _key(market: str) -> str:
    return f"{FOLDER}/{market}.json"
