"""Reading: what is kept, what is set aside and why, for one line at a time."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from restock.dataset import BadOrders, Interactions, read_orders
from restock.dataset.contract import MAX_QUANTITY, ORDER_LINES

pytestmark = pytest.mark.unit


def reasons(clean):
    return clean.quarantine["reason"].tolist()


def test_clean_lines_pass_as_they_are(order_lines):
    frame = order_lines()
    clean = read_orders(frame)
    assert clean.quarantine.empty
    assert clean.orders["customer_id"].tolist() == ["C0", "C1", "C2"]
    pd.testing.assert_frame_equal(
        clean.orders, frame, check_dtype=False, check_index_type=False, check_names=False
    )
    ORDER_LINES.validate(clean.orders)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("quantity", np.nan, "quantity is not a finite number"),
        ("quantity", np.inf, "quantity is not a finite number"),
        ("quantity", -np.inf, "quantity is not a finite number"),
        ("quantity", 1e308, "quantity above 10,000,000"),
        ("quantity", -1e308, "quantity above 10,000,000"),
        ("quantity", MAX_QUANTITY * 1.01, "quantity above 10,000,000"),
        ("quantity", 0.0, "quantity is 0"),
        ("quantity", 1e-320, "quantity is 0"),
        ("quantity", -3.0, "cancellation without an earlier order"),
        ("unit_price", np.nan, "unit_price is not a finite number"),
        ("unit_price", -np.inf, "unit_price is not a finite number"),
        ("unit_price", 1e308, "unit_price above 1,000,000,000"),
        ("unit_price", 0.0, "unit_price is 0: not a sale"),
        ("unit_price", -1.0, "unit_price below 0"),
        ("timestamp", pd.NaT, "no timestamp, or an unreadable one"),
        ("timestamp", pd.Timestamp("1969-12-31"), "timestamp not between 1970 and 2200"),
        ("timestamp", pd.Timestamp("2200-01-01"), "timestamp not between 1970 and 2200"),
        ("timestamp", pd.Timestamp("2024-04-01"), "in the future: not before as_of"),
        ("market", "BR/../MX", "market that is no code and no known country name"),
        ("market", "../../etc/passwd", "market that is no code and no known country name"),
        ("market", "X", "market that is no code and no known country name"),
        ("market", "ABCDEFGHI", "market that is no code and no known country name"),
        ("market", "FR\n", "market with a line break, a control or an invisible character"),
        ("market", None, "no market"),
        ("customer_id", None, "no customer_id"),
        ("customer_id", "", "no customer_id"),
        ("customer_id", " \u2003 ", "no customer_id"),
        ("order_id", float("nan"), "no order_id"),
        ("item_id", None, "no item_id"),
        ("item_id", "A\nB", "item_id with a line break, a control or an invisible character"),
        ("item_id", "A\n", "item_id with a line break, a control or an invisible character"),
        ("item_id", "\x00", "item_id with a line break, a control or an invisible character"),
        ("item_id", "A\u202eB", "item_id with a line break, a control or an invisible character"),
        ("item_id", "A\ud800", "item_id with a line break, a control or an invisible character"),
        ("item_id", "x" * 201, "item_id longer than 200 characters"),
    ],
)
def test_a_bad_value_sets_its_line_aside(order_lines, column, value, reason):
    frame = order_lines()
    good = frame[column].tolist()
    frame[column] = pd.Series([good[0], value, good[2]], dtype=frame[column].dtype)
    clean = read_orders(frame, as_of="2024-04-01")
    assert reasons(clean) == [reason]
    assert clean.orders.index.tolist() == [0, 2]
    kept = clean.quarantine[column].iloc[0]
    assert kept == value or (pd.isna(kept) and pd.isna(value))
    assert len(Interactions.from_frame(clean.orders)) == 2


def test_quarantine_keeps_the_columns_of_the_source(order_lines):
    frame = order_lines(note=["a", "b", "c"]).rename(columns={"quantity": "Menge"})
    frame.loc[1, "unit_price"] = -1.0
    clean = read_orders(frame, columns={"Menge": "quantity"})
    assert list(clean.quarantine.columns) == [*frame.columns, "reason"]
    assert clean.quarantine["note"].tolist() == ["b"]
    assert clean.quarantine.index.tolist() == [1]


def test_a_script_is_a_name_like_any_other(order_lines):
    ids = ["<script>alert(1)</script>", "A", "A"]
    clean = read_orders(order_lines(item_id=ids))
    assert clean.orders["item_id"].tolist() == ids


def test_no_and_na_are_markets(order_lines, tmp_path):
    frame = order_lines(market=["NO", "NA", "NA"])
    frame.to_csv(tmp_path / "orders.csv", index=False)
    assert read_orders(frame).orders["market"].tolist() == ["NO", "NA", "NA"]
    assert read_orders(tmp_path / "orders.csv").orders["market"].tolist() == ["NO", "NA", "NA"]


@pytest.mark.parametrize("null", ["NA", "NaN", "null", "None", "N/A", "nan"])
def test_no_text_of_a_csv_file_stands_for_a_missing_one(order_lines, tmp_path, null):
    order_lines(customer_id=[null] * 3, item_id=[null] * 3).to_csv(
        tmp_path / "orders.csv", index=False
    )
    clean = read_orders(tmp_path / "orders.csv")
    assert clean.orders["customer_id"].tolist() == [null] * 3
    assert clean.orders["item_id"].tolist() == [null] * 3


def test_ids_that_differ_only_in_unicode_form_or_blanks_are_one(order_lines):
    clean = read_orders(
        order_lines(customer_id=["caf\u00e9", "cafe\u0301", "\u00a0caf\u00e9 "], item_id=[" A"] * 3)
    )
    assert clean.orders["customer_id"].unique().tolist() == ["caf\u00e9"]
    assert clean.orders["item_id"].unique().tolist() == ["A"]


def test_letter_case_of_ids_matters_in_a_feed_that_is_not_known(order_lines):
    clean = read_orders(order_lines(item_id=["a", "A", "M"], customer_id=["POST"] * 3))
    assert clean.orders["item_id"].tolist() == ["a", "A", "M"]


def test_numbers_as_ids_lose_no_zero_and_gain_no_point(order_lines, tmp_path):
    frame = order_lines(customer_id=[12346.0, np.nan, 12347.0], item_id=["007", 7, "7"])
    clean = read_orders(frame)
    assert clean.orders["customer_id"].tolist() == ["12346", "12347"]
    assert clean.orders["item_id"].tolist() == ["007", "7"]
    frame.assign(customer_id="0012").to_csv(tmp_path / "orders.csv", index=False)
    assert read_orders(tmp_path / "orders.csv").orders["customer_id"].unique().tolist() == ["0012"]


def test_country_names_become_codes_and_codes_stay(order_lines):
    clean = read_orders(
        order_lines(5, market=["Czech Republic", "united kingdom", "EIRE", "PERU", "Nordics"]),
        country_names={"nordics": "NORDIC"},
    )
    # a feed that is not known may mean anything by EIRE: a valid code stays
    assert clean.orders["market"].tolist() == ["CZ", "GB", "EIRE", "PERU", "NORDIC"]


def test_a_name_cannot_be_mapped_to_what_is_no_code(order_lines):
    with pytest.raises(ValueError, match="'BR/../MX', which is no market code"):
        read_orders(order_lines(), country_names={"Brazil": "BR/../MX"})


@pytest.mark.parametrize("as_of", ["2024-03-02", dt.date(2024, 3, 2)])
def test_as_of_is_exclusive_local_midnight(order_lines, as_of):
    stamps = pd.to_datetime(["2024-03-01 23:59:59", "2024-03-02 00:00:00", "2024-03-03 09:30:00"])
    clean = read_orders(order_lines(timestamp=stamps), as_of=as_of)
    assert clean.orders.index.tolist() == [0]
    assert reasons(clean) == ["in the future: not before as_of"] * 2


def test_as_of_is_a_day(order_lines):
    with pytest.raises(ValueError, match="as_of must be a date"):
        read_orders(order_lines(), as_of="2024-03-02 12:00")


def test_optional_columns(order_lines):
    frame = order_lines(
        item_name=["  two\n words ", "", None],
        category=["tools", "tools", "  "],
        unit_cost=[1.0, -2.0, np.inf],
    )
    clean = read_orders(frame)
    assert clean.orders["item_name"].tolist() == ["two words", None, None]
    assert clean.orders["category"].tolist() == ["tools", "tools", None]
    assert clean.orders["unit_cost"].fillna(-1).tolist() == [1.0, -1.0, -1.0]
    assert clean.report.costs_ignored == 2
    assert clean.quarantine.empty


@pytest.mark.parametrize(
    "mapping",
    [{"menge": "quantity", "zeit": "timestamp"}, {"quantity": "menge", "timestamp": "zeit"}],
)
def test_columns_are_mapped_in_either_direction(order_lines, mapping):
    frame = order_lines().rename(columns={"quantity": "menge", "timestamp": "zeit"})
    assert len(read_orders(frame, columns=mapping).orders) == 3


def test_a_mapped_column_takes_the_place_of_one_with_our_name(order_lines):
    frame = order_lines(timestamp=["never"] * 3, zeit=pd.Timestamp("2024-05-05"))
    clean = read_orders(frame, columns={"zeit": "timestamp"})
    assert clean.orders["timestamp"].dt.month.tolist() == [5, 5, 5]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"menge": "quantty"}, "'quantty', which is no column.*did you mean 'quantity'"),
        ({"zeit": "timestamp"}, "timestamp from 'zeit', which is not in it"),
        ({"quantity": "quantity", "unit_price": "quantity"}, "two columns to one of ours"),
    ],
)
def test_a_mapping_that_cannot_be_meant(order_lines, mapping, message):
    with pytest.raises(BadOrders, match=message):
        read_orders(order_lines(), columns=mapping)


@pytest.mark.parametrize(("name", "value"), [("cancellations", "keep"), ("home_market", "first")])
def test_a_choice_that_there_is_not(order_lines, name, value):
    with pytest.raises(ValueError, match=f"{name} must be one of .*not '{value}'"):
        read_orders(order_lines(), **{name: value})


def test_everything_set_aside_is_no_error(order_lines):
    clean = read_orders(order_lines(quantity=[np.nan] * 3))
    assert clean.orders.empty
    assert clean.report.lines_quarantined == 3
    assert len(Interactions.from_frame(clean.orders)) == 0


def test_the_report_adds_up_and_reads_well(order_lines):
    clean = read_orders(
        order_lines(
            6,
            customer_id=["A", "A", "B", "B", "C", "D"],
            quantity=[5, -5, 4, -1, -2, 3],
            unit_price=[2.0, 2.0, 1.0, 1.0, 1.0, -1.0],
        )
    )
    report = clean.report
    assert (report.lines_read, report.lines_kept) == (6, 1)
    assert (report.lines_netted, report.lines_quarantined) == (3, 2)
    assert (report.units_netted, report.lines_lowered) == (6.0, 1)
    table = report.reasons.set_index("reason")
    assert table.loc["unit_price below 0", "value"] == -3.0
    assert table.loc["order line cancelled in full", "value"] == 10.0
    assert "quarantined: unit_price below 0" in str(report)
    again = json.loads(json.dumps(report.to_dict()))
    assert again["lines_read"] == 6
    assert {row["reason"] for row in again["reasons"]} == set(clean.quarantine["reason"])


def test_quarantined_lines_are_counted_by_market_and_day(order_lines):
    frame = order_lines(
        7,
        market=["FR", "FR", "DE", "no such land", "FR", "FR", "FR"],
        unit_price=[-1.0, -1.0, -1.0, -1.0, 1.0, 2.0, -1.0],
        quantity=[1, 1, 1, 1, 5, -5, 1],
        customer_id=["A", "B", "C", "D", "E", "E", "F"],
        timestamp=[*["2024-03-01 23:59"] * 5, "2024-03-02 00:00", "2024-03-03 00:00"],
    )
    days = read_orders(frame, as_of="2024-03-03").report.quarantined_days
    found = {(row.market, str(row.day.date())): row.lines for row in days.itertuples()}
    # neither what was netted, nor what no market is known of, nor what is in the future
    assert found == {("FR", "2024-03-01"): 2, ("DE", "2024-03-01"): 1}
    assert read_orders(order_lines()).report.quarantined_days.empty


def test_the_value_of_an_absurd_line_does_not_drown_the_report(order_lines):
    clean = read_orders(order_lines(quantity=[1e308, np.inf, 2.0]))
    assert clean.report.reasons["value"].tolist() == [0.0, 0.0]


def test_a_market_of_one_customer_and_a_market_of_one_item(order_lines):
    clean = read_orders(
        order_lines(4, market=["FR", "DE", "DE", "DE"], item_id=["A", "B", "B", "B"])
    )
    x = Interactions.from_frame(clean.orders)
    assert x.of_market("FR").customers.size == 1
    assert np.unique(x.of_market("DE").item).size == 1


@pytest.mark.thorough
def test_a_customer_with_a_million_lines():
    line = np.arange(1_000_000)
    items = np.array([f"I{i}" for i in range(499)], dtype=object)
    frame = pd.DataFrame(
        {
            "market": "FR",
            "customer_id": "one",
            "order_id": line // 100,
            "item_id": items[line % 499],
            "timestamp": np.datetime64("2024-01-01", "ms") + (line // 100).astype("m8[m]"),
            "quantity": np.where(line % 10 == 9, -1, 2),
            "unit_price": 1.0,
        }
    )
    clean = read_orders(frame)
    report = clean.report
    assert report.lines_read == 1_000_000
    assert report.lines_kept + len(clean.quarantine) == 1_000_000
    assert report.units_netted > 99_000  # all but the cancellations before an item's first order
    assert clean.orders["quantity"].sum() == 1_800_000 - report.units_netted
    assert Interactions.from_frame(clean.orders).quantity.sum(dtype=float) == 1_800_000 - (
        report.units_netted
    )
