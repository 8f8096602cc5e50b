"""How a flow ends whose markets did not all succeed: Failed, with the record of all of them."""

from collections.abc import Mapping, Sized
from typing import Protocol


class ByMarket(Protocol):
    """The record of a flow."""

    @property
    def markets(self) -> Sized:
        """The outcome of every market."""
        ...

    @property
    def failed(self) -> Mapping[str, str]:
        """The markets that failed, and why."""
        ...


class Incomplete(RuntimeError):
    """Some markets failed; the others are done. ``record`` has every market's outcome."""

    def __init__(self, record: ByMarket) -> None:
        self.record = record
        reasons = "; ".join(f"{market}: {reason}" for market, reason in record.failed.items())
        super().__init__(f"{len(record.failed)} of {len(record.markets)} markets failed: {reasons}")
