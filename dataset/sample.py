"""The bundled sample: two years of Online Retail, B2B orders from some 40 countries."""

import datetime as dt
from importlib.resources import as_file, files

from restock.dataset.homes import HomeRule
from restock.dataset.reading import CancellationRule, read_orders
from restock.dataset.report import CleanOrders

FILES = ("online_retail_ii_2009.parquet", "online_retail.parquet")


def load_sample(
    *,
    as_of: dt.date | str | None = None,
    cancellations: CancellationRule = "net",
    home_market: HomeRule = "last",
) -> CleanOrders:
    """Both years of Online Retail (2009-12-01 to 2011-12-09), cleaned; see ``read_orders``.

    The first year is cut where the second begins. Times are local UK time, values are GBP.
    ``load_sample(cancellations="drop", home_market="most_frequent")`` gives the lines on
    which the published quality figures rest. Licence: CC BY 4.0, see ``data/LICENSE.md``.
    """
    with as_file(files("restock.dataset") / "data") as folder:
        return read_orders(
            [folder / name for name in FILES],
            as_of=as_of,
            cancellations=cancellations,
            home_market=home_market,
        )
