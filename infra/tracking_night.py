"""A night of retraining in MLflow's words: params, metrics, tags, versions."""

import datetime as dt
import json

from restock.infra.deciding import Choice, Decided
from restock.infra.night import MarketOutcome, Night, Row
from restock.infra.tracking_records import MarketRecord, NightRecord, VersionRecord


def night_record(night: Night, decided: Decided) -> NightRecord:
    """The record of a night, made now."""
    states = [outcome.state for outcome in night.markets]
    return NightRecord(
        run_token=night.token,
        as_of=night.as_of,
        made=dt.datetime.now(dt.UTC),
        seconds=night.seconds,
        failed=bool(night.failed),
        params={"snapshot": night.snapshot, "as_of": night.as_of.isoformat()},
        metrics={
            "orders_read": night.orders_read,
            "orders_kept": night.orders_kept,
            "seconds": night.seconds,
            "markets": len(states),
            **{f"markets_{state}": states.count(state) for state in sorted(set(states))},
        },
        tags=_tags(night) | {"report": night.report, "failed_markets": " ".join(night.failed)},
        markets=tuple(
            _market(night, outcome, decided.markets[outcome.market]) for outcome in night.markets
        ),
    )


def _tags(night: Night) -> dict[str, str]:
    about = {"as_of": night.as_of.isoformat(), "snapshot": night.snapshot}
    return about | (night.because.tags if night.because else {})


def _market(night: Night, outcome: MarketOutcome, choice: Choice) -> MarketRecord:
    plan = choice.candidate
    params = {"model": plan.name, "scope": plan.scope, "plan_key": plan.key} if plan else {}
    config = plan.resolved if plan else {}
    return MarketRecord(
        market=outcome.market,
        failed=outcome.state == "failed",
        params=params | {f"config.{name}": json.dumps(value) for name, value in config.items()},
        metrics={
            "orders": outcome.orders,
            "customers": outcome.customers,
            "judged_customers": outcome.judged,
        }
        | _metrics(outcome),
        tags=_tags(night)
        | {
            "plan": outcome.champion,
            "verdict": "replaced" if outcome.replaced else "kept",
            "state": outcome.state,
            "cause": outcome.reason,
            "basis": outcome.basis,
        },
        files={
            "scorecard.json": json.dumps(
                [row.model_dump(mode="json") for row in outcome.leaderboard], indent=1
            )
        },
        versions=tuple(_versions(night, outcome)),
    )


def _metrics(outcome: MarketOutcome) -> dict[str, float]:
    values: dict[str, float] = {}
    for name, estimate in outcome.metrics.items():
        ends = (("", estimate.value), ("_low", estimate.low), ("_high", estimate.high))
        values |= {f"{name}{end}": value for end, value in ends if value is not None}
    return values


def _versions(night: Night, outcome: MarketOutcome) -> list[VersionRecord]:
    """The published model, and the best plan that was judged beside it."""
    versions = []
    if outcome.publication and outcome.model and outcome.state in ("published", "unchanged"):
        versions.append(
            VersionRecord(
                role="champion",
                identity=outcome.publication,
                plan=outcome.champion,
                model=outcome.model,
                snapshot=night.snapshot,
                publication=outcome.publication,
                card={"store": f"models/{outcome.model}", "as_of": night.as_of.isoformat()},
            )
        )
    challengers: list[Row] = [row for row in outcome.leaderboard if row.role == "challenger"]
    if challengers:
        best = challengers[0]
        versions.append(VersionRecord(role="challenger", identity=best.candidate, plan=best.label))
    return versions
