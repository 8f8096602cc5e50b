"""The day that a scheduled run is about: its scheduled start, on the group's own calendar."""

import datetime as dt
from zoneinfo import ZoneInfo

from prefect.runtime import flow_run

from restock.infra.markets import Markets


def scheduled_day(markets: Markets, group: str | None) -> dt.date:
    """The local date of the running flow's scheduled start, in the group's time zone.

    A run that was late, or is repeated, is about the day that it was scheduled for. Rounded
    to the nearest midnight: where clocks change at midnight, a schedule of 00:30 fires at
    23:30 of the day before.
    """
    if group is None:
        raise ValueError("as_of='scheduled' needs a group: the day depends on its time zone")
    zone = ZoneInfo(markets.schedule_groups[group])
    start = flow_run.scheduled_start_time.astimezone(zone)
    return (start + dt.timedelta(hours=12)).date() if start.hour >= 22 else start.date()
