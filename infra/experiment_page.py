"""The page of an experiment: the decision, whether it is sound, the effects, day by day.

One file, no network, every string from the data escaped.
"""

from markupsafe import Markup

from restock.evaluation.experiments import Analysis, Effect
from restock.infra import experiment_charts
from restock.infra.addresses import address
from restock.infra.drift_page import pages
from restock.infra.experiment_result import ExperimentResult
from restock.infra.store import Store

DECISIONS = {
    "launch": "launch",
    "keep": "keep the control",
    "continue": "go on",
    "invalid": "invalid",
}
_LIGHTS = {"launch": "green", "keep": "grey", "continue": "yellow", "invalid": "red"}


def in_words(analysis: Analysis) -> str:
    """The decision as a sentence."""
    said = {
        "launch": f"Launch {analysis.winner}: it is better, and every guardrail holds.",
        "keep": "Keep the control: no other arm is surely better with all guardrails intact.",
        "continue": "Go on: nothing is decided yet.",
        "invalid": "The experiment is not sound, and nothing may be concluded from it.",
    }
    return said[analysis.decision]


def render(result: ExperimentResult) -> str:
    """The page as HTML."""
    anytime = result.analysis.looks == "anytime"

    def plot(arm: str) -> Markup:
        return experiment_charts.effects(_of(result, arm), anytime)

    def days(arm: str) -> Markup:
        return experiment_charts.looks([one for one in result.looks if one.arm == arm])

    environment = pages({"effect": effect, "p": p_value, "plot": plot, "days": days})
    experiment = result.experiment
    return environment.get_template("experiment_page.html").render(
        result=result,
        experiment=experiment,
        analysis=result.analysis,
        anytime=anytime,
        words=in_words(result.analysis),
        light=_LIGHTS[result.analysis.decision],
        decision=DECISIONS[result.analysis.decision],
        arms={arm: _of(result, arm) for arm in experiment.arms if arm != experiment.control},
    )


def keep(store: Store, result: ExperimentResult) -> str:
    """Write the page; returns where people find it."""
    store.put(result.page, render(result).encode())
    return address(store, result.page)


def effect(one: Effect, anytime: bool = False) -> str:
    """A relative effect with its interval: ``+4.2 % (-1.0 % to +9.6 %)``."""
    low, high = (one.anytime_low, one.anytime_high) if anytime else (one.low, one.high)
    if one.relative is None or low is None or high is None:
        return "unknown"
    return f"{_change(one.relative)} ({_change(low)} to {_change(high)})"


def p_value(value: float) -> str:
    """``0.034``, or ``below 0.001``."""
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def _of(result: ExperimentResult, arm: str) -> list[Effect]:
    return [one for one in result.analysis.effects if one.arm == arm]


def _change(ratio: float) -> str:
    return f"{100 * ratio:+.1f} %" if abs(ratio) < 10 else f"{100 * ratio:+,.0f} %"
