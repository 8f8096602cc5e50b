"""Two candidates on the same customers: how much better is the challenger, and how surely?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from restock.evaluation import metrics as m
from restock.evaluation.folds import FloatArray
from restock.evaluation.objective import PSEUDO_CUSTOMERS, Objective, shrunk_ratio
from restock.evaluation.scorecard import Scorecard
from restock.evaluation.significance import advantage_p_value, quantiles
from restock.evaluation.totals import Ground, Totals
from restock.evaluation.verdict import NAN, MetricRow, Verdict, in_words, undecided

NOBODY = "there is no test customer"


def compare(
    challenger: Scorecard | Sequence[Scorecard],
    champion: Scorecard | Sequence[Scorecard],
    objective: Objective,
    *,
    seed: int = 0,
    confidence: float = 0.95,
    resamples: int = 2000,
    pooled: Mapping[str, float] | None = None,
) -> Verdict:
    """Judge a challenger against the champion on the same folds.

    Each side is a scorecard, or one per fold; their order does not matter. Customers are
    resampled, whole, with all their folds (cluster bootstrap): a customer who is in six
    folds is one piece of evidence, not six. A challenger is promoted when its one-sided p is
    at most (1 - confidence) / 2 and the lower end of every guarded ratio's interval stays
    above 1 - delta. pooled: the metrics' values over all markets, toward which both sides
    are shrunk (default: their mean). For one look at one challenger; nightly looks at many
    challengers in many markets are the gate's.

    Raises ValueError when the two sides are not from the same folds, or when the objective's
    metrics have another k than the scorecards.
    """
    verdicts = compare_all(
        {"challenger": _sequence(challenger)},
        _sequence(champion),
        objective,
        seed=seed,
        confidence=confidence,
        resamples=resamples,
        pooled=pooled,
    )
    return verdicts["challenger"]


def compare_all(
    challengers: Mapping[str, Sequence[Scorecard]],
    champion: Sequence[Scorecard],
    objective: Objective,
    *,
    seed: int = 0,
    confidence: float = 0.95,
    resamples: int = 2000,
    pooled: Mapping[str, float] | None = None,
) -> dict[str, Verdict]:
    """``compare`` for many challengers, on common resamples; a verdict does not depend on
    which others are there. ``resamples=0`` leaves the intervals NaN and breaks no guardrail.
    """
    ground = Ground(tuple(champion))
    sides = [champion, *(ground.arranged(cards) for cards in challengers.values())]
    if not champion:
        return {key: undecided(NOBODY, 0) for key in challengers}
    totals = Totals(ground, sides, compared_metrics(objective, champion[0].k), resamples, seed)
    bench = Bench(totals, 0, objective, confidence, pooled)
    return {key: bench.verdict(at) for at, key in enumerate(challengers, start=1)}


def compared_metrics(objective: Objective, k: int) -> tuple[str, ...]:
    """The metrics of a verdict: the usual ones, and what the objective names beside them.

    Raises ValueError when the objective's metrics are of lists of another length.
    """
    wanted = [*objective.weights, *objective.guardrails]
    for name in wanted:
        if m.parse_name(name)[1] != k:
            raise ValueError(
                f"the objective names {name}, the scorecards are of k = {k}: "
                f"judge with k={m.parse_name(name)[1]}, or use Objective.at({k})"
            )
    usual = [m.metric_name(metric, k) for metric in (*m.AVERAGED, m.REVENUE_SHARE)]
    return tuple(name for name in dict.fromkeys([*usual, *wanted]) if not _describes(name))


@dataclass(frozen=True, eq=False)
class Bench:
    """The champion's side of all comparisons on one ground.

    champion: its place among the sides of the totals.
    """

    totals: Totals
    champion: int
    objective: Objective
    confidence: float
    pooled: Mapping[str, float] | None = None

    def verdict(self, challenger: int, *, intervals: bool = True) -> Verdict:
        """One challenger, by its place. Without intervals no guardrail is broken."""
        totals, names = self.totals, self.totals.names
        n_customers = totals.ground.n_customers
        if n_customers == 0:
            return undecided(NOBODY, 0)
        total = totals.sum_below
        with np.errstate(invalid="ignore"):
            mine, theirs = (totals.sum_above[at] / total for at in (challenger, self.champion))
        prior = self._prior(mine, theirs)
        extra = prior * PSEUDO_CUSTOMERS / np.maximum(totals.counted, 1) + 1e-12
        ratio = (mine + extra) / (theirs + extra)
        weight = np.array([self.objective.shares.get(name, 0.0) for name in names])
        weighted = weight > 0
        unknown = [n for n, w, t in zip(names, weighted, total, strict=True) if w and t <= 0]
        if unknown:
            return undecided(f"{', '.join(unknown)}: no customer has a value", n_customers)

        scale = weight / (total * ((mine + theirs) / 2 + extra))
        above, theirs_above = (totals.above[at][:, weighted] for at in (challenger, self.champion))
        p_value = advantage_p_value((above - theirs_above) @ scale[weighted])
        log_lift = float(np.log(ratio[weighted]) @ weight[weighted])
        ratios = np.empty((0, len(names)))
        if intervals:
            below_drawn, drawn = totals.drawn
            ratios = _drawn_ratios(
                drawn[challenger], drawn[self.champion], below_drawn, prior, extra
            )
        rows = self._rows(mine, theirs, ratio, ratios) | self._described(challenger)
        lifts = np.log(ratios[:, weighted]) @ weight[weighted]
        interval, probability = (NAN, NAN), NAN
        if lifts.size:
            low, high = quantiles(np.expm1(lifts), self.confidence)
            interval = (float(low), float(high))
            probability = float((lifts > 0).mean() + (lifts == 0).mean() / 2)
        broken = self._broken(rows)
        lift = float(np.expm1(log_lift))
        sure = p_value <= (1 - self.confidence) / 2
        windows, won = self._windows(challenger, weight, extra)
        return Verdict(
            lift=lift,
            interval=interval,
            probability=probability,
            p_value=p_value,
            promoted=sure and not broken,
            reasons=(in_words(lift, interval, p_value, self.confidence), *broken),
            n_customers=n_customers,
            windows=windows,
            windows_won=won,
            guarded=not broken,
            metrics=rows,
        )

    def _prior(self, mine: FloatArray, theirs: FloatArray) -> FloatArray:
        prior = (mine + theirs) / 2
        if self.pooled is not None:
            given = np.array([self.pooled.get(name, NAN) for name in self.totals.names])
            prior = np.where(np.isnan(given), prior, given)
        return np.nan_to_num(prior)

    def _rows(
        self, mine: FloatArray, theirs: FloatArray, ratio: FloatArray, ratios: FloatArray
    ) -> dict[str, MetricRow]:
        known = self.totals.sum_below > 0
        low = high = np.full(ratio.size, NAN)
        if ratios.size:
            low, high = quantiles(ratios, self.confidence)
        table = np.column_stack([mine, theirs, ratio, low, high])
        return {
            name: MetricRow(*(float(v) for v in table[at]))
            for at, name in enumerate(self.totals.names)
            if known[at]
        }

    def _described(self, challenger: int) -> dict[str, MetricRow]:
        """Guarded metrics that describe lists: the mean over folds, weighted by customers."""
        rows = {}
        for name in self.objective.guardrails:
            if _describes(name):
                mine = _described_mean(self.totals.sides[challenger], name)
                theirs = _described_mean(self.totals.sides[self.champion], name)
                ratio = shrunk_ratio(mine, theirs)
                rows[name] = MetricRow(mine, theirs, ratio, ratio, ratio)
        return rows

    def _broken(self, rows: Mapping[str, MetricRow]) -> list[str]:
        broken = []
        for name, delta in self.objective.guardrails.items():
            if name not in rows:
                broken.append(f"guardrail {name}: no customer has a value, it cannot be kept")
            elif rows[name].low <= 1 - delta:
                broken.append(
                    f"guardrail {name}: the ratio may be as low as {rows[name].low:.3f}, "
                    f"it must stay above {1 - delta:.3f}"
                )
        return broken

    def _windows(self, challenger: int, weight: FloatArray, extra: FloatArray) -> tuple[int, int]:
        """Windows in which all weighted metrics are known, and those the challenger wins."""
        used = weight > 0
        below = self.totals.windows_below[:, used]
        known = (below > 0).all(axis=1)
        mine, theirs = (
            self.totals.windows_above[side][known][:, used] / below[known] + extra[used]
            for side in (challenger, self.champion)
        )
        return int(known.sum()), int((np.log(mine / theirs) @ weight[used] > 0).sum())


def _drawn_ratios(
    mine: FloatArray, theirs: FloatArray, below: FloatArray, prior: FloatArray, extra: FloatArray
) -> FloatArray:
    """The ratio of every metric in every resample; one without customers shows the prior."""

    def means(above: FloatArray) -> FloatArray:
        nothing = np.broadcast_to(prior, above.shape).copy()
        return np.divide(above, below, out=nothing, where=below > 0)

    ratios: FloatArray = (means(mine) + extra) / (means(theirs) + extra)
    return ratios


def _described_mean(scorecards: Sequence[Scorecard], name: str) -> float:
    values = np.array([card.mean()[name] for card in scorecards])
    weights = np.array([card.n_customers for card in scorecards], dtype=np.float64)
    known = ~np.isnan(values)
    return float(values[known] @ weights[known] / weights[known].sum()) if known.any() else 0.0


def _describes(name: str) -> bool:
    return m.parse_name(name)[0] in (*m.LISTED, *m.OF_ALL_LISTS)


def _sequence(side: Scorecard | Sequence[Scorecard]) -> Sequence[Scorecard]:
    return [side] if isinstance(side, Scorecard) else side
