"""The day that a run is about: that of its scheduled start, where it is scheduled."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from prefect.runtime import flow_run

from restock.infra.markets import Markets
from restock.infra.schedule import scheduled_day

pytestmark = pytest.mark.unit
ZONES = {"paris": "Europe/Paris", "chile": "America/Santiago", "japan": "Asia/Tokyo"}
MARKETS = Markets({}, {}, "GBP", ZONES)


@pytest.mark.parametrize(
    ("group", "start", "day"),
    [
        ("paris", "2026-03-28 04:10", "2026-03-28"),
        ("paris", "2026-03-29 04:10", "2026-03-29"),  # the clocks went forward at 2:00
        ("paris", "2026-10-25 04:10", "2026-10-25"),  # and back at 3:00
        ("japan", "2026-05-01 04:10", "2026-05-01"),  # still April in London
        # 0:30 of 6 September does not exist in Santiago: the schedule fires at 23:30 before
        ("chile", "2026-09-05 23:30", "2026-09-06"),
        ("chile", "2026-09-07 00:30", "2026-09-07"),
    ],
)
def test_it_is_the_local_day_of_the_scheduled_start(
    monkeypatch: pytest.MonkeyPatch, group: str, start: str, day: str
) -> None:
    local = dt.datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(ZONES[group]))
    start_time = {"scheduled_start_time": lambda: local.astimezone(dt.UTC)}
    monkeypatch.setattr(flow_run, "FIELDS", {**flow_run.FIELDS, **start_time})
    assert scheduled_day(MARKETS, group) == dt.date.fromisoformat(day)


def test_without_a_group_there_is_no_such_day() -> None:
    with pytest.raises(ValueError, match="needs a group"):
        scheduled_day(MARKETS, None)
