"""May the plan in service, refitted tonight, be published? Not worse than popularity, and sane."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from restock.evaluation.comparison import compare
from restock.evaluation.objective import Objective
from restock.evaluation.scorecard import Scorecard
from restock.evaluation.verdict import Verdict

Side = Sequence[Scorecard]


class RefreshPolicy(BaseModel):
    """What a refitted plan must keep to."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    margin: float = Field(default=0.05, ge=0, lt=1)
    """Its utility against the fallback must surely be above 1 - margin."""

    min_customers: int = Field(default=200, ge=1)
    """With fewer test customers the pooled comparison speaks for the market."""

    min_coverage: float = Field(default=0.99, ge=0, le=1)
    """Share of the customers that must have a list."""

    max_churn: float = Field(default=0.8, ge=0, le=1)
    """Mean share of a customer's list that may change from one publication to the next."""

    confidence: float = Field(default=0.95, gt=0, lt=1)
    """Of the interval whose lower end is held against the margin."""

    resamples: int = Field(default=2000, ge=100)
    """Bootstrap samples of customers behind that interval."""


class RefreshCheck(NamedTuple):
    """Whether the refit may be published; what speaks against it, or was noted."""

    ok: bool
    reasons: tuple[str, ...]


def refresh_check(
    champion: Side,
    fallback: Side,
    objective: Objective,
    *,
    published: pa.Table,
    customers: int,
    previous: pa.Table | None = None,
    pooled: tuple[Side, Side] | None = None,
    policy: RefreshPolicy | None = None,
    seed: int = 0,
) -> RefreshCheck:
    """Check a refit before it is published: ``check_skill`` and ``check_lists`` in one.

    published: the new lists (``Recommendations.arrow``); the other parameters are theirs.
    """
    skill = check_skill(champion, fallback, objective, pooled=pooled, policy=policy, seed=seed)
    lists = check_lists(published, customers, previous, policy=policy)
    if skill.ok:
        return RefreshCheck(lists.ok, (*lists.reasons, *skill.reasons))
    return RefreshCheck(False, (*skill.reasons[:1], *lists.reasons, *skill.reasons[1:]))


def check_skill(
    champion: Side,
    fallback: Side,
    objective: Objective,
    *,
    pooled: tuple[Side, Side] | Verdict | None = None,
    policy: RefreshPolicy | None = None,
    seed: int = 0,
) -> RefreshCheck:
    """Is the plan in service, refitted at past cut-offs, not worse than popularity?

    champion, fallback: scorecards of both on the same folds. pooled: both over all markets,
    or the verdict on them, which decides where the market has too few test customers.

    It fails when the lower end of the interval of the utility against the fallback is not
    above 1 - margin (non-inferiority). Where there are few test customers and no pool to
    ask, it fails only if the plan is surely worse; with no test customer at all it passes.
    The reasons say so: what speaks against it first, then what was noted.
    """
    policy = policy or RefreshPolicy()
    against: list[str] = []
    notes: list[str] = []
    verdict = _against_popularity(champion, fallback, objective, policy, seed)
    few = verdict.n_customers < policy.min_customers
    if few and pooled is not None:
        notes.append(f"{verdict.n_customers} test customers: all markets together speak for it")
        if not isinstance(pooled, Verdict):
            pooled = _against_popularity(*pooled, objective, policy, seed)
        verdict, few = pooled, False
    if verdict.n_customers == 0:
        notes.append("no test customer: only the lists were checked")
    elif not verdict.interval[1 if few else 0] > -policy.margin:
        against.append(
            f"not as good as popularity: {verdict.reasons[0]}; "
            f"the {'upper' if few else 'lower'} end must be above {-policy.margin:+.1%}"
        )
    return RefreshCheck(not against, (*against, *notes))


def check_lists(
    published: pa.Table,
    customers: int,
    previous: pa.Table | None = None,
    *,
    policy: RefreshPolicy | None = None,
) -> RefreshCheck:
    """Are the new lists sane? Columns customer_id, item_id, score; one row per place.

    customers: how many should have a list. previous: the lists that are current, if any.
    It fails when customers lack a list, when scores are not finite or all equal, or when the
    lists changed too much.
    """
    policy = policy or RefreshPolicy()
    against = _lists(published, customers, policy)
    if previous is not None:
        churn = list_churn(published, previous)
        if churn > policy.max_churn:
            against.append(f"{churn:.0%} of the listed items changed, {policy.max_churn:.0%} may")
    return RefreshCheck(not against, tuple(against))


def _against_popularity(
    champion: Side, fallback: Side, objective: Objective, policy: RefreshPolicy, seed: int
) -> Verdict:
    return compare(
        champion,
        fallback,
        objective,
        seed=seed,
        confidence=policy.confidence,
        resamples=policy.resamples,
    )


def _lists(published: pa.Table, customers: int, policy: RefreshPolicy) -> list[str]:
    against = []
    have = len(published["customer_id"].unique())
    if have < policy.min_coverage * customers:
        against.append(f"{have} of {customers} customers have a list")
    scores = published["score"].to_numpy()
    if not np.isfinite(scores).all():
        against.append(f"{int((~np.isfinite(scores)).sum())} scores are not finite")
    elif scores.size > 1 and scores.min() == scores.max():
        against.append("all scores are equal: the lists are in no order")
    return against


def list_churn(published: pa.Table, previous: pa.Table) -> float:
    """Mean over customers who had a list of the share of it that is gone; 0 without any.

    The order within a list does not count, nor do customers who have joined or left.
    """
    keys = ["customer_id", "item_id"]
    kept = previous.select(keys).join(published.select(keys), keys=keys, join_type="left semi")
    still = published.select(["customer_id"]).group_by("customer_id").aggregate([])
    before = previous.select(["customer_id"]).join(still, "customer_id", join_type="left semi")
    sizes = before.group_by("customer_id").aggregate([([], "count_all")])
    counts = kept.group_by("customer_id").aggregate([([], "count_all")])
    joined = sizes.join(counts, "customer_id", right_suffix="_kept", join_type="left outer")
    if joined.num_rows == 0:
        return 0.0
    kept_counts = joined["count_all_kept"].fill_null(0).to_numpy()
    return float(1.0 - (kept_counts / joined["count_all"].to_numpy()).mean())
