"""Plans of markets: who is in service, what a rollback bars, and that no record is lost."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from contracts.publications import NIGHT, REORDER, SAR, publish

from restock.infra.champions import read_champion, rollback
from restock.infra.local_store import LocalStore
from restock.infra.night import Estimate
from restock.infra.plans import PlanRecord, Superseded, in_service, read_plan, write_plan
from restock.infra.records import Plan
from restock.infra.store import NotFound, StoreError
from restock.models import Candidate
from restock.models.slate import FIRST_INCUMBENT

pytestmark = pytest.mark.unit

BLEND = Candidate(name="blend", scope="pooled")


def record(plan: Candidate = SAR, seen: dt.date = NIGHT, **more: Any) -> PlanRecord:
    """What a search of the orders before ``NIGHT`` decided for France."""
    values = {
        "market": "FR",
        "plan": Plan.of(plan),
        "adopted": True,
        "previous": REORDER.key,
        "lift": Estimate(value=0.05, low=0.02, high=0.08),
        "evidence": f"{seen}:digest",
        "why": "it is better",
        "as_of": NIGHT,
        "search": "search-1",
        "made": dt.datetime(2011, 12, 1, tzinfo=dt.UTC),
        **more,
    }
    return PlanRecord(**values)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def test_a_plan_is_read_as_it_was_written(store: LocalStore) -> None:
    assert read_plan(store, "FR") is None
    assert write_plan(store, record()) == record()
    assert read_plan(store, "FR") == record()


def test_the_same_search_again_changes_nothing(store: LocalStore) -> None:
    write_plan(store, record())
    before = store.get("plans/FR.json")
    later = dt.datetime(2012, 1, 1, tzinfo=dt.UTC)
    assert write_plan(store, record(made=later)) == record()
    assert store.get("plans/FR.json") == before


def test_an_earlier_search_does_not_replace_a_later_one(store: LocalStore) -> None:
    later = record(as_of=NIGHT + dt.timedelta(days=7))
    write_plan(store, later)
    with pytest.raises(Superseded, match="later than 2011-12-01: it stays"):
        write_plan(store, record())
    assert read_plan(store, "FR") == later


UNJUDGED = {
    "plan": SAR,
    "adopted": False,
    "nominee": Plan.of(BLEND),
    "lift": Estimate(value=None),
    "search": "search-2",
}


@pytest.mark.parametrize("days", [0, 7])
@pytest.mark.parametrize("evidence", ["", f"{NIGHT}:digest"])
def test_a_search_that_judged_nothing_leaves_what_was_decided_on_evidence(
    store: LocalStore, days: int, evidence: str
) -> None:
    write_plan(store, record())
    late = record(**UNJUDGED | {"as_of": NIGHT + dt.timedelta(days), "evidence": evidence})
    assert write_plan(store, late) == record()
    assert read_plan(store, "FR") == record()


def test_a_search_that_judged_nothing_gives_way_to_one_that_judged(store: LocalStore) -> None:
    late = record(**UNJUDGED | {"evidence": ""})
    assert write_plan(store, late) == late
    assert write_plan(store, record()) == record()
    same_choice = record(**UNJUDGED | {"nominee": None})
    assert write_plan(store, same_choice) == same_choice


def test_a_damaged_record_is_named_with_the_remedy_and_is_not_written_over(
    store: LocalStore,
) -> None:
    store.put("plans/FR.json", b"{")
    for act in (lambda: read_plan(store, "FR"), lambda: write_plan(store, record())):
        with pytest.raises(StoreError, match=r"plans/FR\.json cannot be read .* Remove it"):
            act()


def test_without_a_search_what_is_published_is_in_service(store: LocalStore) -> None:
    assert in_service(None, None).plan == FIRST_INCUMBENT
    publish(store, 0, SAR)
    service = in_service(None, read_champion(store, "FR"))
    assert service.plan.key == SAR.key and not service.planned


def test_an_adopted_plan_is_in_service_at_once_and_alone(store: LocalStore) -> None:
    for champion in (None, publish(store, 0) and read_champion(store, "FR")):
        service = in_service(record(), champion)
        assert service.plan.key == SAR.key
        assert service.planned and not service.rivals


def test_a_nominee_competes_and_what_it_wins_in_a_night_stays(store: LocalStore) -> None:
    kept = record(REORDER, adopted=False, nominee=Plan.of(SAR))
    publish(store, 0)
    before = in_service(kept, read_champion(store, "FR"))
    assert before.plan.key == REORDER.key
    assert [rival.key for rival in before.rivals] == [SAR.key]
    publish(store, 1, SAR)
    after = in_service(kept, read_champion(store, "FR"))
    assert after.plan.key == SAR.key and not after.rivals


@pytest.mark.parametrize(("new_days", "serves"), [(0, False), (28, True)])
def test_a_plan_that_was_rolled_back_serves_again_on_other_evidence_only(
    store: LocalStore, new_days: int, serves: bool
) -> None:
    publish(store, 0)
    publish(store, 1, SAR, evidence=f"{NIGHT}:digest")
    champion = rollback(store, "FR")
    found = record(seen=NIGHT + dt.timedelta(days=new_days))
    service = in_service(found, champion)
    assert (service.plan.key == SAR.key) is serves
    assert [rival.key for rival in service.rivals] == ([] if serves else [SAR.key])


def test_a_plan_that_an_earlier_search_adopted_is_not_lost_when_another_keeps_it(
    store: LocalStore,
) -> None:
    """No night came between the two searches: nothing of the first is published."""
    publish(store, 0)
    kept = record(SAR, adopted=False, nominee=Plan.of(BLEND), search="search-2")
    service = in_service(kept, read_champion(store, "FR"))
    assert service.plan.key == SAR.key
    assert [rival.key for rival in service.rivals] == [BLEND.key]


def test_what_a_search_chose_carries_its_name_and_what_was_there_before_does_not(
    store: LocalStore,
) -> None:
    assert in_service(None, None).searched == {}
    assert in_service(record(), None).searched == {SAR.key: "search-1"}
    kept = record(REORDER, adopted=False, nominee=Plan.of(SAR))
    assert in_service(kept, None).searched == {SAR.key: "search-1"}
    publish(store, 0)
    publish(store, 1, SAR, evidence=f"{NIGHT}:digest")
    won = in_service(kept, read_champion(store, "FR"))
    assert won.plan.key == SAR.key and won.searched == {SAR.key: "search-1"}
    barred = in_service(record(), rollback(store, "FR"))
    assert barred.rivals[0].key == SAR.key and barred.searched == {SAR.key: "search-1"}


def test_a_record_says_either_adopted_or_what_it_would_rather_have() -> None:
    with pytest.raises(ValueError, match="no nominee beside it"):
        record(nominee=Plan.of(BLEND))


def test_nothing_is_there_to_roll_back_before_the_first_night(store: LocalStore) -> None:
    write_plan(store, record())
    with pytest.raises(NotFound):
        rollback(store, "FR")
