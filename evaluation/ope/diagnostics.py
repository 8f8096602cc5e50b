"""Can these logs carry the answer? What the weights say, and when an estimate is refused."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from restock.evaluation.folds import FloatArray
from restock.evaluation.ope.estimate import Linear, ratios, standard_error
from restock.evaluation.ope.lists import Lists, earning_share, ess_by_place, rips_ess
from restock.evaluation.ope.logged import Logged
from restock.evaluation.ope.sums import POOR_SUPPORT, ListSums, Sums


@dataclass(frozen=True)
class Diagnostics:
    """What the weights of a log say about a target policy.

    n: rows or lists. clusters: customers. ess: effective sample size (Σw)² / Σw² (Kish, *Survey
    sampling*, 1965): as many rows drawn by the target itself would carry as much; between 1 and
    n, 0 when nothing has a weight. ess_share: ess / n. earners: (Σz)² / Σz², z the size of a
    customer's sum of w·reward: as many customers who earn alike would carry as much.
    mean_weight: 1 but for chance (``mean_weight_error``, by customer) when the propensities are
    those of the draw and the logging policy can show all that the target shows; below 1, the
    part of the target's choices that the log cannot show. max_weight, max_share: the largest
    weight, and its share of all weight. support_share: among the rows that the target could
    show, the share with a weight up to ``POOR_SUPPORT``.
    """

    n: int
    clusters: int
    ess: float
    ess_share: float
    earners: float
    mean_weight: float
    mean_weight_error: float
    max_weight: float
    max_share: float
    support_share: float


class OpePolicy(BaseModel):
    """What a log must have before an estimate is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    min_clusters: int = Field(default=100, ge=2)
    """Customers: an interval over fewer says little."""

    min_earners: float = Field(default=30.0, ge=0)
    """Customers' worth of rewards: below, intervals of heavy-tailed rewards hold the truth less
    often than 9 in 10."""

    min_ess: float = Field(default=100.0, ge=0)
    """Effective sample size."""

    min_ess_share: float = Field(default=0.01, ge=0, le=1)
    """Effective sample size per row: below, the two policies hardly overlap."""

    max_share: float = Field(default=0.1, gt=0, le=1)
    """Share of all weight that the largest weight may have."""

    mean_weight_tolerance: float = Field(default=0.05, ge=0)
    """How far the mean weight may lie from 1, whatever its error."""

    mean_weight_errors: float = Field(default=4.0, gt=0)
    """And how many of its standard errors, whatever their size."""

    min_support: float = Field(default=0.99, ge=0, le=1)
    """Share of the target's rows that must have a weight up to ``POOR_SUPPORT``."""


class Refused(ValueError):
    """The logs cannot carry the answer. reasons: each names what is wrong, why, what helps."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("no estimate: " + "; ".join(reasons))
        self.reasons = reasons


def diagnose(log: Logged | Sums) -> Diagnostics:
    """Of single choices."""
    sums = log if isinstance(log, Sums) else Sums.of(log)
    total = float(sums.weight.sum())
    return _diagnostics(
        sums,
        ratios(sums.weight, sums.rows),
        earned=sums.weighted,
        ess=total**2 / sums.squares if sums.squares else 0.0,
        max_weight=sums.largest,
        max_share=sums.largest / total if total else 0.0,
    )


def diagnose_lists(log: Lists) -> Diagnostics:
    """Of whole lists: what ``ips_lists`` and ``snips_lists`` rest on."""
    sums = log if isinstance(log, ListSums) else ListSums.of(log)
    total = float(sums.weight[:, -1].sum())
    return _diagnostics(
        sums,
        ratios(sums.weight[:, -1], sums.rows),
        earned=sums.whole,
        ess=float(ess_by_place(sums)[-1]),
        max_weight=float(sums.largest[-1]),
        max_share=float(sums.largest[-1]) / total if total else 0.0,
    )


def diagnose_rips(log: Lists) -> Diagnostics:
    """Of lists read from the top: what ``rips``, ``snrips`` and ``dr_lists`` rest on.

    Each place counts as it earns (``earning_share``): weights deep in a list, where hardly
    anything is bought, do little harm. ess is ``rips_ess``; the mean weight is the mean over
    places; max_share is that of the largest weight where it has most.
    """
    sums = log if isinstance(log, ListSums) else ListSums.of(log)
    share, total = earning_share(sums), sums.weight.sum(axis=0)
    shares = np.divide(sums.largest, total, out=np.zeros(sums.k), where=total > 0)
    return _diagnostics(
        sums,
        ratios(sums.weight @ share, sums.rows),
        earned=sums.weighted.sum(axis=1),
        ess=rips_ess(sums),
        max_weight=float(sums.largest.max(initial=0.0)),
        max_share=float((share * shares).max(initial=0.0)),
    )


def _diagnostics(
    sums: Sums | ListSums,
    mean: Linear,
    *,
    earned: FloatArray,
    ess: float,
    max_weight: float,
    max_share: float,
) -> Diagnostics:
    support, squares = sums.support, float(earned @ earned)
    return Diagnostics(
        n=sums.n,
        clusters=sums.cluster.size,
        ess=ess,
        ess_share=ess / sums.n if sums.n else 0.0,
        earners=float(np.abs(earned).sum()) ** 2 / squares if squares else 0.0,
        mean_weight=mean.value if sums.n else 0.0,
        mean_weight_error=standard_error(mean),
        max_weight=max_weight,
        max_share=max_share,
        support_share=support.near / support.targeted if support.targeted else 0.0,
    )


def refusals(diagnostics: Diagnostics, policy: OpePolicy | None = None) -> tuple[str, ...]:
    """What speaks against an estimate, each with its cause and its remedy; none when it stands."""
    thresholds = policy or OpePolicy()
    return (*_too_little(diagnostics, thresholds), *_too_far(diagnostics, thresholds))


def _too_little(d: Diagnostics, p: OpePolicy) -> Iterator[str]:
    """Too few customers, or rewards, or rows that the target would have had."""
    if d.clusters < p.min_clusters:
        yield (
            f"{d.clusters} customers in the log, an interval needs {p.min_clusters}: log for longer"
        )
    if d.earners < p.min_earners:
        yield (
            f"the rewards that count come from {d.earners:.0f} customers' worth, an interval needs "
            f"{p.min_earners:g}: log for longer, or ask about a more frequent reward"
        )
    if d.ess < p.min_ess or d.ess_share < p.min_ess_share:
        yield (
            f"the effective sample size is {d.ess:,.0f} of {d.n:,} (needed: {p.min_ess:g} "
            f"and {p.min_ess_share:.0%}): the target would seldom have done what was logged; log "
            "with more exploration, or ask about a policy closer to the logged one"
        )


def _too_far(d: Diagnostics, p: OpePolicy) -> Iterator[str]:
    """The target shows what the logging policy hardly or never did, or not with that chance."""
    if d.max_share > p.max_share:
        yield (
            f"one weight of {d.max_weight:,.0f} is {d.max_share:.0%} of all weight (at most "
            f"{p.max_share:.0%}): the answer would be that row's reward; raise the least "
            "propensity of the logging policy"
        )
    by_chance = p.mean_weight_errors * float(np.nan_to_num(d.mean_weight_error))
    if abs(d.mean_weight - 1) > max(p.mean_weight_tolerance, by_chance):
        yield _off_mean(d)
    if d.support_share < p.min_support:
        yield (
            f"{1 - d.support_share:.1%} of what the target could show was logged with a "
            f"propensity below 1/{POOR_SUPPORT:.0f} of the target's: log with more "
            "exploration over what the target shows"
        )


def _off_mean(d: Diagnostics) -> str:
    what = f"the mean weight is {d.mean_weight:.3f} ± {d.mean_weight_error:.3f} and should be 1"
    if d.mean_weight < 1:
        return (
            f"{what}: the log cannot show some {1 - d.mean_weight:.0%} of what the target shows, "
            "or its propensities are too high; log with exploration over the target's items"
        )
    return f"{what}: the propensities are lower than those of the draw; log them as they were drawn"


def check(diagnostics: Diagnostics, policy: OpePolicy | None = None) -> None:
    """Raise Refused when the logs cannot carry the answer."""
    if reasons := refusals(diagnostics, policy):
        raise Refused(reasons)
