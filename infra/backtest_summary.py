"""A backtest in a few rows: the best model of every market beside the plan in service."""

from restock.infra.addresses import link
from restock.infra.backtest_result import BacktestResult, MarketBacktest, Pair
from restock.infra.night import Estimate
from restock.infra.report import estimate


def summary_rows(result: BacktestResult) -> list[dict[str, str]]:
    """The table of markets as text, the largest first: for the terminal and for Prefect.

    The first metric leads; a lift is that of the market's objective.
    """
    labels = {one.key: one.label for one in result.models}
    markets = sorted(result.markets, key=lambda one: (-one.customers, one.market))
    shown = ([result.pooled] if len(markets) > 1 else []) + markets
    return [_row(result, one, labels) for one in shown]


def best(result: BacktestResult, market: MarketBacktest) -> str:
    """Key of the model that leads in the first metric; "" where nothing was judged."""
    known = {key: _value(means, result.metrics[0]) for key, means in market.means.items()}
    return max(known, key=lambda key: known[key]) if known else ""


def _row(result: BacktestResult, market: MarketBacktest, labels: dict[str, str]) -> dict[str, str]:
    leading, service = best(result, market), market.in_service
    row = {
        "market": market.market,
        "judged": f"{market.customers:,}",
        "best model": labels.get(leading, "–"),
    }
    for name in (result.metrics[0], "revenue_share_at_10"):
        if name in result.metrics:
            row[name] = estimate(market.means.get(leading, {}).get(name))
    row["in service"] = labels.get(service, "–")
    row[f"its {result.metrics[0]}"] = estimate(market.means.get(service, {}).get(result.metrics[0]))
    row["best over it"] = _over(market, leading, service)
    return row


def _over(market: MarketBacktest, one: str, other: str) -> str:
    """``+6.1%, p = 0.01``; a dash where there is nothing to compare."""
    if one == other:
        return "the same"
    pairs = {(pair.one, pair.other): pair for pair in market.pairs}
    pair, turned = pairs.get((one, other)), False
    if pair is None:
        pair, turned = pairs.get((other, one)), True
    if pair is None or pair.lift.value is None:
        return "–"
    lift = 1 / (1 + pair.lift.value) - 1 if turned else pair.lift.value
    return f"{lift:+.1%}, {_chance(pair)}"


def _chance(pair: Pair) -> str:
    return "p < .001" if pair.p_value < 0.001 else f"p = {pair.p_value:.2g}"


def _value(means: dict[str, Estimate], metric: str) -> float:
    found = means.get(metric)
    return found.value if found and found.value is not None else float("-inf")


def show_in_prefect(result: BacktestResult) -> None:
    """The table of markets and a link to the page, as artifacts of the run."""
    from prefect.artifacts import create_link_artifact, create_table_artifact

    create_table_artifact(
        key="backtest-summary",
        table=summary_rows(result),
        description=f"What the backtest before {result.as_of} found in each market.",
    )
    create_link_artifact(
        key="backtest-report", link=link(result.report), link_text="Report of the backtest"
    )
