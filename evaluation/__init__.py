"""Is it good? Folds, metrics, scorecards, the objective, comparisons and the gate.

Here: judging lists against what customers bought, and deciding from it.
Not here: models, and anything that runs, stores or publishes.
"""

from restock.evaluation.comparison import compare
from restock.evaluation.decision import Decision, GatePolicy
from restock.evaluation.evidence import bar_token
from restock.evaluation.folds import Fold, last_n, rolling_folds
from restock.evaluation.gate import gate
from restock.evaluation.judging import evaluate
from restock.evaluation.objective import Objective
from restock.evaluation.refresh import (
    RefreshCheck,
    RefreshPolicy,
    check_lists,
    check_skill,
    refresh_check,
)
from restock.evaluation.scorecard import Scorecard
from restock.evaluation.verdict import Verdict

__all__ = [
    "Decision",
    "Fold",
    "GatePolicy",
    "Objective",
    "RefreshCheck",
    "RefreshPolicy",
    "Scorecard",
    "Verdict",
    "bar_token",
    "check_lists",
    "check_skill",
    "compare",
    "evaluate",
    "gate",
    "last_n",
    "refresh_check",
    "rolling_folds",
]
