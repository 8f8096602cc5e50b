"""Named variations of a model's defaults: by the size of a market, or for another aim."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from restock.dataset import Interactions
from restock.models.registry import hint, model_class

SMALL, LARGE = 200, 20_000
"""Fewer customers than the first make a small market, as many as the second a large one."""


def size_of(interactions: Interactions) -> str:
    """``small``, ``medium`` or ``large``: by the customers that ordered."""
    customers = int(np.count_nonzero(np.diff(interactions.indptr)))
    if customers < SMALL:
        return "small"
    return "large" if customers >= LARGE else "medium"


def preset(name: str, which: str) -> dict[str, Any]:
    """The parameters of model ``name`` that differ from its defaults in preset ``which``.

    Every model has ``small``, ``medium`` and ``large`` (``size_of`` tells which), some have
    more: ``create("rerank", **preset("rerank", "value_aware"))``. Raises ValueError for an
    unknown preset, with the nearest one.
    """
    known: dict[str, Mapping[str, Any]] = {
        "small": {},
        "medium": {},
        "large": {},
        **model_class(name).presets,
    }
    if which not in known:
        raise ValueError(f"{name} has no preset {which!r}{hint(which, known)}")
    return dict(known[which])
