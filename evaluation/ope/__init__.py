"""Off-policy evaluation: what other lists would have earned, from logs with propensities."""

from restock.evaluation.ope.diagnostics import (
    Diagnostics,
    OpePolicy,
    Refused,
    check,
    diagnose,
    diagnose_lists,
    diagnose_rips,
    refusals,
)
from restock.evaluation.ope.estimate import Estimate
from restock.evaluation.ope.estimators import dm, dr, ips, log_lift, logged_mean, snips
from restock.evaluation.ope.lists import (
    dr_lists,
    iips,
    ips_lists,
    log_lift_lists,
    logged_mean_lists,
    rips,
    snips_lists,
    snrips,
)
from restock.evaluation.ope.logged import BadLog, Logged, LoggedLists
from restock.evaluation.ope.sums import ListSums, Sums

__all__ = [
    "BadLog",
    "Diagnostics",
    "Estimate",
    "ListSums",
    "Logged",
    "LoggedLists",
    "OpePolicy",
    "Refused",
    "Sums",
    "check",
    "diagnose",
    "diagnose_lists",
    "diagnose_rips",
    "dm",
    "dr",
    "dr_lists",
    "iips",
    "ips",
    "ips_lists",
    "log_lift",
    "log_lift_lists",
    "logged_mean",
    "logged_mean_lists",
    "refusals",
    "rips",
    "snips",
    "snips_lists",
    "snrips",
]
