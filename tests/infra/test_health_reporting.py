"""Back to the plan before: in one step, said with the numbers, and only where it was better."""

from pathlib import Path

import pytest
from contracts.publications import REORDER, SAR, publish
from contracts.watched import AS_OF, healthy

from restock.infra import health_reporting
from restock.infra.alerting import alerts_of
from restock.infra.health_reporting import conclude, roll_back
from restock.infra.ingestion import Ingested
from restock.infra.local_store import LocalStore
from restock.infra.markets import load_markets
from restock.infra.publications import current
from restock.infra.settings import load_settings
from restock.infra.snapshots import SnapshotRef
from restock.infra.standing import Stands
from restock.models import Candidate
from restock.monitoring.succession import Succession

pytestmark = pytest.mark.unit

POPULAR = Candidate(name="popular")
INGESTED = Ingested(
    snapshot=SnapshotRef(store="file:///nowhere", hash="a" * 64),
    as_of=AS_OF,
    markets={},
    lines_read=0,
    lines_kept=0,
    set_aside={},
    quarantine="",
)
WORSE = Succession(worse=True, difference=-0.05, low=-0.08, high=-0.02, days=30, orders=1234)
STANDS = Stands(
    health=healthy("FR"), succession=WORSE, token="run-2", plan="sar (pooled)", before="reorder"
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    """A plan, then another one that was refitted once."""
    monkeypatch.setattr(health_reporting, "point_champion", lambda *_: True)  # no MLflow here
    store = LocalStore(tmp_path)
    for night, plan in enumerate((REORDER, SAR, SAR)):
        publish(store, night, plan)
    return store


def test_a_worse_plan_is_left_and_barred_and_the_reason_has_the_numbers(store: LocalStore) -> None:
    found = roll_back(store, load_settings(), STANDS)
    now = current(store, "FR")
    assert now is not None and now.token == "run-0" and now.effective == AS_OF
    assert found.light == "red" and found.rolled_back is not None
    assert (found.rolled_back.left, found.rolled_back.back_to) == ("run-2", "run-0")
    for part in ("sar", "reorder", "1,234 orders of 30 days", "-0.050", "-0.080 to -0.020"):
        assert part in found.why


@pytest.mark.parametrize("succession", [None, WORSE.model_copy(update={"worse": False})])
def test_what_is_not_surely_worse_stays(store: LocalStore, succession: Succession | None) -> None:
    before = current(store, "FR")
    health = healthy("FR")
    assert roll_back(store, load_settings(), Stands(health=health, succession=succession)) == health
    assert current(store, "FR") == before


def test_a_market_that_cannot_be_rolled_back_is_named_and_the_others_go_on(
    store: LocalStore,
) -> None:
    for entry in store.list("publications/FR/run-0"):
        store.delete(entry.key)
    found = roll_back(store, load_settings(), STANDS)
    assert "could not be rolled back" in found.error and found.light == "red"
    now = current(store, "FR")
    assert now is not None and now.token == "run-2"


def test_lists_that_came_after_the_judgement_are_left_alone(store: LocalStore) -> None:
    publish(store, 3, POPULAR)
    before = current(store, "FR")
    found = roll_back(store, load_settings(), STANDS)
    assert current(store, "FR") == before
    assert found.rolled_back is None and not found.error


def test_of_two_runs_that_judged_the_same_lists_one_rolls_back(
    store: LocalStore, tmp_path: Path
) -> None:
    three = LocalStore(tmp_path / "three")
    for night, plan in enumerate((POPULAR, REORDER, SAR)):
        publish(three, night, plan)
    both = [roll_back(three, load_settings(), STANDS) for _ in range(2)]
    assert [one.rolled_back is not None for one in both] == [True, False]
    now = current(three, "FR")
    assert now is not None and now.token == "run-1"
    assert [bar.plan_key for bar in now.barred] == [SAR.key]


def test_a_run_that_dies_while_it_rolls_back_has_told_why(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise SystemExit

    monkeypatch.setattr(health_reporting, "rollback", die)
    with pytest.raises(SystemExit):
        conclude(store, load_settings(), INGESTED, [STANDS], {}, load_markets())
    (alert,) = alerts_of(store, "FR")
    assert "-0.080 to -0.020" in alert.evidence and alert.action == "note"
