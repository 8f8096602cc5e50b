"""What a comparison of two candidates says."""

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

NAN = float("nan")


class MetricRow(NamedTuple):
    """One metric of both sides over all folds; ``ratio`` is shrunk (see ``shrunk_ratio``).

    low, high: the interval of the ratio. What describes lists (novelty, coverage …) has no
    sampling error: there both ends are the ratio.
    """

    challenger: float
    champion: float
    ratio: float
    low: float
    high: float


class Verdict(BaseModel):
    """What a comparison says. NaN where nothing could be compared.

    lift: utility of the challenger against the champion, minus 1 (.03 = 3 % better).
    interval: of the lift, by paired bootstrap over customers. probability: share of the
    resamples in which the challenger is better. p_value: one-sided, of "not better"; see
    ``significance.advantage_p_value``. promoted: better with the declared confidence, and no
    guardrail breaks. reasons: why, in words. n_customers: distinct ones, over all folds.
    windows, windows_won: cut-offs at which all weighted metrics are known, and those where the
    challenger is better. guarded: no guardrail breaks. metrics: name → both sides and their ratio.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    lift: float
    interval: tuple[float, float]
    probability: float
    p_value: float
    promoted: bool
    reasons: tuple[str, ...]
    n_customers: int
    windows: int
    windows_won: int
    guarded: bool
    metrics: dict[str, MetricRow]


def in_words(lift: float, interval: tuple[float, float], p_value: float, confidence: float) -> str:
    """The numbers of a comparison as a sentence."""
    low, high = interval
    return (
        f"lift {lift:+.1%} ({confidence:.0%} interval {low:+.1%} … {high:+.1%}), p = {p_value:.2g}"
    )


def undecided(reason: str, n_customers: int) -> Verdict:
    """The verdict where nothing can be compared."""
    return Verdict(
        lift=NAN,
        interval=(NAN, NAN),
        probability=NAN,
        p_value=1.0,
        promoted=False,
        reasons=(reason,),
        n_customers=n_customers,
        windows=0,
        windows_won=0,
        guarded=False,
        metrics={},
    )
