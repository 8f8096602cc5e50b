"""The page of a search: one file, no network, every string from the data escaped."""

import math
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment

from restock.infra.addresses import address, link
from restock.infra.night import Estimate
from restock.infra.report import METRICS, bar, estimate
from restock.infra.search_charts import bars, curve, waterfall
from restock.infra.search_result import Gain, MarketResult, SearchResult
from restock.infra.search_store import REPORTS as FOLDER
from restock.infra.store import NotFound, Store
from restock.tuning.trials import ALL

STATES = {
    "adopted": "the nights refit this plan from now on",
    "kept": "the plan in service stays",
    "failed": "an error: the plan in service stays",
}
KINDS = {
    "error": "an error",
    "memory": "out of memory",
    "time": "over time",
    "diverged": "numbers that are not finite",
    "skipped": "not begun",
}


def put_page(store: Store, result: SearchResult) -> SearchResult:
    """Write the HTML page; returns the result with its address."""
    key = f"{FOLDER}/{result.token}.html"
    result = result.model_copy(update={"report": address(store, key)})
    store.put(key, render(result).encode())
    return result


def put_result(store: Store, result: SearchResult) -> None:
    """Write the record: from here on the search is done."""
    store.put(f"{FOLDER}/{result.token}.json", result.model_dump_json(indent=1).encode())


def read_result(store: Store, token: str) -> SearchResult | None:
    """The record of a search; None while it is not done."""
    try:
        return SearchResult.model_validate_json(store.get(f"{FOLDER}/{token}.json").data)
    except NotFound:
        return None


def show_in_prefect(result: SearchResult) -> None:
    """The table of markets and a link to the page, as artifacts of the run."""
    from prefect.artifacts import create_link_artifact, create_table_artifact

    create_table_artifact(
        key="search-summary",
        table=summary_rows(result),
        description=f"What the search before {result.as_of} found in each market.",
    )
    create_link_artifact(
        key="search-report", link=link(result.report), link_text="Report of the search"
    )


def render(result: SearchResult) -> str:
    """The page of a search as HTML."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "lift": lift,
        "later": _later,
        "estimate": estimate,
        "bar": bar,
        "waterfall": waterfall,
        "curve": curve,
    }
    template = files("restock.infra").joinpath("search_report.html").read_text()
    common = _common(result)
    pooled = [study for study in result.studies if study.where == ALL and study.importance]
    return environment.from_string(template).render(
        result=result,
        markets=_ordered(result),
        states=STATES,
        kinds=KINDS,
        failures=[one for one in result.failures if one.kind != "skipped"],
        skipped=_skipped(result),
        follows=lambda one: not one.gains and one.plan is not None and one.plan.key == common,
        metrics=METRICS,
        gain=lift(_altogether(result.gains)),
        spent=bars({one.family: one.seconds for one in result.families}, "s", "seconds by family"),
        importance=[
            (study, bars(study.importance, "%", f"what decided in {study.family}"))
            for study in pooled
        ],
    )


def summary_rows(result: SearchResult) -> list[dict[str, str]]:
    """The table of markets as text: for the terminal and for the Prefect artifact."""
    return [
        {
            "market": one.market,
            "judged": f"{one.customers:,}",
            "plan": one.plan.label if one.plan else "–",
            "in service before": one.before.label if one.before else "–",
            "state": one.state,
            "later": _later(one),
            "chosen on": lift(one.optimistic, short=True),
            "where from": _where_from(one, result),
        }
        for one in _ordered(result)
    ]


def lift(value: Estimate | None, *, short: bool = False) -> str:
    """``+6.1% (+4.0% to +8.2%)``, short ``+6.1%``, or a dash where nothing was judged."""
    if value is None or value.value is None:
        return "–"
    if short or value.low is None or value.high is None:
        return f"{value.value:+.1%}"
    return f"{value.value:+.1%} ({value.low:+.1%} to {value.high:+.1%})"


def _ordered(result: SearchResult) -> list[MarketResult]:
    return sorted(result.markets, key=lambda one: (-one.customers, one.market))


def _common(result: SearchResult) -> str:
    """Key of the plan that most markets without steps of their own were given."""
    plans = Counter(one.plan.key for one in result.markets if one.plan and not one.gains)
    return plans.most_common(1)[0][0] if plans else ""


def _skipped(result: SearchResult) -> dict[str, int]:
    """What was not begun, by reason, whichever market it was said of → trials."""
    found: Counter[str] = Counter()
    for one in result.failures:
        if one.kind == "skipped":
            market, _, rest = one.reason.partition(": ")
            known = any(market == other.market for other in result.markets)
            found[rest if known else one.reason] += one.count
    return dict(found.most_common())


def _altogether(gains: Sequence[Gain]) -> Estimate:
    whole = sum(gain.log_lift for gain in gains)
    return Estimate(value=math.expm1(whole) if gains else None)


def _later(one: MarketResult) -> str:
    """The lift on later windows, and whose it is where it is not the market's own."""
    pooled = one.basis == "pooled" and one.lift.value is not None
    return f"{lift(one.lift)} (all markets)" if pooled else lift(one.lift)


def _where_from(one: MarketResult, result: SearchResult) -> str:
    """The steps that brought something, and on which windows; a market without steps of its own
    follows all."""
    gains, about = (one.gains, "") if one.gains else (result.gains, "all markets, ")
    if gains:
        about += "later windows: " if gains[0].windows == "report" else "older windows: "
    parts = [
        f"{gain.part} {math.expm1(gain.log_lift):+.1%}"
        for gain in gains
        if abs(gain.log_lift) >= 0.0005
    ]
    return about + ", ".join(parts) if parts else "–"
