"""Running trials: fit on what the rung gives, judge against the yardstick, tell what came of it."""

from collections.abc import Callable, Sequence

from restock.dataset import Interactions
from restock.models import FitContext
from restock.tuning.setting import Kept, Setting
from restock.tuning.trials import Outcome, Step, Trial

Keep = Callable[[Trial, Kept], str]
"""Stores what a trial leaves and returns the key under which it is found again."""


def run(
    interactions: Interactions,
    steps: Sequence[Step],
    setting: Setting,
    context: FitContext,
    *,
    keep: Keep,
    deadline: float | None = None,
    done: Callable[[Outcome], None] | None = None,
    share: bool = True,
) -> list[Outcome]:
    """Run the trials of some steps; the outcomes in the order of steps and trials.

    keep: called for every judged trial of a step that is to be kept. deadline: ``time.time()``
    after which no fit starts; what is left is told as skipped. done: called for each outcome
    as soon as it and those before it are there. share: fits on the same lines make what they
    have in common once; the outcomes are the same without, digit by digit.

    Raises TrialFailed when a trial fails and the policy says to stop; else failures are told
    in the outcomes.
    """
    raise NotImplementedError


def drawn(step: Step, setting: Setting) -> tuple[Trial, ...]:
    """The trials of a step: the named ones, then those that the engine draws.

    The same step gives the same trials anywhere.
    """
    raise NotImplementedError
