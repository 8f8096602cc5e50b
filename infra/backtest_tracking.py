"""A backtest in MLflow's words: a run, and under it one for each model with its means."""

import datetime as dt

from restock.infra.backtest_result import BacktestResult, Contender
from restock.infra.tracking_records import BacktestRecord, ModelRecord


def backtest_record(result: BacktestResult) -> BacktestRecord:
    """The record of a backtest, made now."""
    tags = {"as_of": result.as_of.isoformat(), "snapshot": result.snapshot}
    return BacktestRecord(
        run_token=result.token,
        as_of=result.as_of,
        made=dt.datetime.now(dt.UTC),
        seconds=result.seconds,
        params={
            "snapshot": result.snapshot,
            "as_of": result.as_of.isoformat(),
            "windows": str(len(result.windows)),
            "horizon_days": str(result.horizon_days),
        },
        metrics={
            "markets": len(result.markets),
            "judged_customers": result.pooled.customers,
            "seconds": result.seconds,
            "core_use": result.core_use or 0.0,
        },
        tags=tags | {"report": result.report},
        models=tuple(
            ModelRecord(
                model=one.label,
                params={"model": one.family, "scope": one.scope, "plan_key": one.key},
                metrics=_metrics(result, one),
                tags=tags,
            )
            for one in result.models
            if one.key in result.pooled.means
        ),
    )


def _metrics(result: BacktestResult, model: Contender) -> dict[str, float]:
    """Means over all markets, then market by market, and what is left of them with age."""
    values = {}
    for market in (result.pooled, *result.markets):
        prefix = "" if market is result.pooled else f"{market.market}/"
        for name, found in market.means.get(model.key, {}).items():
            if found.value is not None:
                values[f"{prefix}{name}"] = found.value
    for aged in result.pooled.ages:
        if aged.key == model.key and aged.ratio.value is not None:
            values[f"ratio_when_{aged.age_days}_days_old"] = aged.ratio.value
    return values
