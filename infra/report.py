"""The HTML report of a night: one file, no network, every string from the data escaped."""

from importlib.resources import files

from jinja2 import Environment
from markupsafe import Markup

from restock.infra.night import Estimate, MarketOutcome, Night

METRICS = ("ndcg_at_10", "map_at_10", "revenue_capture_at_10")
STATES = {
    "published": "a new publication is current",
    "unchanged": "the same publication was current already",
    "held": "kept the publication before: a check did not pass",
    "failed": "kept the publication before: an error",
}


def render(night: Night) -> str:
    """The page of a night as HTML."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["estimate"] = estimate
    environment.filters["bar"] = bar
    environment.filters["with_origin"] = with_origin
    template = environment.from_string(files("restock.infra").joinpath("report.html").read_text())
    markets = sorted(night.markets, key=lambda outcome: (-outcome.customers, outcome.market))
    return template.render(night=night, markets=markets, metrics=METRICS, states=STATES)


def estimate(value: Estimate | None, *, short: bool = False) -> str:
    """``0.338 (0.329 to 0.347)``, short ``0.338 ±0.009``, or a dash where nothing was judged."""
    if value is None or value.value is None:
        return "–"
    if value.low is None or value.high is None:
        return f"{value.value:.3f}"
    if short:
        return f"{value.value:.3f} ±{(value.high - value.low) / 2:.3f}"
    return f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})"


def with_origin(label: str, search: str) -> str:
    """``sar (pooled) from the search 2011-12-10-1a2b``; the label where no search chose it."""
    return f"{label} from the search {search}" if search else label


def bar(value: Estimate | None, width: int = 120) -> Markup:
    """An interval drawn on a scale from 0 to 1."""
    if value is None or value.value is None:
        return Markup("")
    low = value.low if value.low is not None else value.value
    high = value.high if value.high is not None else value.value
    return Markup(
        '<svg class="bar" viewBox="0 0 {w} 14" width="{w}" height="14" role="img" '
        'aria-label="{v:.3f}"><rect x="0" y="6" width="{w}" height="2" class="rail"/>'
        '<rect x="{x:.1f}" y="3" width="{d:.1f}" height="8" class="span"/>'
        '<circle cx="{c:.1f}" cy="7" r="4" class="dot"/></svg>'
    ).format(
        w=width,
        v=value.value,
        x=low * width,
        d=max((high - low) * width, 1.0),
        c=value.value * width,
    )


def summary_rows(night: Night) -> list[dict[str, str]]:
    """The table of markets as text: for the terminal and for the Prefect artifact."""
    ordered: list[MarketOutcome] = sorted(night.markets, key=lambda o: (-o.customers, o.market))
    return [
        {
            "market": outcome.market,
            "orders": f"{outcome.orders:,}",
            "customers": f"{outcome.customers:,}",
            "champion": with_origin(outcome.champion, outcome.search) or "–",
            **{name: estimate(outcome.metrics.get(name), short=True) for name in METRICS},
            "gate": outcome.reason if outcome.state in ("held", "failed") else outcome.verdict,
            "state": outcome.state,
        }
        for outcome in ordered
    ]
