"""Where people read about a night: the report in the store, tables and a link in Prefect."""

import json

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from restock.infra.addresses import address, link
from restock.infra.night import MarketOutcome, Night
from restock.infra.report import METRICS, estimate, render, summary_rows, with_origin
from restock.infra.store import Store

FOLDER = "reports"


def keep_report(store: Store, night: Night) -> Night:
    """Write the HTML page and the record as JSON; returns the night with the page's address."""
    key = f"{FOLDER}/{night.token}/report.html"
    night = night.model_copy(update={"report": address(store, key)})
    store.put(key, render(night).encode())
    store.put(f"{FOLDER}/{night.token}/night.json", night.model_dump_json(indent=1).encode())
    return night


def read_night(store: Store, token: str) -> Night:
    """The record of a night."""
    return Night.model_validate(json.loads(store.get(f"{FOLDER}/{token}/night.json").data))


def show_in_prefect(night: Night) -> None:
    """A summary table, a leaderboard per market that was judged, and a link to the report."""
    create_table_artifact(
        key="retrain-summary",
        table=summary_rows(night),
        description=f"What happened in each market in the night before {night.as_of}.",
    )
    create_link_artifact(
        key="retrain-report", link=link(night.report), link_text="Report of the night"
    )
    for outcome in night.markets:
        if outcome.leaderboard:
            create_markdown_artifact(
                key=f"leaderboard-{outcome.market.lower()}", markdown=leaderboard(outcome)
            )


def leaderboard(outcome: MarketOutcome) -> str:
    """The candidates of a market as a Markdown table."""
    head = ["candidate", "role", "lift", *METRICS, "note"]
    lines = [
        f"# {outcome.market}: {with_origin(outcome.champion, outcome.search)}",
        f"{outcome.reason} ({outcome.judged:,} customers judged; {outcome.basis})",
        "",
        "| " + " | ".join(head) + " |",
        "|" + " --- |" * len(head),
    ]
    for row in outcome.leaderboard:
        cells = [with_origin(row.label, row.search), row.role, estimate(row.lift)]
        cells += [estimate(row.metrics.get(name)) for name in METRICS]
        lines.append("| " + " | ".join([*cells, row.note]) + " |")
    return "\n".join(lines)
