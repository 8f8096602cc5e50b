"""What proposes configurations: ask for points, tell what they came to."""

from importlib import import_module
from typing import Protocol

from restock.models.registry import hint
from restock.models.space import Space
from restock.tuning.space import Point

ENGINES = {
    "tpe": "restock.tuning.tpe:Tpe",
    "random": "restock.tuning.random_search:RandomSearch",
}
"""Name → class, called with a space and a seed. Adding an engine means adding its line."""


class Engine(Protocol):
    """Proposes points of a space and learns from what they came to.

    An engine holds nothing that its arguments and its history do not say: built anywhere from
    the same space and seed and told the same, in the same order, it answers the same, bit for
    bit. Points that were asked for and not told yet are pending, and not proposed again.
    """

    def ask(self, count: int) -> list[Point]:
        """``count`` points to try, in order. They are distinct as long as the space has more."""
        ...

    def tell(self, point: Point, value: float | None) -> None:
        """What a point came to: its log-lift, larger is better; None: it failed.

        Any point will do, asked for or not. What has no place in the space is ignored.
        """
        ...


def create_engine(name: str, space: Space, seed: int) -> Engine:
    """A new engine by name; ValueError names the nearest known one."""
    if name not in ENGINES:
        raise ValueError(f"there is no engine {name!r}{hint(name, ENGINES)}")
    module, _, attribute = ENGINES[name].partition(":")
    engine: Engine = getattr(import_module(module), attribute)(space, seed)
    return engine
