"""What a build answered, name by name and bit by bit."""

import datetime as dt
import reprlib
from collections.abc import Collection, Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from restock.dataset import Catalogue
from restock.evaluation.metrics import columns
from restock.evaluation.scorecard import Scorecard
from restock.models.recommendations import Recommendations

Path = tuple[str, ...]
Answers = dict[Path, Hashable]

_short = reprlib.Repr()
_short.maxstring, _short.maxother = 40, 60


def by_customer(lists: Recommendations, catalogue: Catalogue) -> dict[str, tuple[Any, ...]]:
    """Customer id → the places of the list, each (item id, score, fallback)."""
    items = catalogue.item_ids(np.maximum(lists.items, 0))
    return {
        who: tuple(
            (item, score, fallback)
            for item, score, fallback, code in zip(
                items[row], lists.scores[row].tolist(), lists.fallback[row].tolist(),
                lists.items[row], strict=True,
            )
            if code >= 0
        )
        for row, who in enumerate(catalogue.customer_ids(lists.customers))
    }  # fmt: skip


def by_metric(card: Scorecard, catalogue: Catalogue) -> dict[str, Any]:
    """A scorecard by name: means of each segment, and each customer's row by id.

    Without its hash, which is over the ids of the whole catalogue.
    """
    names, ids = columns(card.k), catalogue.customer_ids(card.customer)
    segments = {name: card.mean(name) for name in card.segments}
    rows = {
        f"{who}": dict(zip(names, row.tolist(), strict=True))
        for who, row in zip(ids, card.values, strict=True)
    }
    return {"sizes": dict(card.segments), "means": segments, "customers": rows}


def flat(result: object, at: Path = ()) -> Answers:
    """Nested mappings, frames, arrays and plain values as one flat table of bits.

    Raises TypeError for what has codes in place of ids, or is not known.
    """
    if isinstance(result, Mapping):
        found: Answers = {}
        for name, value in result.items():
            found |= flat(value, (*at, str(name)))
        return found
    if isinstance(result, pd.DataFrame):
        return flat({name: result[name].to_numpy() for name in result}, at)
    if isinstance(result, pd.Series):
        return flat(result.to_dict(), at)
    if isinstance(result, Recommendations | Scorecard):
        helper = "by_customer" if isinstance(result, Recommendations) else "by_metric"
        raise TypeError(
            f"a {type(result).__name__} holds codes, which a row more or less changes: return "
            f"{helper}(…, catalogue) of restock.evaluation.leaks, which has ids"
        )
    return {at: _bits(result)}


def difference(
    before: Answers, after: Answers, ignored: Collection[str], common: bool
) -> tuple[int, int, str]:
    """How many answers differ, of how many, and the first of them in words.

    ignored: names (ids) whose answers do not count. common: nor do those that one side lacks.
    """
    names = before.keys() & after.keys() if common else before.keys() | after.keys()
    counted = sorted(path for path in names if ignored.isdisjoint(path))  # type: ignore[attr-defined]
    nothing = object()
    unlike = [p for p in counted if before.get(p, nothing) != after.get(p, nothing)]
    if not unlike:
        return 0, len(counted), ""
    sides = (_said(side.get(unlike[0], "nothing")) for side in (before, after))
    return (
        len(unlike),
        len(counted),
        f"{' / '.join(unlike[0]) or 'the answer'}: {' became '.join(sides)}",
    )


def _bits(value: object) -> Hashable:
    """A value that is equal to another only if all bits are; NaN is equal to NaN."""
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return (value.shape, tuple(_bits(one) for one in value.ravel().tolist()))
        return (value.shape, value.dtype.str, value.tobytes())
    if isinstance(value, np.generic):
        return _bits(value.item())
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, list | tuple):
        return tuple(_bits(one) for one in value)
    if value is None or isinstance(value, str | bytes | int | dt.date):
        return value
    raise TypeError(
        f"a build answers with mappings, frames, arrays and plain values, not with "
        f"{type(value).__name__}"
    )


def _said(bits: Hashable) -> str:
    return _short.repr(_plain(bits))


def _plain(bits: Hashable) -> object:
    """Back to what people read."""
    if isinstance(bits, tuple):
        if len(bits) == 3 and isinstance(bits[2], bytes) and isinstance(bits[1], str):
            return np.frombuffer(bits[2], dtype=bits[1]).tolist()
        return tuple(_plain(one) for one in bits)
    if isinstance(bits, str) and bits.lstrip("-").startswith("0x"):
        return float.fromhex(bits)
    return bits
