"""Is it good? Folds, metrics, scorecards, the objective, comparisons and the gate.

Here: judging lists against what customers bought, and deciding from it.
Not here: models, and anything that runs, stores or publishes.
"""

from restock.evaluation.comparison import compare
from restock.evaluation.folds import Fold, rolling_folds
from restock.evaluation.judging import evaluate
from restock.evaluation.objective import Objective
from restock.evaluation.scorecard import Scorecard
from restock.evaluation.verdict import Verdict

__all__ = [
    "Fold",
    "Objective",
    "Scorecard",
    "Verdict",
    "compare",
    "evaluate",
    "rolling_folds",
]
