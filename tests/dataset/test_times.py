"""Times end up local to each line's market, or are refused."""

import pandas as pd
import pytest

from restock.dataset import BadOrders, read_orders

pytestmark = pytest.mark.unit

ZONES = {"FR": "Europe/Paris", "US": "America/New_York"}


def test_times_with_a_zone_are_refused_with_the_remedy(order_lines, tmp_path):
    frame = order_lines(timestamp=pd.date_range("2024-03-01", periods=3, tz="UTC"))
    with pytest.raises(BadOrders, match=r"name a time zone.*time_zones=\{'FR': 'Europe/Paris'"):
        read_orders(frame)
    frame.to_csv(tmp_path / "orders.csv", index=False)
    with pytest.raises(BadOrders, match=r"orders\.csv: its time stamps name a time zone"):
        read_orders(tmp_path / "orders.csv")


@pytest.mark.parametrize("kind", ["frame", "parquet", "csv"])
def test_they_become_local_to_the_market(order_lines, tmp_path, kind):
    frame = order_lines(
        market=["FR", "US", "FR"],
        timestamp=pd.to_datetime(
            ["2024-03-30 23:30", "2024-03-30 23:30", "2024-03-31 01:30"], utc=True
        ),
    )
    source = frame
    if kind == "parquet":
        source = tmp_path / "orders.parquet"
        frame.to_parquet(source)
    elif kind == "csv":
        source = tmp_path / "orders.csv"
        frame.to_csv(source, index=False)
    clean = read_orders(source, time_zones=ZONES, as_of="2024-04-01")
    assert clean.orders["timestamp"].astype(str).tolist() == [
        "2024-03-31 00:30:00",
        "2024-03-30 19:30:00",
        "2024-03-31 03:30:00",  # Paris has no 02:30 that night
    ]


def test_as_of_is_midnight_of_each_market(order_lines):
    stamps = pd.to_datetime(["2024-03-31 22:30"] * 2, utc=True)
    frame = order_lines(2, market=["FR", "US"], timestamp=stamps)
    clean = read_orders(frame, time_zones=ZONES, as_of="2024-04-01")
    assert clean.orders["market"].tolist() == ["US"]


def test_a_market_without_zone_is_set_aside(order_lines):
    frame = order_lines(
        market=["FR", "BR", "FR"], timestamp=pd.date_range("2024-03-01", periods=3, tz="UTC")
    )
    clean = read_orders(frame, time_zones=ZONES)
    assert clean.quarantine["reason"].tolist() == [
        "time stamp in UTC of a market without time zone"
    ]


def test_a_zone_that_there_is_not(order_lines):
    frame = order_lines(timestamp=pd.date_range("2024-03-01", periods=3, tz="UTC"))
    with pytest.raises(ValueError, match="gives FR the zone 'Europe/Nowhere', which there is not"):
        read_orders(frame, time_zones={"FR": "Europe/Nowhere"})


def test_local_and_zoned_text_may_be_mixed(order_lines):
    frame = order_lines(
        timestamp=["2024-07-01 10:00", "2024-07-01T10:00:00Z", "2024-07-01T10:00:00.5-02:00"]
    )
    clean = read_orders(frame, time_zones=ZONES)
    assert clean.orders["timestamp"].dt.hour.tolist() == [10, 12, 14]


@pytest.mark.parametrize("text", ["2024-07-01", "2024-07", "20240701", "2024-07-01 10:00"])
def test_dates_are_not_taken_for_offsets(order_lines, text):
    clean = read_orders(order_lines(timestamp=[text] * 3))
    assert clean.orders["timestamp"].dt.month.tolist() == [7] * 3


def test_other_ways_of_writing_a_date_must_be_named(order_lines):
    frame = order_lines(timestamp=["12/1/2010 8:26", "12/1/2010 8:28", "31/1/2010 9:00"])
    with pytest.raises(BadOrders, match="does not hold time stamps.*say time_format="):
        read_orders(frame)
    clean = read_orders(frame, time_format="%d/%m/%Y %H:%M")
    assert clean.orders["timestamp"].dt.day.tolist() == [12, 12, 31]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_every_unit_of_time(order_lines, unit):
    frame = order_lines()
    frame["timestamp"] = frame["timestamp"].astype(f"datetime64[{unit}]")
    assert read_orders(frame).orders["timestamp"].dt.hour.tolist() == [10] * 3


def test_plain_dates_are_midnights(order_lines):
    frame = order_lines()
    frame["timestamp"] = frame["timestamp"].dt.date
    assert read_orders(frame).orders["timestamp"].dt.hour.tolist() == [0] * 3


@pytest.mark.parametrize("text", ["9999-12-31", "9999-12-31T23:59:59", "1066-10-14 09:00"])
@pytest.mark.parametrize("how", [None, "zoned"])
def test_times_that_pandas_cannot_hold_are_still_times(order_lines, text, how):
    zone = "Z" if how and ":" in text else ""
    frame = order_lines(timestamp=[f"{text}{zone}"] * 3)
    clean = read_orders(frame, time_zones=ZONES)
    assert clean.quarantine["reason"].unique() == ["timestamp not between 1970 and 2200"]
