"""Made-up logs whose target has a known worth: single choices, and lists read from the top."""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from restock.evaluation.ope import Logged, LoggedLists

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS, CHOICES = 20, 10
ESS_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Choices:
    """Customers of several kinds, each shown one of ten items at a visit, and clicks.

    clicks, logging, target, model: float64 (kinds × items): the click rate, what either policy
    shows, and the click rate that an outcome model believes in (it is off by a third or so).
    """

    clicks: Floats
    logging: Floats
    target: Floats
    model: Floats

    @classmethod
    def of(cls, seed: int, ess_share: float = ESS_SHARE) -> "Choices":
        """A world in which the weights have this effective sample size per row."""
        generator = np.random.default_rng(seed)
        clicks = generator.uniform(0.01, 0.15, (KINDS, CHOICES))
        taste, other = generator.normal(size=(2, KINDS, CHOICES))
        logging = _softmax(taste)

        def lost(strength: float) -> float:
            weight = _softmax(taste + strength * other) / logging
            return float((logging * weight**2).sum(axis=1).mean() - 1 / ess_share)

        target = _softmax(taste + brentq(lost, 0.0, 20.0) * other)
        model = clicks * generator.lognormal(0, 0.3, clicks.shape)
        return cls(clicks, logging, target, model)

    @property
    def truth(self) -> float:
        """The target's clicks per visit; kinds are equally frequent."""
        return float((self.target * self.clicks).sum(axis=1).mean())

    def log(self, n: int, customers: int, generator: np.random.Generator) -> Logged:
        """n visits of customers who click more or less than others of their kind."""
        kind_of = generator.integers(0, KINDS, customers)
        keen = generator.uniform(0.2, 1.8, customers)
        who = generator.integers(0, customers, n)
        kind = kind_of[who]
        item = _drawn(self.logging[kind], generator)
        reward = generator.random(n) < self.clicks[kind, item] * keen[who]
        return Logged(
            reward=reward.astype(np.float64),
            propensity=self.logging[kind, item],
            target=self.target[kind, item],
            cluster=who,
            expected_logged=self.model[kind, item],
            expected_target=(self.target * self.model).sum(axis=1)[kind],
        )


def with_one_weight(log: Logged, weight: float) -> Logged:
    """The log with all weights 1 but one, which a propensity far too small makes this large."""
    propensity, target = np.full(log.n, 0.5), np.full(log.n, 0.5)
    propensity[0] = 0.5 / weight
    return replace(log, propensity=propensity, target=target)


@dataclass(frozen=True, eq=False)
class Cascade:
    """Lists of five out of eight items, read from the top until the first click.

    attraction: float64 (items), the chance that an item that is read is clicked. logging,
    target: float64 (items): either policy draws items one by one without replacement, in
    proportion to exp of these (Plackett and Luce).
    """

    attraction: Floats
    logging: Floats
    target: Floats
    k: int = 5

    @classmethod
    def of(cls, seed: int) -> "Cascade":
        """A world of eight items."""
        generator = np.random.default_rng(seed)
        scores = generator.normal(size=8)
        return cls(
            attraction=generator.uniform(0.05, 0.3, 8),
            logging=0.5 * scores,
            target=0.5 * scores + generator.normal(0, 0.7, 8),
        )

    @cached_property
    def truth(self) -> float:
        """The target's clicks per list, over all lists there are."""
        lists = np.array(list(permutations(range(self.attraction.size), self.k)))
        chance = chances(self.target, lists).prod(axis=1)
        clicked = 1 - np.prod(1 - self.attraction[lists], axis=1)
        return float(chance @ clicked)

    def log(self, n: int, generator: np.random.Generator) -> LoggedLists:
        """n lists of as many customers."""
        noise = generator.gumbel(size=(n, self.logging.size))
        lists = np.argsort(-(self.logging + noise), axis=1)[:, : self.k]
        would = generator.random((n, self.k)) < self.attraction[lists]
        first = would & (np.cumsum(would, axis=1) == 1)
        return LoggedLists(
            reward=first.astype(np.float64),
            propensity=chances(self.logging, lists),
            target=chances(self.target, lists),
        )


def chances(scores: Floats, lists: Ints) -> Floats:
    """Of each item at its place given those above, drawn in proportion to exp(scores)."""
    worth = np.exp(scores)
    shown = worth[lists]
    above = np.cumsum(shown, axis=1) - shown
    return shown / (worth.sum() - above)


def _softmax(scores: Floats) -> Floats:
    worth = np.exp(scores)
    return worth / worth.sum(axis=1, keepdims=True)


def _drawn(chance: Floats, generator: np.random.Generator) -> Ints:
    """One column per row, with the row's chances."""
    below = np.cumsum(chance, axis=1)
    spot = generator.random(len(chance)) * below[:, -1]
    return (below < spot[:, None]).sum(axis=1)
