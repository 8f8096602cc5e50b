"""What became of a question to a log: estimates with intervals and diagnostics, or why not.

``ope/<token>.json`` in the store: the same question to the same log and orders has the same name.
"""

import datetime as dt
import math
import re
from dataclasses import asdict
from typing import Literal, Self

from restock.evaluation.ope import Diagnostics, Estimate
from restock.evaluation.ope.shown import Reward
from restock.infra.records import SCHEMA_VERSION, TOKEN_PATTERN, Plan, Record
from restock.infra.store import NotFound, Store

FOLDER = "ope"
HEADLINE = "dr"
"""The estimator to believe first: unbiased where RIPS is, and varies less."""
WHOLE_LIST = ("ips", "snips")
"""Estimators that weigh whole lists, and so need a log in which whole lists agree."""


class Worth(Record):
    """A mean reward per list, its 95 % interval and standard error; None where not known."""

    value: float | None
    low: float | None
    high: float | None
    error: float | None

    @classmethod
    def of(cls, estimate: Estimate) -> Self:
        """Without the numbers that are none."""
        found = (estimate.value, estimate.low, estimate.high, estimate.error)
        value, low, high, error = (one if math.isfinite(one) else None for one in found)
        return cls(value=value, low=low, high=high, error=error)


class Row(Record):
    """What one estimator says. estimator: ips, snips, rips or dr.

    worth: of a list of the target. log_lift: log(worth / what the logged lists earned), with
    the interval and error of both at once. ess: effective lists. refused: why there is neither.
    """

    estimator: str
    worth: Worth | None
    log_lift: Worth | None
    ess: float
    refused: tuple[str, ...] = ()


class Weights(Record):
    """The diagnostics of ``evaluation.ope``: of whole lists, or read from the top."""

    n: int
    clusters: int
    ess: float
    ess_share: float
    earners: float
    mean_weight: float
    mean_weight_error: float | None
    max_weight: float
    max_share: float
    support_share: float

    @classmethod
    def of(cls, diagnostics: Diagnostics) -> Self:
        """Without the numbers that are none."""
        found = asdict(diagnostics)
        if not math.isfinite(diagnostics.mean_weight_error):
            found["mean_weight_error"] = None
        return cls(**found)


class Answer(Record):
    """What is known of one plan. refused: why the log cannot carry an answer, with the remedy.

    from_top: the weights that rips and dr rest on; whole_lists: those of ips and snips.
    """

    plan: Plan
    rows: tuple[Row, ...]
    from_top: Weights
    whole_lists: Weights
    refused: tuple[str, ...] = ()

    @property
    def headline(self) -> Row | None:
        """The row to believe first; None when refused."""
        if self.refused:
            return None
        return next(row for row in self.rows if row.estimator == HEADLINE)


class OpeResult(Record):
    """A question and its answers.

    markets: of the log. reward: what was asked about; unit: of the worths. drawing: how the
    plans would have been shown. first, last: days of the log. fitted_before: the plans know the
    orders before this day. lists, customers, places: of the log. policies: name → lists.
    logged: what the logged lists earned. page: key of the report.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    token: str
    markets: tuple[str, ...]
    reward: Reward
    unit: str
    drawing: str
    first: dt.date
    last: dt.date
    fitted_before: dt.date
    lists: int
    customers: int
    places: int
    policies: dict[str, int]
    logged: Worth
    answers: tuple[Answer, ...]

    @property
    def page(self) -> str:
        """Key of the page for people."""
        return f"reports/{FOLDER}/{self.token}.html"


def put_result(store: Store, result: OpeResult) -> str:
    """Keep a result; returns its key."""
    key = f"{FOLDER}/{result.token}.json"
    store.put(key, result.bytes())
    return key


def read_result(store: Store, token: str) -> OpeResult | None:
    """A result that was kept; None where there is none. ValueError for what is no token."""
    if not re.fullmatch(TOKEN_PATTERN, token):
        raise ValueError(f"{token!r} is no name of an off-policy estimate")
    key = f"{FOLDER}/{token}.json"
    try:
        return OpeResult.parse(store.get(key).data, key)
    except NotFound:
        return None


def read_results(store: Store) -> list[OpeResult]:
    """All results that were kept, in order of their names."""
    return [OpeResult.parse(store.get(one.key).data, one.key) for one in store.list(FOLDER)]
