"""What the columns of a source are called, and whether an order line can be made of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from restock.dataset import online_retail
from restock.dataset.naming import our_columns
from restock.dataset.sources import headers


def check_header(
    source: str | Path | Sequence[str | Path],
    *,
    columns: Mapping[str, str] | None = None,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> None:
    """Raise what ``read_orders`` would raise for missing files and columns, reading no line.

    The arguments are those of ``read_orders``; BadOrders names the file, the cause and the
    remedy. For a command that would otherwise start a long job in vain.
    """
    names_in(headers(source, delimiter=delimiter, encoding=encoding), columns)


def names_in(
    present: Mapping[str, Sequence[str]], columns: Mapping[str, str] | None
) -> tuple[bool, list[dict[str, str]]]:
    """Whether this is the feed of Online Retail, and each source's {our name: its name}.

    present: source → the names of its columns. Raises BadOrders when one has too few.
    """
    if columns is None:
        own = [online_retail.our_columns(list(names), name) for name, names in present.items()]
        if all(own):
            return True, [names for names in own if names]
    return False, [our_columns(list(names), columns, name) for name, names in present.items()]
