"""What a search sets out to do, from wishes and orders."""

from pathlib import Path

import pytest
from contracts.searching import run_of

from restock.infra.feed import Feed
from restock.infra.local_store import LocalStore
from restock.infra.placement import Offers
from restock.infra.search_brief import FAMILIES, Wishes, plan
from restock.infra.search_store import SearchRun
from restock.infra.settings import load_settings

pytestmark = pytest.mark.unit


def planned(tmp_path: Path, **wishes: object) -> SearchRun:
    feed = Feed(run_of(tmp_path).ingested, None)
    offers = Offers(slots={"CPU": 2})
    return plan(
        load_settings(home=tmp_path, runner="dask://127.0.0.1:1"),
        LocalStore(tmp_path),
        "token",
        feed,
        offers,
        Wishes(**wishes),  # type: ignore[arg-type]
    )


def test_fewer_trials_than_families_go_to_the_most_promising_and_the_others_are_named(
    tmp_path: Path,
) -> None:
    run = planned(tmp_path, trials=3)
    assert run.brief.families == FAMILIES[:3]
    assert set(run.placements.skipped) == set(FAMILIES[3:])
    assert "3 trials are fewer than the 12 families" in run.placements.skipped["popular"]


def test_the_order_of_who_asks_goes_first(tmp_path: Path) -> None:
    run = planned(tmp_path, trials=1, families=("popular", "rerank"))
    assert run.brief.families == ("popular",)


@pytest.mark.parametrize("wishes", [{"trials": len(FAMILIES)}, {"seconds": 60.0}])
def test_every_family_is_searched_where_there_is_room(
    tmp_path: Path, wishes: dict[str, float]
) -> None:
    run = planned(tmp_path, **wishes)
    assert run.brief.families == FAMILIES and not run.placements.skipped
