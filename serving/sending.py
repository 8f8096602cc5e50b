"""The journal's ended files into the store's exposures: each once, however often it is tried."""

import logging
import os
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from restock.dataset import exposures as e
from restock.infra.exposure_store import put_exposures
from restock.infra.store import Store
from restock.serving.journal import DAMAGED

logger = logging.getLogger(__name__)


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    market: str
    customer: str
    policy: str
    time: str
    items: tuple[str, ...]


def send(store: Store, path: Path) -> int:
    """Bring one ended file into the store, then remove it; the number of its lists.

    Objects are named by their content: a file that was sent before, by a process that died
    before it removed it, is stored under the same name. StoreError when the store is away: the
    file stays. Lines that cannot be read, or are no exposures, are set aside with a log line.
    """
    try:
        lines, damaged = _read(path)
    except FileNotFoundError:  # another server of this folder has sent it
        return 0
    try:
        if lines:
            put_exposures(store, _frame(lines))
    except e.BadExposures as error:
        logger.error("%s holds lists that are no exposures: %s", path.name, error)
        damaged, lines = path.read_bytes().splitlines(keepends=True), []
    if damaged:
        aside = path.with_suffix(DAMAGED)
        aside.write_bytes(b"".join(damaged))
        logger.error("%d lines of %s could not be sent: see %s", len(damaged), path.name, aside)
    path.unlink(missing_ok=True)
    return len(lines)


def _read(path: Path) -> tuple[list[_Line], list[bytes]]:
    """The lines, and those that are none. A last line without its end was never answered."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        whole = [line for line in file if line.endswith(b"\n")]
    lines, damaged = [], []
    for line in whole:
        try:
            lines.append(_Line.model_validate_json(line))
        except ValidationError:
            damaged.append(line)
    return lines, damaged


def _frame(lines: list[_Line]) -> pd.DataFrame:
    """A row per shown item. A published list could not have been another: propensity 1."""
    shown = [
        (line, position, item)
        for line in lines
        for position, item in enumerate(line.items, start=1)
    ]
    return pd.DataFrame(
        {
            e.MARKET: [line.market for line, _, _ in shown],
            e.CUSTOMER: [line.customer for line, _, _ in shown],
            e.ITEM: [item for _, _, item in shown],
            e.POSITION: [position for _, position, _ in shown],
            e.PROPENSITY: 1.0,
            e.POLICY: [line.policy for line, _, _ in shown],
            e.TIME: [line.time for line, _, _ in shown],
            e.OUTCOME: "none",
        }
    )
