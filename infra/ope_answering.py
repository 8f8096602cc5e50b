"""From a log, orders and a question to the answers: refit, weigh, estimate, or refuse."""

import datetime as dt
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from restock.dataset import Interactions
from restock.dataset import exposures as e
from restock.dataset.catalogue import IntArray
from restock.dataset.eligibility import DAY, allowed_items
from restock.evaluation.folds import BoolArray, FloatArray, candidate_items
from restock.evaluation.ope import (
    ListSums,
    LoggedLists,
    OpePolicy,
    diagnose_lists,
    diagnose_rips,
    dr_lists,
    ips_lists,
    log_lift_lists,
    logged_mean_lists,
    refusals,
    rips,
    snips_lists,
)
from restock.evaluation.ope.drawing import chances
from restock.evaluation.ope.offered import OnOffer, closed_up, seen, told
from restock.evaluation.ope.outcome_model import expectations
from restock.evaluation.ope.shown import ShownLists
from restock.evaluation.ope.target import model_rankings
from restock.infra.markets import Markets
from restock.infra.ope_question import BadQuestion, Question
from restock.infra.ope_result import WHOLE_LIST, Answer, OpeResult, Row, Weights, Worth
from restock.infra.programme import fold_plan
from restock.infra.records import Plan
from restock.models import Candidate, FitContext

SPARE = 20
"""Ranks beyond twice what is drawn from: for items that were not on offer on the day."""
RESULTS_VERSION = 1  # raise it when the same question would get other numbers
_ESTIMATORS = {"ips": ips_lists, "snips": snips_lists, "rips": rips, "dr": dr_lists}
_NAMES = {"ips": "ips_lists", "snips": "snips_lists", "rips": "rips", "dr": "dr_lists"}
_UNITS = {"click": "clicks per list", "order": "ordered items per list"}


@dataclass(frozen=True, eq=False)
class Case:
    """All that answers are made from.

    allowed: market code → what the plans may rank (bool, items). on_offer: what of it could be
    shown on the day of each list.
    """

    question: Question
    shown: ShownLists
    orders: Interactions
    cutoff: dt.date
    reward: FloatArray
    allowed: Mapping[int, BoolArray]
    on_offer: OnOffer

    def rankings(self, candidate: Candidate) -> IntArray:
        """What the candidate, refitted on the orders before the log, ranks for each list."""
        past, reach = self.orders.before(self.cutoff), self.question.drawing.reach(self.shown.k)
        rankings = self._rankings(candidate, past, 2 * reach + SPARE)
        return closed_up(rankings, self.on_offer(rankings), reach)

    def _rankings(self, candidate: Candidate, past: Interactions, reach: int) -> IntArray:
        if candidate.pooled:
            model = candidate.create().fit(past, FitContext())
            return model_rankings(model, self.shown, reach, self.allowed)
        found = np.full((self.shown.n, reach), -1, np.int32)
        for code in np.unique(self.shown.market).tolist():
            market = self.orders.catalogue.markets[code]
            model = candidate.create().fit(past.of_market(market), FitContext())
            here = self.shown.market == code
            found[here] = model_rankings(model, self.shown, reach, self.allowed)[here]
        return found

    def logged(self, rankings: IntArray) -> LoggedLists:
        """The log beside a target that draws from these rankings."""
        shown, drawing = self.shown, self.question.drawing
        expected_logged, expected_target = expectations(
            shown.items,
            self.reward,
            shown.there,
            shown.who,
            rankings,
            drawing,
            self.orders.n_items,
        )
        return LoggedLists(
            reward=self.reward,
            propensity=shown.propensity,
            target=chances(rankings, shown.items, drawing),
            there=shown.there,
            cluster=shown.who,
            expected_logged=expected_logged,
            expected_target=expected_target,
        )


def answer(
    question: Question,
    log: pd.DataFrame,
    orders: Interactions,
    declared: Markets,
    eligible: pd.DataFrame | None = None,
    policy: OpePolicy | None = None,
) -> OpeResult:
    """What each plan would have earned, with all estimators, or why the log cannot say.

    log: as ``find_log`` gives it. orders: those before the log teach the plans, those of its
    days are the revenue. eligible: table (market, item_id) of what may be shown, or (market,
    item_id, day) of what could be shown when; without the days, see ``evaluation.ope.offered``.
    BadQuestion when there are no orders before the log, or none of its market.
    """
    case = _case(question, log, orders, declared, eligible)
    shown = case.shown
    one = LoggedLists(case.reward, shown.propensity, shown.propensity, shown.there, shown.who)
    lists = log.drop_duplicates([e.MARKET, e.CUSTOMER, e.TIME, e.POLICY])
    unit = _UNITS.get(question.reward, f"{declared.reporting_currency} per list")
    return OpeResult(
        token=_token(question, log, orders, eligible),
        markets=tuple(sorted(set(log[e.MARKET]))),
        reward=question.reward,
        unit=unit,
        drawing=question.drawing.label,
        first=case.cutoff,
        last=log[e.TIME].max().date(),
        fitted_before=case.cutoff,
        lists=shown.n,
        customers=int(np.unique(shown.who).size),
        places=shown.k,
        policies={str(name): int(n) for name, n in lists[e.POLICY].value_counts().items()},
        logged=Worth.of(logged_mean_lists(one)),
        answers=tuple(_answer(case, candidate, policy) for candidate in question.plans),
    )


def _case(
    question: Question,
    log: pd.DataFrame,
    orders: Interactions,
    declared: Markets,
    eligible: pd.DataFrame | None,
) -> Case:
    try:
        shown = ShownLists.of(log, orders.catalogue)
    except ValueError as error:
        raise BadQuestion(f"{error}: give the orders that belong to the log") from error
    cutoff = log[e.TIME].min().date()
    allowed = {}
    for code in np.unique(shown.market).tolist():
        market = orders.catalogue.markets[code]
        past = orders.of_market(market).before(cutoff)
        if len(past) == 0:
            raise BadQuestion(
                f"{market} has no orders before {cutoff}, where the log begins: a plan is judged "
                "on what it could have known; give older orders, or a later --from"
            )
        plan = fold_plan(declared, market)
        allowed[code] = candidate_items(past, plan.min_item_orders, plan.item_window_days)
        if eligible is not None and DAY not in eligible:
            allowed[code] &= allowed_items(eligible, orders.catalogue, market)
    rates = np.array([declared.of(market).rate for market in orders.catalogue.markets])
    reward = shown.rewards(question.reward, orders, rates)
    if eligible is not None and DAY in eligible:
        on_offer = told(shown, eligible, orders.catalogue)
    else:
        on_offer = seen(shown, orders)
    return Case(question, shown, orders, cutoff, reward, allowed, on_offer)


def _answer(case: Case, candidate: Candidate, policy: OpePolicy | None) -> Answer:
    sums = ListSums.of(case.logged(case.rankings(candidate)))
    from_top, whole = diagnose_rips(sums), diagnose_lists(sums)
    refused, refused_whole = refusals(from_top, policy), refusals(whole, policy)
    rows = []
    for name, estimator in _ESTIMATORS.items():
        why = refused or (refused_whole if name in WHOLE_LIST else ())
        estimate = estimator(sums)
        lift = log_lift_lists(sums, _NAMES[name])
        rows.append(
            Row(
                estimator=name,
                worth=None if why else Worth.of(estimate),
                log_lift=None if why else Worth.of(lift),
                ess=estimate.ess,
                refused=why,
            )
        )
    return Answer(
        plan=Plan.of(candidate),
        rows=tuple(rows),
        from_top=Weights.of(from_top),
        whole_lists=Weights.of(whole),
        refused=refused,
    )


def _token(
    question: Question, log: pd.DataFrame, orders: Interactions, eligible: pd.DataFrame | None
) -> str:
    """The last day of the log, and what the answers depend on."""
    digest = hashlib.sha256(f"{RESULTS_VERSION}{question.model_dump_json()}".encode())
    digest.update(orders.hash.encode())
    for frame in (log, eligible):
        buffer = io.BytesIO()
        if frame is not None:
            frame.to_parquet(buffer, index=False)
        digest.update(buffer.getvalue())
    return f"{log[e.TIME].max().date()}-{digest.hexdigest()[:12]}"
