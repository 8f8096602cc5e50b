"""Evidently's page of two windows of a market: for people who want to look at every column."""

import os
import tempfile
from pathlib import Path

import pandas as pd

from restock.monitoring.line_table import of_some_customers

MOST_ROWS = 20_000
NOT_SHOWN = "customer"
_HARMLESS = str.maketrans({"<": "‹", ">": "›"})


def evidently_report(reference: pd.DataFrame, current: pd.DataFrame) -> bytes:
    """The HTML page of Evidently's drift preset, about 4 MB, which needs no network.

    reference, current: as ``line_table`` makes them. Of many lines, some customers' are shown
    (20,000 lines a window). Evidently writes texts into a script as they are: an item called
    ``</script>…`` would run, so angle brackets are replaced by ‹ and › before. Its tests take
    rows as independent: they show where to look, and no alarm rests on them.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    # three seconds to import, for markets that alarm only
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    before, now = (_plain(of_some_customers(table, MOST_ROWS)) for table in (reference, current))
    numbers = list(before.select_dtypes("number").columns)
    definition = DataDefinition(
        numerical_columns=numbers,
        categorical_columns=[name for name in before.columns if name not in numbers],
    )
    report = Report([DataDriftPreset(num_method="ks", cat_method="psi")])
    # Evidently takes the current table first
    done = report.run(Dataset.from_pandas(now, definition), Dataset.from_pandas(before, definition))
    with tempfile.TemporaryDirectory(prefix="restock-") as scratch:
        path = Path(scratch) / "report.html"
        done.save_html(str(path))
        return path.read_bytes()


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    plain = table.drop(columns=NOT_SHOWN)
    for name in plain.select_dtypes("object"):
        plain[name] = plain[name].astype(str).str.translate(_HARMLESS)
    return plain
