"""The contract of an exposure log: what was shown to whom, how likely that was, what came of it.

One row per shown item and position. The rows of one customer and time are one list.
"""

import numpy as np
import pandas as pd

from restock.dataset import columns as c
from restock.dataset.schemas import pa

MARKET = c.MARKET
"""Market code of the customer (text, ``^[A-Z]{2,8}$``)."""
CUSTOMER = c.CUSTOMER
"""Customer id (text), as in the order lines."""
ITEM = c.ITEM
"""Id of the item shown (text), as in the order lines."""
POSITION = "position"
"""Place in the list (int32), 1 = best; the places of a list differ, and may have gaps."""
PROPENSITY = "propensity"
"""Probability (float64, in (0, 1]) with which the policy, as it stood then, put this item at this
position for this customer, *given the items at the positions above*. The product over a list is
the probability of the list; a list that could not have been another has 1 everywhere."""
POLICY = "policy"
"""Name of what chose the list (text): a candidate's key, the arm of an experiment."""
TIME = c.TIMESTAMP
"""When it was shown (datetime64[ms]), naive local time of the market."""
OUTCOME = "outcome"
"""The strongest thing that came of it within the visit (text): none, click or order."""

OUTCOMES = ("none", "click", "order")
EXPOSURE_COLUMNS = (MARKET, CUSTOMER, ITEM, POSITION, PROPENSITY, POLICY, TIME, OUTCOME)

_KEY = [MARKET, CUSTOMER, TIME, POLICY]
_TEXT = pa.Check(lambda column: column != "", error="a name")

EXPOSURES = pa.DataFrameSchema(
    {
        MARKET: pa.Column(object, pa.Check.str_matches(c.MARKET_PATTERN)),
        CUSTOMER: pa.Column(object, _TEXT),
        ITEM: pa.Column(object, _TEXT),
        POSITION: pa.Column("int32", pa.Check.ge(1)),
        PROPENSITY: pa.Column("float64", [pa.Check.gt(0), pa.Check.le(1)]),
        POLICY: pa.Column(object, _TEXT),
        TIME: pa.Column("datetime64[ms]"),
        OUTCOME: pa.Column(object, pa.Check.isin(OUTCOMES)),
    },
    strict=True,
    ordered=True,
)
"""What a frame of exposures is. In the list of one customer, time and policy, besides, no
position and no item stands twice. ``validate_exposures`` returns nothing else."""


class BadExposures(ValueError):
    """An exposure log that estimates cannot rest on; the message names column, cause, remedy."""


def validate_exposures(frame: pd.DataFrame) -> pd.DataFrame:
    """The exposures in the contract's columns, types and order of columns; rows stay as they are.

    Whole numbers, categories and other units of time are converted; other columns are left
    out. Raises BadExposures, naming the column and the first bad value, for a missing column,
    a missing value, a time with a zone, a propensity outside (0, 1], an unknown outcome, a
    position twice in a list, or an item twice in a list.
    """
    missing = [name for name in EXPOSURE_COLUMNS if name not in frame.columns]
    if missing:
        raise BadExposures(
            f"the exposures have no column {', '.join(missing)}; "
            f"a log needs {', '.join(EXPOSURE_COLUMNS)}"
        )
    plain = _convert(frame[list(EXPOSURE_COLUMNS)])
    try:
        EXPOSURES.validate(plain, lazy=True)
    except pa.errors.SchemaErrors as error:
        case = error.failure_cases.iloc[0]
        column, value = case["column"], case["failure_case"]
        raise BadExposures(
            f"exposures, column {column!r}: {value!r} is not {case['check']} "
            f"({len(error.failure_cases)} such values); see restock.dataset.exposures"
        ) from error
    for once in (POSITION, ITEM):
        twice = plain.duplicated([*_KEY, once])
        if twice.any():
            row = plain[twice].iloc[0]
            raise BadExposures(
                f"{once} {row[once]!r} stands twice in the list of customer {row[CUSTOMER]!r} at "
                f"{row[TIME]}: log one row per shown item and position"
            )
    return plain


def empty_exposures() -> pd.DataFrame:
    """An exposure log without rows."""
    return _convert(pd.DataFrame({name: [] for name in EXPOSURE_COLUMNS}))


def _convert(frame: pd.DataFrame) -> pd.DataFrame:
    nulls = [name for name in EXPOSURE_COLUMNS if frame[name].isna().any()]
    if nulls:
        raise BadExposures(f"exposures have missing values in {', '.join(nulls)}: leave no gaps")
    times = pd.to_datetime(frame[TIME])
    if getattr(times.dt, "tz", None) is not None:
        raise BadExposures(
            f"{TIME} has the time zone {times.dt.tz}: give the market's local time without a zone"
        )
    position = pd.to_numeric(frame[POSITION], errors="coerce").to_numpy(dtype=np.float64)
    if not (np.isfinite(position).all() and (position == np.rint(position)).all()):
        raise BadExposures(f"{POSITION} must hold whole numbers from 1 on")
    plain = frame.copy()
    for name in (MARKET, CUSTOMER, ITEM, POLICY, OUTCOME):
        plain[name] = frame[name].astype(str).astype(object)
    plain[POSITION] = position.astype(np.int32)
    plain[PROPENSITY] = pd.to_numeric(frame[PROPENSITY], errors="coerce").astype(np.float64)
    plain[TIME] = times.astype("datetime64[ms]")
    return plain
