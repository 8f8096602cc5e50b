"""What somebody asks of an exposure log, and where the log is."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict

from restock.dataset import exposures as e
from restock.evaluation.ope.drawing import Drawing
from restock.evaluation.ope.shown import Reward
from restock.infra.exposure_store import FOLDER, read_exposures
from restock.infra.store import Store
from restock.models import Candidate
from restock.models.candidate import Scope


class Question(BaseModel):
    """What would these plans have earned, had they been shown?

    plans: refitted on the orders before the log begins. drawing: how their lists would be drawn.
    reward: per list. markets: None asks about all in the log. first, end: days of the log, from
    (inclusive) and to (exclusive); None: all there is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    plans: tuple[Candidate, ...]
    drawing: Drawing = Drawing()
    reward: Reward = "click"
    markets: tuple[str, ...] | None = None
    first: dt.date | None = None
    end: dt.date | None = None


class BadQuestion(ValueError):
    """There is nothing to answer from; the message names the cause and what helps."""


def candidate(text: str) -> Candidate:
    """``rerank``, or ``rerank:pooled`` for another scope. ValueError names what is unknown."""
    name, colon, scope = text.strip().partition(":")
    scopes: dict[str, Scope] = {"market": "market", "pooled": "pooled", "prior": "prior"}
    if colon and scope not in scopes:
        raise ValueError(f"{text!r}: a plan's scope is one of {', '.join(scopes)}")
    return Candidate(name=name, scope=scopes[scope] if colon else "market")


def find_log(store: Store, source: str | None, question: Question) -> pd.DataFrame:
    """The log that was asked about, from a Parquet or CSV file or (None) from the store.

    BadExposures for what is no exposure log, BadQuestion where no row is left.
    """
    log = _stored(store, question) if source is None else read_file(source)
    where = f"{FOLDER}/ in {store.uri}" if source is None else source
    if log.empty:
        raise BadQuestion(
            f"no exposures of the markets and days asked about in {where}: log what is shown, as "
            "docs/off-policy.md says"
        )
    there = sorted(set(log[e.MARKET]))
    day = log[e.TIME].dt.normalize()
    asked = pd.Series(True, index=log.index)
    if question.markets is not None:
        asked &= log[e.MARKET].isin(question.markets)
    if question.first is not None:
        asked &= day >= pd.Timestamp(question.first)
    if question.end is not None:
        asked &= day < pd.Timestamp(question.end)
    if not asked.any():
        raise BadQuestion(
            f"none of the {len(log):,} exposures in {where} is of the markets and days asked "
            f"about: they are of {', '.join(there)}, {day.min().date()} to {day.max().date()}"
        )
    return log[asked].reset_index(drop=True)


def read_file(source: str) -> pd.DataFrame:
    """A log from a Parquet file or, by its name, a CSV file. BadExposures when it is none."""
    path = Path(source)
    try:
        if path.suffix.lower() == ".csv":
            # ids are text, and NA is a market
            frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        else:
            frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise e.BadExposures(f"{source} cannot be read as exposures: {error}") from error
    return e.validate_exposures(frame)


def _stored(store: Store, question: Question) -> pd.DataFrame:
    markets: Sequence[str] = question.markets or sorted(
        {one.key.split("/")[1] for one in store.list(FOLDER)}
    )
    first, end = question.first or dt.date.min, question.end or dt.date.max
    found = [read_exposures(store, market, first, end) for market in markets]
    return pd.concat(found, ignore_index=True) if found else e.empty_exposures()
