"""When markets are retrained next: what a real server says, and what is said without one."""

import datetime as dt

import pytest

from restock.infra.markets import load_markets
from restock.infra.next_runs import next_nights


@pytest.mark.unit
def test_without_a_server_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    from restock.infra import next_runs

    def away() -> None:
        raise ConnectionError("no server")

    monkeypatch.setattr(next_runs, "_scheduled", away)
    assert next_nights(load_markets(), ["FR"]) == {}


@pytest.mark.unit
def test_a_market_is_retrained_with_its_group_or_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from restock.infra import next_runs

    early, late = (dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in (1, 2))
    runs = [("central-europe", [], late), ("western-europe", [], early), (None, ["FR"], early)]
    monkeypatch.setattr(next_runs, "_scheduled", lambda: runs)
    found = next_nights(load_markets(), ["FR", "DE", "JP", "NOWHERE"])
    assert found == {"FR": early, "DE": late}
    runs.append((None, [], early))  # a run of all markets
    assert next_nights(load_markets(), ["DE", "NOWHERE"]) == {"DE": early, "NOWHERE": early}


@pytest.mark.platform
def test_a_server_says_the_next_run_of_each_group(prefect_api: str) -> None:
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.states import Scheduled

    @flow(name="retrain")
    def toy(group: str | None = None) -> None: ...

    # the server is shared, and may have schedules by now: a late run comes before all of them
    before = next_nights(load_markets(), ["FR"])
    due = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(days=1)
    with get_client(sync_client=True) as client:
        for hours in (24, 0):
            start = due + dt.timedelta(hours=hours)
            client.create_flow_run(
                toy, parameters={"group": "gulf"}, state=Scheduled(scheduled_time=start)
            )
    found = next_nights(load_markets(), ["AE", "FR"])
    assert found == {"AE": due, **before}
