"""The page of a backtest: one file, no network, every string from the data escaped."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from restock.infra.backtest_charts import Mark, Series, lines
from restock.infra.backtest_instead import mark, ticks_of, what_if
from restock.infra.backtest_result import BacktestResult, MarketBacktest, Pair
from restock.infra.backtest_sheets import Against, Cell, Compared, Page, Row, Sheet
from restock.infra.drift_page import pages
from restock.infra.night import Estimate
from restock.infra.rank_chart import critical_difference
from restock.infra.report import estimate

DRAWN = ("ndcg", "revenue_share")
"""Metrics with a drawing over time: the ranking, which also orders the models, and the money."""
SURE = 0.05


def render(result: BacktestResult) -> str:
    """The page of a backtest as HTML."""
    environment = pages({"estimate": estimate})
    return environment.get_template("backtest_report.html").render(page=page_of(result))


def page_of(result: BacktestResult) -> Page:
    """What the page shows."""
    labels = {one.key: one.label for one in result.models}
    ordered = sorted(result.markets, key=lambda one: (-one.customers, one.market))
    ranks, words = _ranks(result, labels)
    return Page(
        as_of=result.as_of.isoformat(),
        token=result.token,
        about=f"Snapshot {result.snapshot[:12]}, windows of {result.horizon_days} days.",
        pooled=_sheet(result, result.pooled),
        sheets=[_sheet(result, one) for one in ordered],
        cards=_cards(result),
        notes=result.notes,
        ranks=ranks,
        ranks_words=words,
        what_if=what_if(result),
        failures=_failures(result, labels),
    )


def _cards(result: BacktestResult) -> list[tuple[str, str]]:
    cards = [
        (f"{len(result.markets)}", "markets"),
        (f"{len(result.windows)}", "windows"),
        (f"{len(result.models)}", "models"),
        (f"{result.pooled.customers:,}", "customers judged"),
        (f"{result.seconds:,.0f} s", _busy(result.core_use)),
    ]
    return [*cards, (f"{len(result.failed)}", "markets failed")] if result.failed else cards


def _busy(core_use: float | None) -> str:
    return "in all" if core_use is None else f"in all, cores busy {core_use:.0%}"


def _sheet(result: BacktestResult, market: MarketBacktest) -> Sheet:
    names = _names(result, market)
    drawn = [name for name in names if name.rpartition("_at_")[0] in DRAWN]
    leading = drawn[0] if drawn else ""
    best = max(market.means, key=lambda key: _leads(market, key, leading), default="")
    shown = [market.in_service, best]
    rows = [
        Row(
            label=one.label,
            family=one.family,
            place=place,
            values=[market.means[one.key].get(name) for name in names],
            stability=market.stability.get(one.key),
            note=_note(one.key, market.in_service, best),
        )
        for place, one in sorted(
            enumerate(result.models), key=lambda one: -_leads(market, one[1].key, leading)
        )
        if one.key in market.means
    ]
    charts = [(f"{name} by window", _over_time(result, market, name, shown)) for name in drawn]
    charts.append(("An older model, as a share of a fresh one", _ages(result, market, shown)))
    charts.append(("Share of a list that stays", _stability(result, market)))
    return Sheet(
        code=market.market,
        name=market.name,
        short=f"{market.customers:,} customers judged",
        note=market.note,
        metrics=names,
        rows=rows,
        charts=[(title, chart) for title, chart in charts if chart],
        matrix=_matrix(result, market, leading),
    )


def _note(key: str, in_service: str, best: str) -> str:
    return ", ".join(
        word for word, which in (("in service", in_service), ("leads", best)) if key == which
    )


def _names(result: BacktestResult, market: MarketBacktest) -> list[str]:
    """The metrics of the result as they are called here, where lists may be shorter."""
    here = {name.rpartition("_at_")[0]: name for means in market.means.values() for name in means}
    return [here.get(name.rpartition("_at_")[0], name) for name in result.metrics]


def _leads(market: MarketBacktest, key: str, metric: str) -> float:
    return _value(market.means.get(key, {}).get(metric))


def _value(value: Estimate | None) -> float:
    return value.value if value is not None and value.value is not None else float("-inf")


# drawings -----------------------------------------------------------------------------------
def _over_time(
    result: BacktestResult, market: MarketBacktest, metric: str, shown: Sequence[str]
) -> Markup:
    found = [
        (one.key, one.cutoff, one.metrics[metric])
        for one in market.windows
        if metric in one.metrics
    ]
    share = metric.startswith("revenue_share")
    title = f"{market.market}: {metric} by window"
    return lines(title, _dated(result, found, shown), ticks_of(result.windows), percent=share)


def _stability(result: BacktestResult, market: MarketBacktest) -> Markup:
    found = [(one.key, one.cutoff, one.stability) for one in market.windows if one.stability]
    title = f"{market.market}: share of a list that stays from window to window"
    return lines(title, _dated(result, found, ()), ticks_of(result.windows), percent=True)


def _ages(result: BacktestResult, market: MarketBacktest, shown: Sequence[str]) -> Markup:
    ages = sorted({one.age_days for one in market.ages})
    if not ages:
        return Markup("")
    fresh = Mark(0.0, 1.0, 1.0, 1.0, "fitted at the cut-off")
    found = {
        model.key: [
            fresh,
            *(
                mark(float(one.age_days), one.ratio, f"{one.age_days} days old")
                for one in sorted(market.ages, key=lambda one: one.age_days)
                if one.key == model.key and one.ratio.value is not None and one.age_days
            ),
        ]
        for model in result.models
    }
    ticks = [(float(age), f"{age} d") for age in (0, *ages)]
    drawn = _series(result, {key: m for key, m in found.items() if len(m) > 1}, shown)
    return lines(f"{market.market}: older models", drawn, ticks, percent=True, level=1.0)


def _dated(
    result: BacktestResult,
    found: Iterable[tuple[str, dt.date, Estimate]],
    shown: Sequence[str],
) -> list[Series]:
    """Values by day as lines, in order of time."""
    marks: dict[str, list[Mark]] = {}
    for key, day, value in sorted(found, key=lambda one: one[1]):
        if value.value is not None:
            marks.setdefault(key, []).append(mark(float(day.toordinal()), value, day.isoformat()))
    return _series(result, marks, shown)


def _series(
    result: BacktestResult, marks: Mapping[str, Sequence[Mark]], banded: Iterable[str]
) -> list[Series]:
    with_band = set(banded)
    return [
        Series(one.label, place, marks[one.key], one.key in with_band)
        for place, one in enumerate(result.models)
        if one.key in marks
    ]


# comparisons --------------------------------------------------------------------------------
def _matrix(result: BacktestResult, market: MarketBacktest, leading: str) -> list[Against]:
    pairs = {(one.one, one.other): one for one in market.pairs}
    keys = [one for one in result.models if any(one.key in pair for pair in pairs)]
    keys.sort(key=lambda one: -_leads(market, one.key, leading))
    return [
        Against(row.label, [_cell(pairs, row.key, column.key) for column in keys]) for row in keys
    ]


def _cell(pairs: Mapping[tuple[str, str], Pair], one: str, other: str) -> Cell:
    """The row's lift over the column, whichever way round the pair was compared."""
    if one == other:
        return Cell("self")
    pair, turned = pairs.get((one, other)), False
    if pair is None:
        pair, turned = pairs.get((other, one)), True
    if pair is None or pair.lift.value is None:
        return Cell("even", "–", "not compared")
    lift = 1 / (1 + pair.lift.value) - 1 if turned else pair.lift.value
    state: Compared = "even" if pair.p_value > SURE else "better" if lift > 0 else "worse"
    p = "p < .001" if pair.p_value < 0.001 else f"p = {pair.p_value:.2g}"
    words = {"even": "unsure", "better": "better", "worse": "worse", "self": ""}[state]
    return Cell(state, f"{lift:+.1%}", f"{words}, {p}")


def _ranks(result: BacktestResult, labels: Mapping[str, str]) -> tuple[Markup | None, str]:
    critical = result.critical
    if critical is None:
        return None, ""
    ranks = {labels.get(key, key): rank for key, rank in critical.ranks.items()}
    words = (
        f"Mean rank in {len(critical.markets)} markets by {critical.metric}, the best is 1; only "
        "markets with enough customers count, each alike. A bar joins models that these markets "
        "do not tell apart (Nemenyi’s critical difference at 5 %)."
    )
    if critical.p_value is not None:
        chance = "below 0.001" if critical.p_value < 0.001 else f"{critical.p_value:.2g}"
        words += f" Chance of ranks as uneven if all were equal: {chance} (Friedman)."
    return critical_difference(ranks, critical.distance), words


def _failures(result: BacktestResult, labels: Mapping[str, str]) -> list[tuple[str, str, str]]:
    failed = [(market, "the whole market", why) for market, why in sorted(result.failed.items())]
    skipped = [
        (one.market, labels.get(key, key), why)
        for one in (result.pooled, *result.markets)
        for key, why in sorted(one.skipped.items())
    ]
    return failed + skipped
