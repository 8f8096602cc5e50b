"""Back to the plan before: in one step, said with the numbers, and only where it was better."""

from pathlib import Path

import pytest
from contracts.publications import REORDER, SAR, publish
from contracts.watched import AS_OF, healthy

from restock.infra import health_reporting
from restock.infra.health_reporting import roll_back
from restock.infra.local_store import LocalStore
from restock.infra.publications import current
from restock.infra.settings import load_settings
from restock.infra.standing import Stands
from restock.monitoring.succession import Succession

pytestmark = pytest.mark.unit

WORSE = Succession(worse=True, difference=-0.05, low=-0.08, high=-0.02, days=30, orders=1234)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    """A plan, then another one that was refitted once."""
    monkeypatch.setattr(health_reporting, "point_champion", lambda *_: True)  # no MLflow here
    store = LocalStore(tmp_path)
    for night, plan in enumerate((REORDER, SAR, SAR)):
        publish(store, night, plan)
    return store


def test_a_worse_plan_is_left_and_barred_and_the_reason_has_the_numbers(store: LocalStore) -> None:
    stands = Stands(health=healthy("FR"), succession=WORSE)
    found = roll_back(store, load_settings(), stands)
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
    found = roll_back(store, load_settings(), Stands(health=healthy("FR"), succession=WORSE))
    assert "could not be rolled back" in found.error and found.light == "red"
    now = current(store, "FR")
    assert now is not None and now.token == "run-2"
