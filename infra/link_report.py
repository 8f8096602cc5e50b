"""What the ledger of experiments says, put together for people and machines."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from restock.evaluation import Objective
from restock.evaluation.link import Ahead, Entry, Link, Quality, foretold, learn, qualities
from restock.evaluation.link.learning import LEAST_EXPERIMENTS, Prediction
from restock.evaluation.link.quality import quality
from restock.infra.markets import Markets
from restock.infra.records import SCHEMA_VERSION, Record


class Foretold(Record):
    """A lift before it is measured (log), with its standard deviation and 95 % interval."""

    name: str
    value: float
    error: float
    low: float
    high: float

    @classmethod
    def of(cls, name: str, one: Prediction) -> "Foretold":
        """Write down a prediction."""
        low, high = one.interval
        return cls(name=name, value=one.value, error=one.error, low=low, high=high)


class LinkReport(Record):
    """The link between offline and online.

    entries: the ledger. before: for each entry that could be used, its lift as foretold from all
    the others. calibration: how those fared. qualities: how each offline figure fared. left_out:
    entry → why. enough: whether anything was learned. declared, proposed: weights that sum to 1.
    trust: probability that the declared weights hold as they are. ahead: predictions asked for.
    toml: the proposal as ``markets.toml`` takes it.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    metric: str
    entries: tuple[Entry, ...]
    before: tuple[Foretold, ...]
    calibration: Quality | None
    qualities: tuple[Quality, ...]
    left_out: dict[str, str]
    enough: bool
    missing: str
    declared: dict[str, float]
    proposed: dict[str, float]
    trust: float
    ahead: tuple[Foretold, ...]
    toml: str
    page: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The offline metrics of the entries, those of the declared objective first."""
        of_entries = (name for entry in self.entries for name in entry.offline)
        return tuple(dict.fromkeys([*self.declared, *of_entries]))


def link_report(
    entries: Sequence[Entry],
    declared: Objective,
    *,
    markets: Sequence[str] | None = None,
    ahead: Iterable[Ahead] = (),
) -> LinkReport:
    """Learn from a ledger and say what it says.

    markets: those that the proposal is for; None: the defaults of all. ahead: pairs of candidates
    whose lift is asked for. ValueError for entries of several business metrics, or a pair without
    a metric that the link weighs.
    """
    link = learn(entries, declared)
    enough = link.enough
    before = [
        Foretold.of(entry.name, one)
        for entry, one in zip(link.used, foretold(link) if enough else (), strict=enough)
    ]
    return LinkReport(
        metric=entries[0].metric if entries else "revenue",
        entries=tuple(sorted(entries, key=lambda one: (one.start, one.name))),
        before=tuple(before),
        calibration=_calibration(link, before),
        qualities=tuple(qualities(entries)),
        left_out=link.left_out,
        enough=enough,
        missing="" if enough else _missing(link),
        declared=declared.shares,
        proposed=link.weights,
        trust=link.posterior.trust if link.posterior else 1.0,
        ahead=tuple(Foretold.of(one.name, link.predict(one)) for one in ahead) if enough else (),
        toml=toml(link.weights, markets),
    )


def common_objective(markets: Markets, wanted: Iterable[str]) -> Objective:
    """The objective that these markets share. ValueError when they differ."""
    found = {code: markets.of(code).objective for code in wanted}
    distinct = {objective.model_dump_json(): code for code, objective in found.items()}
    if len(distinct) > 1:
        first, second = sorted(distinct.values())[:2]
        raise ValueError(
            f"{first} and {second} have different objectives: ask for markets that share one, "
            f"as in --markets {first}"
        )
    return next(iter(found.values()), markets.of("UNKNOWN").objective)


def toml(weights: dict[str, float], markets: Sequence[str] | None) -> str:
    """Weights as a part of ``markets.toml``: for these markets, or for all."""
    heads = [f'markets."{code}"' for code in markets] if markets else ["defaults"]
    rows = "".join(f"{name} = {weight:.2f}\n" for name, weight in weights.items())
    return "\n".join(f"[{head}.objective.weights]\n{rows}" for head in heads)


def _calibration(link: Link, before: Sequence[Foretold]) -> Quality | None:
    if not before:
        return None
    lift = np.array([entry.lift for entry in link.used])
    error = np.array([entry.error for entry in link.used])
    return quality("foretold", np.array([one.value for one in before]), lift, error)


def _missing(link: Link) -> str:
    have = len(link.used)
    return (
        f"{have} experiment{'' if have == 1 else 's'} that can be used; it takes "
        f"{LEAST_EXPERIMENTS} to learn from: the declared weights stay. Entries are written when "
        "an experiment is analysed; add one that ran elsewhere with restock link --add entry.json."
    )
