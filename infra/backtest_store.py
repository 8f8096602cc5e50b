"""A backtest in the store: what it sets out to do, what is finished of it, what came of it.

``backtests/<token>/run.json`` is written at the start, ``done/<unit>.npz`` by the worker that
finished a unit: together they say where it was when it was killed. The record and the page are
``reports/backtest/<token>.json`` and ``.html``; once they are there, the units are removed.
"""

import hashlib
import io
import re
from collections.abc import Iterator, Sequence

import numpy as np

from restock.evaluation.backtest.grid import FitUnit
from restock.evaluation.backtest.running import AgedJudgement
from restock.infra import judgements
from restock.infra.addresses import address
from restock.infra.backtest_result import BacktestResult
from restock.infra.backtest_run import BacktestRun
from restock.infra.records import TOKEN_PATTERN
from restock.infra.store import NotFound, Store

FOLDER = "backtests"
REPORTS = "reports/backtest"


def unit_id(unit: FitUnit) -> str:
    """Names a unit by its content: the same in every run of the same backtest."""
    return hashlib.sha256(unit.model_dump_json().encode()).hexdigest()[:24]


def put_run(store: Store, run: BacktestRun) -> None:
    """Write what a backtest sets out to do."""
    store.put(f"{FOLDER}/{run.token}/run.json", run.bytes())


def get_run(store: Store, token: str) -> BacktestRun:
    """Read it again. ValueError: there is none; it names the newest ones."""
    key = f"{FOLDER}/{token}/run.json"
    try:
        if not re.fullmatch(TOKEN_PATTERN, token):
            raise NotFound(key)
        return BacktestRun.parse(store.get(key).data, key)
    except NotFound:
        known = [entry for entry in store.list(FOLDER) if entry.key.endswith("/run.json")]
        newest = sorted(known, key=lambda entry: entry.modified, reverse=True)[:5]
        names = ", ".join(entry.key.split("/")[1] for entry in newest) or "none"
        raise ValueError(f"there is no backtest {token}; the newest: {names}") from None


def put_done(store: Store, token: str, unit: FitUnit, found: Sequence[AgedJudgement]) -> None:
    """Write what a unit came to, as npz (no pickle). Twice the same unit is one object."""
    arrays = judgements.to_arrays([one.judgement for one in found])
    arrays["age_days"] = np.array([one.age_days for one in found], dtype=np.int64)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    store.put(_done(token, unit), buffer.getvalue())


def get_done(store: Store, token: str, units: Sequence[FitUnit]) -> Iterator[AgedJudgement]:
    """What these units came to; those that are not finished are left out."""
    for unit in units:
        try:
            data = store.get(_done(token, unit)).data
        except NotFound:
            continue
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            found = judgements.from_arrays(arrays)
            ages = arrays["age_days"].tolist()
        yield from (AgedJudgement(age, one) for age, one in zip(ages, found, strict=True))


def finished(store: Store, token: str) -> set[str]:
    """The ids of the units that are finished."""
    entries = store.list(f"{FOLDER}/{token}/done")
    return {entry.key.rpartition("/")[2].removesuffix(".npz") for entry in entries}


def put_page(store: Store, result: BacktestResult, page: str) -> BacktestResult:
    """Write the page; returns the record with its address."""
    key = f"{REPORTS}/{result.token}.html"
    store.put(key, page.encode())
    return result.model_copy(update={"report": address(store, key)})


def put_result(store: Store, result: BacktestResult) -> None:
    """Write the record, and remove the units: from here on the backtest is done."""
    store.put(f"{REPORTS}/{result.token}.json", result.bytes())
    for entry in store.list(f"{FOLDER}/{result.token}/done"):
        store.delete(entry.key)


def get_result(store: Store, token: str) -> BacktestResult | None:
    """The record of a backtest; None while it is not done."""
    key = f"{REPORTS}/{token}.json"
    try:
        return BacktestResult.parse(store.get(key).data, key)
    except NotFound:
        return None


def _done(token: str, unit: FitUnit) -> str:
    return f"{FOLDER}/{token}/done/{unit_id(unit)}.npz"
