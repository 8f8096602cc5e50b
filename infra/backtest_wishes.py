"""What may be asked of a backtest, and what it does unasked."""

import datetime as dt
from typing import Annotated, get_args

from pydantic import Field

from restock.infra.records import Record
from restock.models import Candidate
from restock.models.candidate import Scope
from restock.models.slate import FALLBACK, FIRST_INCUMBENT

WINDOWS = 12
AGES = (7, 14, 28, 84)
MODELS: tuple[Candidate, ...] = (
    FALLBACK,
    FIRST_INCUMBENT,
    *(
        Candidate(name=name, scope="pooled")
        for name in ("item_knn", "tifu_knn", "up_cf", "ease", "als", "blend")
    ),
)
"""Eight models without a network, each fitted on what suits it best: habits and best-sellers are a
market's own, what goes together is learned from all markets. The learned ranker is not among
them: one fit takes as long as those of all others together on a dozen days."""


class Wishes(Record):
    """What was asked for. models: (): the usual ones; instead: plan of the what-if, since when."""

    models: tuple[Candidate, ...] = ()
    windows: int = Field(default=WINDOWS, ge=1)
    ages: tuple[Annotated[int, Field(ge=0)], ...] = AGES
    instead: Candidate | None = None
    since: dt.date | None = None


def read_model(text: str) -> Candidate:
    """A model that somebody named: ``blend``, or ``blend:market`` with its scope.

    Without a scope it takes the one it has among the usual ones, or "pooled". ValueError names
    an unknown model or scope.
    """
    name, _, scope = text.strip().partition(":")
    usual = {one.name: one for one in MODELS}
    if not scope:
        return usual.get(name) or Candidate(name=name, scope="pooled")
    for known in get_args(Scope):
        if scope == known:
            return Candidate(name=name, scope=known)
    raise ValueError(
        f"{text}: the scope {scope!r} is none of {', '.join(get_args(Scope))}; write {name}:pooled"
    )
