"""Where a search may look: plain data that lies beside a config's defaults.

A model's ``space`` maps names of config fields to dimensions. Engines translate them; nothing
here draws or decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Uniform:
    """A real number from ``low`` to ``high``."""

    low: float
    high: float


@dataclass(frozen=True)
class LogUniform:
    """A real number from ``low`` (above 0) to ``high``, uniform in its logarithm."""

    low: float
    high: float


@dataclass(frozen=True)
class Integer:
    """A whole number from ``low`` to ``high``, both included; ``log``: uniform in its logarithm."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True)
class PowerOfTwo:
    """``2 ** exponent`` for a whole exponent from ``low`` to ``high``, both included."""

    low: int
    high: int


@dataclass(frozen=True)
class Choice:
    """One of a few values, in no order."""

    options: tuple[Any, ...]


@dataclass(frozen=True)
class Conditional:
    """``then``, but only where the field ``field`` is one of ``values``; else the default."""

    field: str
    values: tuple[Any, ...]
    then: "Dimension"


Dimension = Uniform | LogUniform | Integer | PowerOfTwo | Choice | Conditional
Space = Mapping[str, Dimension]
