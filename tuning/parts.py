"""Cutting a long step into parts that run side by side. What it comes to does not change."""

from restock.tuning.running import drawn
from restock.tuning.setting import Setting
from restock.tuning.spending import PART_SECONDS, Spending
from restock.tuning.trials import Step

LEAST_TRIALS = 2
"""Trials that stay together in a part, for what they share."""


def in_parts(step: Step, spending: Spending, setting: Setting) -> tuple[list[Step], float]:
    """The parts of a step, and the estimated seconds of the longest.

    A step that is short stays whole, its points undrawn: whoever does it draws them. The cut
    depends on estimates and sizes only, never on who is free.
    """
    whole = spending.of_step(step)
    if whole <= PART_SECONDS or step.size <= LEAST_TRIALS:
        return [step], whole
    trials = drawn(step, setting)
    parts = min(int(-(-whole // PART_SECONDS)), -(-len(trials) // LEAST_TRIALS))
    cut = [
        step.model_copy(update={"trials": trials[at::parts], "ask": None}) for at in range(parts)
    ]
    return cut, max(spending.of_step(part) for part in cut)
