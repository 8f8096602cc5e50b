"""Which column of a source is which of ours."""

import difflib
from collections.abc import Mapping

from restock.dataset import columns as c
from restock.dataset.contract import BadOrders

KNOWN = (*c.REQUIRED, *c.OPTIONAL)


def our_columns(
    present: list[str], columns: Mapping[str, str] | None, source: str
) -> dict[str, str]:
    """Our name → the name in the source, for every column of ours that the source has.

    present: the names in the source. columns: {their name: our name} as in pandas' rename,
    or the other way round. A mapped column takes the place of one that happens to have our
    name. Raises BadOrders when a required column is missing or the mapping names an unknown one.
    """
    mapped = _ours_to_theirs(columns or {}, present, source)
    names = {ours: ours for ours in KNOWN if ours in present} | mapped
    missing = [ours for ours in c.REQUIRED if ours not in names]
    if missing:
        raise BadOrders(
            source,
            f"no column {', '.join(missing)} among {', '.join(map(str, present)) or 'none'}",
            f"say which it is with columns={{'your name': '{missing[0]}'}}",
        )
    return names


def _ours_to_theirs(columns: Mapping[str, str], present: list[str], source: str) -> dict[str, str]:
    if all(name in KNOWN for name in columns.values()):
        pairs = [(ours, theirs) for theirs, ours in columns.items()]
    elif all(name in KNOWN for name in columns):
        pairs = list(columns.items())
    else:
        unknown = next(name for name in columns.values() if name not in KNOWN)
        near = difflib.get_close_matches(unknown, KNOWN, n=1)
        raise BadOrders(
            source,
            f"columns= maps to {unknown!r}, which is no column of an order line",
            f"did you mean {near[0]!r}?" if near else f"ours are {', '.join(KNOWN)}",
        )
    for ours, theirs in pairs:
        if theirs not in present:
            raise BadOrders(
                source,
                f"columns= takes {ours} from {theirs!r}, which is not in it",
                f"it has {', '.join(map(str, present))}",
            )
    if len({ours for ours, _ in pairs}) < len(pairs):
        raise BadOrders(source, "columns= maps two columns to one of ours", "choose one")
    return dict(pairs)
