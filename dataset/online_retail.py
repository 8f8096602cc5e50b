"""The dialect of the Online Retail feed: its column names, its notes and its countries."""

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import columns as c
from restock.dataset.contract import BadOrders
from restock.dataset.ledger import Ledger
from restock.dataset.lines import Lines
from restock.dataset.texts import Texts

_NAMES = {  # the column's name without case, blanks and underscores
    "invoice": c.ORDER,
    "invoiceno": c.ORDER,
    "stockcode": c.ITEM,
    "description": c.ITEM_NAME,
    "quantity": c.QUANTITY,
    "invoicedate": c.TIMESTAMP,
    "unitprice": c.UNIT_PRICE,
    "price": c.UNIT_PRICE,
    "customerid": c.CUSTOMER,
    "country": c.MARKET,
}

COUNTRY_NAMES = {
    "EIRE": "IE",
    "RSA": "ZA",
    "USA": "US",
    "Korea": "KR",
    "Channel Islands": "CHANNEL",  # Jersey and Guernsey: two codes in ISO 3166
    "European Community": "EUCOMM",
    "West Indies": "WINDIES",
    "Unspecified": "UNKNOWN",
}

NO_PRODUCT = re.compile(
    r"POST|DOT|C[23]|M|D|S|B|BANK CHARGES|AMAZONFEE|CRUK|PADS|ADJUST2?|TEST\d+|GIFT(_\d+_\d+)?"
)
PRODUCT = re.compile(r"\d{5}")

LEAST_OVERLAP = 100  # equal lines; fewer can be equal by chance
_NEVER = np.datetime64("NaT", "ms")

OVERLAP = "repeated in the file that continues this one"
BAD_DEBT = "bad-debt adjustment"
NOT_A_PRODUCT = "not a product (carriage, fees, vouchers)"
UNUSUAL = "product code that does not start with five digits"
WRITE_OFF = "stock write-off"
POSITIVE_CREDIT = "credit note with a positive quantity"


def our_columns(present: list[str], source: str) -> dict[str, str] | None:
    """Our name → the feed's name, or None when these are not the columns of Online Retail.

    Both spellings are known: ``stock_code`` and UCI's ``StockCode``, ``Price``, ``Customer ID``.
    Raises BadOrders when it clearly is that feed, but a column is missing.
    """
    names = {}
    for theirs in present:
        ours = _NAMES.get(re.sub(r"[\s_]", "", theirs).lower())
        if ours is not None:
            names[ours] = theirs
    if not {c.ORDER, c.ITEM, c.TIMESTAMP} <= {ours for ours in names if names[ours] != ours}:
        return None
    missing = [theirs for theirs, ours in _NAMES.items() if ours not in names]
    if missing and missing != ["description"]:
        raise BadOrders(
            source,
            f"these are the columns of Online Retail, but there is no {', '.join(missing)}",
            "add what is missing, or name your columns with columns={…}",
        )
    return names


def set_aside(lines: Lines, ledger: Ledger) -> None:
    """Set aside what is no order line in this feed. Ids are clean, item codes in upper case."""
    first = pd.Series(lines.order_id.values, dtype=object).str[:1].str.upper()
    is_debt, is_credit = (_per_line(lines.order_id, first == letter) for letter in "AC")
    ledger.set_aside(is_debt, BAD_DEBT)

    codes = lines.item_id.values
    special = np.array([bool(NO_PRODUCT.fullmatch(code)) for code in codes], dtype=bool)
    product = np.array([bool(PRODUCT.match(code)) for code in codes], dtype=bool)
    ledger.set_aside(_per_line(lines.item_id, special), NOT_A_PRODUCT)
    ledger.set_aside(_per_line(lines.item_id, ~product & (codes != "")), UNUSUAL)

    ledger.set_aside(is_credit & (lines.quantity > 0), POSITIVE_CREDIT)
    ledger.set_aside(~is_credit & (lines.quantity < 0), WRITE_OFF)


def _per_line(texts: Texts, per_value: object) -> NDArray[np.bool_]:
    return texts.lookup(np.asarray(per_value, dtype=bool), False).astype(bool)


def without_float_suffix(customers: Texts) -> Texts:
    """Copies of the feed that went through floating point write customer 12346 as 12346.0."""
    return customers.replaced([re.sub(r"\.0$", "", value) for value in customers.values])


def repeated(parts: list[Lines]) -> list[NDArray[np.bool_]]:
    """Per part, the lines (bool) that a part which begins later holds once more.

    The feed's two years share nine days. From the first day of the later part to the end of
    the earlier one, both hold the very same lines (as a multiset): there the earlier one's
    are repeated. Where that is not so, the parts are mere pieces of one file. Row-wise
    deduplication would be wrong: equal lines of one file may be real second lines of an
    invoice.
    """
    masks = [np.zeros(len(part), dtype=bool) for part in parts]
    # fmin and fmax pass over unreadable times
    spans = [
        (np.fmin.reduce(part.time), np.fmax.reduce(part.time)) if len(part) else (_NEVER, _NEVER)
        for part in parts
    ]
    for one, (begin, end) in enumerate(spans):
        for other, (later_begin, later_end) in enumerate(spans):
            if (begin, one) < (later_begin, other) and later_begin <= end:
                first, last = later_begin.astype("datetime64[D]"), min(end, later_end)
                mine = (parts[one].time >= first) & (parts[one].time <= last)
                theirs = (parts[other].time >= first) & (parts[other].time <= last)
                if _same_lines(parts[one], mine, parts[other], theirs):
                    masks[one] |= mine
    return masks


def _same_lines(a: Lines, in_a: NDArray[np.bool_], b: Lines, in_b: NDArray[np.bool_]) -> bool:
    size = int(in_a.sum())
    if size < LEAST_OVERLAP or size != int(in_b.sum()):
        return False
    return bool((_sorted_hashes(a, in_a) == _sorted_hashes(b, in_b)).all())


def _sorted_hashes(lines: Lines, where: NDArray[np.bool_]) -> NDArray[np.uint64]:
    frame = pd.DataFrame(
        {
            "order": lines.order_id.objects()[where],
            "item": lines.item_id.objects()[where],
            "customer": lines.customer_id.objects()[where],
            "time": lines.time[where],
            "quantity": lines.quantity[where],
            "price": lines.unit_price[where],
        }
    )
    hashes = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return np.sort(hashes)
