"""Random search: every point from the space itself, whatever was told."""

import json
import math

import numpy as np

from restock.models.space import Space
from restock.tuning.space import Point, ends, is_active, settle, value_at

REDRAWS = 20  # of a point that was there before; after that the space counts as exhausted


class RandomSearch:
    """Independent draws (Bergstra and Bengio, "Random Search for Hyper-Parameter
    Optimization", JMLR 2012), and what every engine needs: a history and distinct points.

    A subclass writes ``_propose``.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self._seed = seed
        self._told: list[tuple[Point, float | None]] = []
        self._pending: list[Point] = []

    def ask(self, count: int) -> list[Point]:
        """``count`` points; each has a random stream of its own, by its number."""
        return [self._next() for _ in range(count)]

    def tell(self, point: Point, value: float | None) -> None:
        """Note what a point came to. A value that is not finite is a failure."""
        point = settle(self.space, point)
        if point in self._pending:
            self._pending.remove(point)
        finite = value is not None and math.isfinite(value)
        self._told.append((point, value if finite else None))

    def _next(self) -> Point:
        number = len(self._told) + len(self._pending)
        rng = np.random.default_rng([self._seed % 2**64, number])
        before = {_text(point) for point, _ in self._told} | {_text(p) for p in self._pending}
        point = self._propose(rng)
        for _ in range(REDRAWS):
            if _text(point) not in before:
                break
            point = draw(self.space, rng)
        self._pending.append(point)
        return point

    def _propose(self, rng: np.random.Generator) -> Point:
        return draw(self.space, rng)


def draw(space: Space, rng: np.random.Generator) -> Point:
    """A random point. Dimensions that are not active cost no random number."""
    point: Point = {}
    for name, dimension in space.items():
        if is_active(dimension, point):
            point[name] = value_at(dimension, rng.uniform(*ends(dimension)))
    return point


def _text(point: Point) -> str:
    return json.dumps(point, sort_keys=True)
