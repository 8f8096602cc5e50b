"""What becomes of a trial that fails: a word and a reason, or the end of the search."""

import numpy as np

from restock.models import CannotFit, Recommendations
from restock.tuning.trials import Failure


class TrialFailed(RuntimeError):
    """A trial failed, and the policy says that the search stops then."""


class Unfinished(Exception):
    """A trial ends here without a result. failure: how that is told."""

    failure: Failure = "error"


class Diverged(Unfinished):
    """The model was fitted and says nothing that can be used."""

    failure = "diverged"


class OverTime(Unfinished):
    """The trial took longer than the policy allows."""

    failure = "time"


class LeftOut(Unfinished):
    """The trial was not run, or not to its end, for a reason that is not its own."""

    failure = "skipped"


class Nobody(LeftOut):
    """There are too few customers to say anything about any trial."""


def failure_of(error: Exception) -> tuple[Failure, str]:
    """The word for a failure and its reason, in one line.

    What cannot run on this machine is skipped. Out of memory may come from numpy, from torch
    (``OutOfMemoryError``) or from Spark's Java side, whose errors only quote the name.
    """
    if isinstance(error, Unfinished):
        return error.failure, str(error)
    reason = f"{type(error).__name__}: {error}".strip()
    if isinstance(error, CannotFit | ImportError):
        return "skipped", reason
    names = " ".join(kind.__name__ for kind in type(error).__mro__)
    if isinstance(error, MemoryError) or "OutOfMemoryError" in f"{names} {error}":
        return "memory", reason
    return "error", reason


def check_scores(lists: Recommendations) -> bool:
    """Whether any item is the model's own; Diverged where a score is no finite number."""
    own = (lists.items >= 0) & ~lists.fallback
    if not np.isfinite(lists.scores[own]).all():
        raise Diverged("a score is not a finite number")
    return bool(own.any())
