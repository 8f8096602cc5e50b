"""Experiments at the same time: those of one layer share no customer, layers are independent.

A layer divides customers into ``SLOTS`` slots by a hash of its own. An experiment takes slots
that follow one another and that no other experiment of the layer has on any of its days (Tang,
Agarwal, O'Brien and Meyer, KDD 2010). Tests that could disturb one another belong in one layer.
"""

import datetime as dt
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from restock.evaluation.experiments.assignment import SLOTS


class Claim(BaseModel):
    """The slots ``first`` to ``last`` (inclusive) that an experiment has, ``start`` to ``end``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    start: dt.date
    end: dt.date
    """The first day on which the slots are free again."""
    first: int = Field(ge=0, lt=SLOTS)
    last: int = Field(ge=0, lt=SLOTS)

    def overlaps(self, start: dt.date, end: dt.date) -> bool:
        """Whether it has its slots on any day from ``start`` to ``end`` (exclusive)."""
        return self.start < end and start < self.end


class NoSlots(ValueError):
    """A layer has no room for an experiment; the message says who has it and until when."""


def place(claims: Sequence[Claim], name: str, start: dt.date, end: dt.date, width: int) -> Claim:
    """The first ``width`` slots that nobody has from ``start`` to ``end`` (exclusive).

    A claim that the experiment has already is given back as it is. NoSlots where there is no
    room, ValueError when the experiment holds other slots or days.
    """
    if not 1 <= width <= SLOTS or end <= start:
        raise ValueError(f"{width} slots from {start} to {end}: 1 to {SLOTS}, and end after start")
    own = next((one for one in claims if one.name == name), None)
    if own is not None:
        if (own.start, own.end, own.last - own.first + 1) != (start, end, width):
            raise ValueError(
                f"{name} has taken slots {own.first} to {own.last} from {own.start} to {own.end} "
                "already: assign it for those days, or give the new one another name"
            )
        return own
    beside = sorted((o for o in claims if o.overlaps(start, end)), key=lambda one: one.first)
    free, widest = 0, 0
    for one in beside:
        widest = max(widest, one.first - free)
        if one.first - free >= width:
            break
        free = max(free, one.last + 1)
    widest = max(widest, SLOTS - free)
    if free + width > SLOTS:
        others = ", ".join(f"{one.name} (until {one.end})" for one in beside)
        raise NoSlots(
            f"{name} needs {width / 10:g} % of the customers from {start} to {end}, and at most "
            f"{widest / 10:g} % are free beside {others}: take a smaller --share, wait until one "
            "of them ends, or use another --layer if the tests cannot disturb one another"
        )
    return Claim(name=name, start=start, end=end, first=free, last=free + width - 1)
