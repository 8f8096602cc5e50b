"""The quirks of the Online Retail feed, one by one, in its own columns."""

import pandas as pd
import pytest

from restock.dataset import BadOrders, read_orders

pytestmark = pytest.mark.unit


def aside(clean):
    return dict(zip(clean.quarantine.index, clean.quarantine["reason"], strict=True))


@pytest.mark.parametrize(
    "names",
    [
        {},
        {
            "invoice": "InvoiceNo",
            "stock_code": "StockCode",
            "description": "Description",
            "quantity": "Quantity",
            "invoice_date": "InvoiceDate",
            "unit_price": "UnitPrice",
            "customer_id": "CustomerID",
            "country": "Country",
        },
        {
            "invoice": "Invoice",
            "stock_code": "StockCode",
            "invoice_date": "InvoiceDate",
            "unit_price": "Price",
            "customer_id": "Customer ID",
            "country": "Country",
        },
    ],
)
def test_all_three_spellings_of_its_columns_are_known(retail_lines, names):
    clean = read_orders(retail_lines().rename(columns=names))
    assert clean.orders["market"].unique().tolist() == ["GB"]
    assert clean.orders["item_name"].unique().tolist() == ["WHITE HANGING HEART"]
    assert clean.orders["customer_id"].unique().tolist() == ["17850"]


def test_descriptions_may_be_absent_but_nothing_else(retail_lines):
    assert len(read_orders(retail_lines().drop(columns="description")).orders) == 3
    with pytest.raises(BadOrders, match="columns of Online Retail, but there is no country"):
        read_orders(retail_lines().drop(columns="country"))


def test_a_mapping_turns_the_rules_of_the_feed_off(retail_lines):
    frame = retail_lines(stock_code=["m", "M", "POST"], country=["GB", "EIRE", "RSA"])
    clean = read_orders(
        frame,
        columns={
            "market": "country",
            "order_id": "invoice",
            "item_id": "stock_code",
            "timestamp": "invoice_date",
        },
    )
    assert clean.orders["item_id"].tolist() == ["m", "M", "POST"]


@pytest.mark.parametrize(
    "code",
    [
        *["POST", "DOT", "C2", "M", "m", "D", "S", "B", "BANK CHARGES", "AMAZONFEE", "CRUK"],
        *["PADS", "ADJUST", "ADJUST2", "TEST001", "TEST002", "GIFT", "gift_0001_20"],
    ],
)
def test_codes_that_are_no_products(retail_lines, code):
    clean = read_orders(retail_lines(stock_code=["85123A", code, "22423"]))
    assert aside(clean) == {1: "not a product (carriage, fees, vouchers)"}


def test_unusual_product_codes_are_told_apart(retail_lines):
    clean = read_orders(retail_lines(stock_code=["DCGS0058", "SP1002", "22423"]))
    assert set(aside(clean).values()) == {"product code that does not start with five digits"}


def test_letter_case_and_blanks_of_codes(retail_lines):
    clean = read_orders(retail_lines(stock_code=["85123a", "85123A", "47503J "]))
    assert clean.orders["item_id"].tolist() == ["85123A", "85123A", "47503J"]


def test_cancellations_write_offs_and_bad_debt(retail_lines):
    clean = read_orders(
        retail_lines(
            6,
            invoice=["536365", "C536366", "536367", "A536368", "C536369", "536370"],
            quantity=[6, -2, -9, 1, 1, 3],
            unit_price=[2.55, 2.55, 0.0, -11062.06, 2.55, 0.0],
        )
    )
    assert clean.orders["quantity"].tolist() == [4.0]
    assert aside(clean) == {
        1: "cancellation, netted off earlier orders",
        2: "stock write-off",
        3: "bad-debt adjustment",
        4: "credit note with a positive quantity",
        5: "unit_price is 0: not a sale",
    }


def test_customers_that_are_not_known(retail_lines):
    clean = read_orders(retail_lines(customer_id=[17850.0, None, None]))
    assert aside(clean) == {1: "no customer_id", 2: "no customer_id"}
    assert clean.orders["customer_id"].tolist() == ["17850"]


def test_customers_that_went_through_floating_point(retail_lines, tmp_path):
    retail_lines(customer_id=[17850.0, 17850.0, None]).to_csv(tmp_path / "a.csv", index=False)
    clean = read_orders(tmp_path / "a.csv")
    assert clean.orders["customer_id"].tolist() == ["17850", "17850"]


def test_country_names(retail_lines):
    names = {
        "EIRE": "IE",
        "RSA": "ZA",
        "USA": "US",
        "Korea": "KR",
        "Hong Kong": "HK",
        "Channel Islands": "CHANNEL",
        "European Community": "EUCOMM",
        "West Indies": "WINDIES",
        "Unspecified": "UNKNOWN",
        "Atlantis": None,
    }
    clean = read_orders(
        retail_lines(
            len(names), country=list(names), customer_id=[10000 + i for i in range(len(names))]
        )
    )
    assert clean.orders["market"].tolist() == [code for code in names.values() if code]
    assert aside(clean) == {9: "market that is no code and no known country name"}


def two_years(retail_lines):
    """Two years that share 120 lines of two days, in another order within the second one."""
    first = retail_lines(400, invoice_date=pd.date_range("2010-11-26", periods=400, freq="20min"))
    shared = first[first["invoice_date"] >= "2010-11-30"]
    more = retail_lines(200, invoice_date=pd.date_range("2010-12-02", periods=200, freq="h"))
    second = pd.concat([shared.sample(frac=1, random_state=0), more], ignore_index=True)
    assert len(shared) > 100
    return first, second, len(shared)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_days_that_two_files_share_count_once(retail_lines, tmp_path, order):
    first, second, shared = two_years(retail_lines)
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    first.to_parquet(paths[0])
    second.to_parquet(paths[1])
    clean = read_orders([paths[at] for at in order])
    assert clean.report.lines_kept == len(first) + len(second) - shared
    assert set(aside(clean).values()) == {"repeated in the file that continues this one"}


def test_one_unreadable_time_does_not_hide_the_overlap(retail_lines, tmp_path):
    first, second, shared = two_years(retail_lines)
    first.loc[3, "invoice_date"] = pd.NaT
    first.to_parquet(tmp_path / "a.parquet")
    second.to_parquet(tmp_path / "b.parquet")
    clean = read_orders(tmp_path)
    assert clean.report.lines_kept == len(first) - 1 + len(second) - shared


def test_equal_lines_within_a_file_are_all_real(retail_lines, tmp_path):
    frame = pd.concat([retail_lines(300)] * 2, ignore_index=True)
    assert read_orders(frame).report.lines_kept == 600
    # nor are mere pieces of one file an overlap
    frame[:350].to_parquet(tmp_path / "a.parquet")
    frame[350:].to_parquet(tmp_path / "b.parquet")
    assert read_orders(tmp_path).report.lines_kept == 600


def test_a_second_line_of_an_invoice_in_another_piece_of_the_file_is_no_overlap(
    retail_lines, tmp_path
):
    frame = retail_lines(2, invoice_date=pd.to_datetime(["2010-12-01 08:26", "2010-12-02 09:00"]))
    frame.to_parquet(tmp_path / "a.parquet")
    frame[1:].to_parquet(tmp_path / "b.parquet")
    assert read_orders(tmp_path).report.lines_kept == 3
