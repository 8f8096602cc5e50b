"""A/B experiments: who is in which arm, how long, what came of it, and how surely."""

from restock.evaluation.experiments.analysis import Analysis, Effect, analyze
from restock.evaluation.experiments.design import Power, power
from restock.evaluation.experiments.metric import METRICS, Metric, metrics
from restock.evaluation.experiments.outcomes import customer_outcomes
from restock.evaluation.experiments.sample_ratio import sample_ratio_p
from restock.evaluation.experiments.sequential import Mixture

__all__ = [
    "METRICS",
    "Analysis",
    "Effect",
    "Metric",
    "Mixture",
    "Power",
    "analyze",
    "customer_outcomes",
    "metrics",
    "power",
    "sample_ratio_p",
]
