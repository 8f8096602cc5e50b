"""The page of a market that was looked at: what moved in words, then each measure on its band.

One file, no network, every string from the data escaped.
"""

import re
from collections.abc import Callable

from jinja2 import Environment, PackageLoader

from restock.dataset.columns import MARKET_PATTERN
from restock.infra import watch_charts
from restock.infra.store import Conflict, NotFound, Store
from restock.infra.watch import MarketWatch
from restock.monitoring.findings import Kind

FOLDER, HEALTH = "reports/drift", "reports/health"
_ATTEMPTS = 10
_SECTIONS: dict[Kind, str] = {
    "data": "Orders",
    "prediction": "Lists",
    "staleness": "Age of the lists",
    "performance": "What came of the lists",
}
_ACTIONS = {
    "note": "Nothing is to be done.",
    "retrain": "Suggested: retrain this market.",
    "search": "Suggested: search for another plan.",
    "page": "Suggested: look at the data before anything is trained on them.",
}


def pages(filters: dict[str, Callable[..., object]]) -> Environment:
    """Where pages come from: the templates beside this file, everything escaped."""
    environment = Environment(
        loader=PackageLoader("restock.infra", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment


def render(watch: MarketWatch, *, together: bool = False) -> str:
    """The page of a market as HTML. together: there is a page of all markets to link to."""
    environment = pages(
        {"short": watch_charts.short, "band": watch_charts.band, "sentence": _sentence}
    )
    environment.tests["outside"] = watch_charts.outside
    checks = watch.checks
    sections = [
        (title, drawn)
        for kind, title in _SECTIONS.items()
        if kind in checks and (drawn := [m for m in checks[kind].measures if len(m.points) > 1])
    ]
    return environment.get_template("drift_page.html").render(
        watch=watch,
        together=together,
        sections=sections,
        titles={one.name: one.title for check in checks.values() for one in check.measures},
        actions=_ACTIONS,
        evidently=watch.evidently.rpartition("/")[2],
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def keep(store: Store, watch: MarketWatch, evidently: bytes | None = None) -> MarketWatch:
    """Write the page of a market, and Evidently's beside it; returns the record with their keys."""
    stem = f"{FOLDER}/{watch.market}/{watch.as_of}"
    found = {"page": f"{stem}.html"}
    if evidently is not None:
        found["evidently"] = f"{stem}-evidently.html"
        store.put(found["evidently"], evidently)
    watch = watch.model_copy(update=found)
    together = bool(store.list(HEALTH))
    store.put(watch.page, render(watch, together=together).encode())
    return watch


def keep_state(store: Store, watch: MarketWatch) -> None:
    """Keep how a market stands; a look at an earlier day does not replace a later one."""
    key = _state_key(watch.market)
    for _ in range(_ATTEMPTS):
        try:
            blob = store.get(key)
        except NotFound:
            blob = None
        if blob is not None and MarketWatch.parse(blob.data, key).as_of > watch.as_of:
            return
        try:
            store.compare_and_swap(key, watch.bytes(), blob.etag if blob else None)
            return
        except Conflict:
            continue
    raise Conflict(f"{key} keeps changing: {_ATTEMPTS} attempts to write it failed")


def read_state(store: Store, market: str) -> MarketWatch | None:
    """How a market stood when it was last looked at; None where it never was."""
    key = _state_key(market)
    try:
        return MarketWatch.parse(store.get(key).data, f"{key} in {store.uri}")
    except NotFound:
        return None


def _state_key(market: str) -> str:
    if not re.fullmatch(MARKET_PATTERN, market):
        raise ValueError(f"{market!r} is no market code: 2 to 8 capital letters")
    return f"{FOLDER}/{market}/state.json"
