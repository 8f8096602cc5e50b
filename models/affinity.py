"""How much a customer likes what was bought: purchases, the recent ones first."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.models.context import FitContext

HalfLife = Annotated[float, Field(ge=1, le=10_000)] | None


def affinity(interactions: Interactions, half_life_days: float | None) -> NDArray[np.float64]:
    """``sum of 0.5 ** (age / half_life)`` over the order lines of each pair (float64, pairs).

    Parallel to ``interactions.pairs.item``. Without a half-life: the number of order lines.
    """
    return interactions.decayed_lines(np.inf if half_life_days is None else half_life_days)


def shared_affinity(
    interactions: Interactions, half_life_days: float | None, context: FitContext
) -> NDArray[np.float64]:
    """The same; fits on the same interactions compute it once for each half-life."""
    return context.once(
        ("affinity", half_life_days), lambda: affinity(interactions, half_life_days)
    )
