"""The page of all markets: one file, no network, every string from the data escaped."""

from markupsafe import Markup

from restock.infra.addresses import address
from restock.infra.drift_page import HEALTH, pages
from restock.infra.health import LIGHTS, Health, MarketHealth
from restock.infra.store import Blob, Conflict, NotFound, Store
from restock.infra.watch_charts import sparkline
from restock.monitoring.online import Rate

PAGE, RECORD = f"{HEALTH}/index.html", f"{HEALTH}/health.json"
_ATTEMPTS = 10


def render(health: Health) -> str:
    """The page of all markets as HTML."""
    environment = pages({"rate": rate, "moved": moved, "spark": _spark})
    return environment.get_template("health.html").render(
        health=health,
        lights=LIGHTS,
        online=any(one.shown for one in health.markets),
    )


def keep(store: Store, health: Health) -> Health:
    """Write the page of all markets and its record; returns ``health`` with the page's address.

    Markets that were not looked at now stay on the page as they were.
    """
    for _ in range(_ATTEMPTS):
        blob = _read(store)
        everything = _merged(Health.parse(blob.data, RECORD), health) if blob else health
        try:
            store.compare_and_swap(RECORD, everything.bytes(), blob.etag if blob else None)
        except Conflict:
            continue
        store.put(PAGE, render(everything).encode())
        return health.model_copy(update={"report": address(store, PAGE)})
    raise Conflict(f"{RECORD} keeps changing: {_ATTEMPTS} attempts to write it failed")


def read(store: Store) -> tuple[MarketHealth, ...]:
    """How the markets stood when they were last looked at."""
    blob = _read(store)
    return Health.parse(blob.data, RECORD).markets if blob else ()


def _read(store: Store) -> Blob | None:
    try:
        return store.get(RECORD)
    except NotFound:
        return None


def _merged(before: Health, now: Health) -> Health:
    ours = {one.market for one in now.markets}
    others = tuple(one for one in before.markets if one.market not in ours)
    return now.model_copy(update={"markets": (*now.markets, *others)})


def rate(value: Rate | None) -> str:
    """``0.338 ±0.009``, or a dash where there is nothing."""
    if value is None:
        return "–"
    if value.low is None or value.high is None:
        return f"{value.value:.3f}"
    return f"{value.value:.3f} ±{(value.high - value.low) / 2:.3f}"


def moved(value: Rate | None) -> str:
    """``+0.012 ±0.010``: the same with its sign."""
    return "–" if value is None else f"{'+' if value.value >= 0 else ''}{rate(value)}"


def _spark(market: MarketHealth) -> Markup:
    return sparkline(market.weeks, f"realised ndcg of {market.market}, by week")


def summary_rows(health: Health) -> list[dict[str, str]]:
    """The table of markets as text: for the terminal and for the Prefect artifact."""
    online = any(one.shown for one in health.markets)
    return [_row(one, online) for one in health.ordered]


def _row(one: MarketHealth, online: bool) -> dict[str, str]:
    row = {
        "market": one.market,
        "light": one.light,
        "ndcg, 28 days": rate(one.ndcg),
        "change": moved(one.trend),
        "revenue captured": rate(one.captured),
        "taken up": rate(one.taken),
    }
    if online:
        shown = one.shown[0] if one.shown else None
        row["clicked"] = rate(shown.clicked) if shown else "–"
        row["ordered"] = rate(shown.ordered) if shown else "–"
        row["against control"] = moved(one.against.difference if one.against else None)
    retrained = one.retrained
    row["retrained"] = f"{retrained.as_of}" if retrained else "–"
    row["last alert"] = f"{one.alert.cause}, {one.alert.as_of}" if one.alert else "–"
    row["how it stands"] = one.error or one.why
    return row
