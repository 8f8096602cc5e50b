"""What is known of an experiment on a day: the verdict, how it came about, and its soundness."""

import datetime as dt
from typing import Literal

from restock.evaluation.experiments import Analysis
from restock.evaluation.experiments.record import Experiment, State
from restock.evaluation.link.entry import Entry
from restock.infra.experiment_store import key_of
from restock.infra.records import SCHEMA_VERSION, Record
from restock.infra.store import Store


class Look(Record):
    """The primary metric of an arm after a day, with the interval that holds on all days."""

    day: dt.date
    arm: str
    relative: float
    low: float
    high: float


class Shown(Record):
    """What the log says of an arm. customers: with a list; others: of them, those who were shown
    the list of another arm, which should be none."""

    arm: str
    customers: int
    others: int
    items: int
    clicks: int
    orders: int


class ExperimentResult(Record):
    """An analysis as it is kept and shown.

    as_of: the first day that was not known. unit: of money. shown: from the exposure log, when
    one was given. shown_ratio_p: chance that as many of each arm were shown something. entry:
    what went into the ledger; notes: why it did not, and what else to know.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    experiment: Experiment
    as_of: dt.date
    state: State
    unit: str
    analysis: Analysis
    looks: tuple[Look, ...]
    shown: tuple[Shown, ...] = ()
    shown_ratio_p: float | None = None
    entry: Entry | None = None
    notes: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        """Key of the page for people."""
        return key_of(self.experiment.name, "report.html")


def put_result(store: Store, result: ExperimentResult) -> str:
    """Keep an analysis; returns its key."""
    key = key_of(result.experiment.name, f"analyses/{result.as_of}.json")
    store.put(key, result.bytes())
    return key
