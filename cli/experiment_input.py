"""What people write into ``restock experiment``, and where it works."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from restock.cli import options
from restock.cli.output import BadUsage, bad_input

if TYPE_CHECKING:
    from restock.dataset import Interactions
    from restock.evaluation.experiments.record import Experiment
    from restock.infra.markets import Markets
    from restock.infra.settings import Settings
    from restock.infra.store import Store


class Here:
    """The store, the settings and the declared markets that a command works with."""

    def __init__(self, store: "Store", settings: "Settings", declared: "Markets") -> None:
        self.store, self.settings, self.declared = store, settings, declared

    @classmethod
    def open(cls) -> "Here":
        """Those of the settings. BadUsage when they cannot be read."""
        from restock.infra.markets import MarketsError, load_markets
        from restock.infra.settings import SettingsError, load_settings
        from restock.infra.store import open_store

        with bad_input(SettingsError, MarketsError):
            settings = load_settings()
            return cls(open_store(settings=settings), settings, load_markets(settings))

    def orders(
        self, orders: str | None, as_of: str | None, reading: dict[str, Any]
    ) -> "Interactions":
        """The orders that were named. BadUsage when there is no such file."""
        from restock.infra.experiment_units import read_interactions

        source = options.source(orders)
        options.check_columns(orders, reading)
        return read_interactions(
            self.store, self.settings, self.declared, source, options.day(as_of), reading
        )


def bad_orders(*more: type[Exception]) -> AbstractContextManager[None]:
    """Turn what can be wrong with the orders and the experiment into BadUsage."""
    from restock.dataset.contract import BadOrders

    return bad_input(BadOrders, ValueError, KeyError, *more)


def numbers(option: str, text: str | None, example: str) -> dict[str, float]:
    """``a=1,b=2`` as numbers; none where nothing was said. BadUsage shows the example."""
    found = options.pairs(option, text, example) or {}
    try:
        return {name: float(number) for name, number in found.items()}
    except ValueError:
        raise BadUsage(f"{option} {text}: write numbers, as in {example}") from None


def draft_of(
    name: str,
    markets: list[str],
    metric: str,
    effect: float,
    arms: str,
    shares: str | None,
    guardrails: str | None,
    share: float,
    layer: str,
    *,
    clustered: bool,
) -> "Experiment":
    """The experiment that was typed. ValueError says what of it cannot be."""
    from restock.evaluation.experiments.record import Experiment
    from restock.infra.ope_question import candidate
    from restock.models import Candidate

    named = [part.strip().partition("=") for part in arms.split(",") if part.strip()]
    names = [left for left, _, _ in named]
    chosen = {left: candidate(right) for left, _, right in named if right}
    # the whole configuration, so that later defaults do not change the plan
    plans = {
        arm: Candidate(name=one.name, config=one.resolved, scope=one.scope)
        for arm, one in chosen.items()
    }
    parts = numbers("--shares", shares, "control=0.8,treatment=0.2")
    bounds = numbers("--guardrails", guardrails, "orders=0.02")
    if parts and parts.keys() != set(names):
        raise ValueError(f"--shares names {', '.join(parts)}, --arms {', '.join(names)}")
    return Experiment(
        name=name,
        markets=tuple(markets),
        metric=metric,
        guardrails=bounds,
        arms={arm: parts.get(arm, 1 / len(names)) for arm in names},
        control=names[0] if names else "",
        plans=plans,
        unit="cluster" if clustered else "customer",
        share=share,
        layer=layer,
        effect=effect,
    )
