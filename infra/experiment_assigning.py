"""Customers of an experiment: who takes part, in which arm, and whether the arms were alike."""

import datetime as dt

import numpy as np
import pandas as pd

from restock.dataset import Interactions
from restock.dataset import columns as c
from restock.evaluation.experiments import sample_ratio_p
from restock.evaluation.experiments.arms import ARM
from restock.evaluation.experiments.assignment import SLOTS, arms_of, slots_of
from restock.evaluation.experiments.metric import BEFORE
from restock.evaluation.experiments.outcomes import COLUMNS
from restock.evaluation.experiments.record import Experiment
from restock.infra.experiment_store import fix, free_slots, read_assignment, take_slots
from restock.infra.experiment_units import CLUSTER, clusters_of, known_customers, outcomes
from restock.infra.markets import Markets
from restock.infra.records import Record
from restock.infra.store import Store


class Balance(Record):
    """What a customer of an arm bought in the time before, on average. z: the difference to the
    control in standard errors; beyond 3 hardly by chance."""

    arm: str
    column: str
    mean: float
    z: float


class Assigned(Record):
    """The experiment with its days and slots; customers by arm; p of their shares; balance."""

    experiment: Experiment
    counts: dict[str, int]
    without_cluster: int
    sample_ratio_p: float
    balance: tuple[Balance, ...]


def assign(
    store: Store,
    draft: Experiment,
    interactions: Interactions,
    declared: Markets,
    start: dt.date,
    days: int,
    eligible: pd.DataFrame | None = None,
    clusters: pd.Series | None = None,
) -> tuple[Assigned, pd.DataFrame]:
    """Take slots, decide every arm and keep it; the same again changes nothing.

    The customers are those of its markets with an order before ``start``, in the slots of its
    layer. eligible: those alone (customer_id). clusters: customer id → cluster, where clusters
    are assigned; customers without one take no part. Returns the account and the assignment
    (customer_id, market, arm[, cluster]). ValueError when nobody is left in an arm.
    """
    end = start + dt.timedelta(days=days)
    if draft.start is not None:
        if draft.period != (start, end):
            raise ValueError(
                f"{draft.name} is assigned from {draft.start} to {draft.end}: customers stay in "
                "the arms that they are in; give the new experiment another name"
            )
        kept = read_assignment(store, draft.name)
        codes = interactions.catalogue.customer_codes(kept[c.CUSTOMER].tolist())
        return _account(draft, interactions, declared, kept.assign(code=codes), 0), kept
    customers = known_customers(interactions, draft.markets, start)
    catalogue = interactions.catalogue
    frame = pd.DataFrame(
        {
            c.CUSTOMER: catalogue.customer_ids(customers),
            c.MARKET: np.array(catalogue.markets, object)[catalogue.customer_market[customers]],
            "code": customers,
        }
    )
    if eligible is not None:
        frame = frame[frame[c.CUSTOMER].isin(eligible[c.CUSTOMER])]
    known = len(frame)
    if draft.unit == "cluster":
        frame = frame.assign(**{CLUSTER: clusters_of(frame[c.CUSTOMER].to_numpy(), clusters)})
        frame = frame.dropna(subset=[CLUSTER])
    without = known - len(frame)
    claim = take_slots(store, draft, start, end, round(draft.share * SLOTS))
    slots = (claim.first, claim.last)
    experiment = Experiment.model_validate(
        draft.model_dump() | {"start": start, "end": end, "slots": slots}
    )
    frame = placed(experiment, frame)
    counts = {arm: int((frame[ARM] == arm).sum()) for arm in experiment.arms}
    if min(counts.values()) < 2:
        free_slots(store, draft.layer, claim)
        raise ValueError(f"an arm has fewer than two customers: {counts}; nothing can be compared")
    account = _account(experiment, interactions, declared, frame, without)
    kept = frame.drop(columns="code").sort_values([c.MARKET, c.CUSTOMER], ignore_index=True)
    fix(store, experiment, kept)
    return account, kept


def _account(
    experiment: Experiment,
    interactions: Interactions,
    declared: Markets,
    frame: pd.DataFrame,
    without: int,
) -> Assigned:
    by_cluster = experiment.unit == "cluster"
    drawn = frame.drop_duplicates(CLUSTER) if by_cluster else frame
    found = {arm: int((drawn[ARM] == arm).sum()) for arm in experiment.arms}
    return Assigned(
        experiment=experiment,
        counts={arm: int((frame[ARM] == arm).sum()) for arm in experiment.arms},
        without_cluster=without,
        sample_ratio_p=sample_ratio_p(found, experiment.arms),
        balance=_balance(experiment, interactions, declared, frame),
    )


def placed(experiment: Experiment, frame: pd.DataFrame) -> pd.DataFrame:
    """Those whose slot belongs to the experiment, with their arm."""
    if experiment.slots is None:
        raise ValueError(f"{experiment.name} has no slots yet")
    by = CLUSTER if experiment.unit == "cluster" else c.CUSTOMER
    ids = frame[by].tolist()
    slot = slots_of(experiment.layer, ids)
    inside = (slot >= experiment.slots[0]) & (slot <= experiment.slots[1])
    arms = arms_of(experiment.name, ids, experiment.arms)
    return frame.assign(**{ARM: arms})[inside]


def _balance(
    experiment: Experiment, interactions: Interactions, declared: Markets, frame: pd.DataFrame
) -> tuple[Balance, ...]:
    start, _ = experiment.period
    day = dt.timedelta(days=1)
    codes = frame["code"].to_numpy().astype(np.int32)
    units = outcomes(
        interactions.before(start), declared, codes, start, start + day, experiment.before_days
    )
    arm = frame[ARM].to_numpy()
    found = []
    for column in COLUMNS:
        values = {one: units.loc[arm == one, column + BEFORE] for one in experiment.arms}
        mean = values[experiment.control].mean()
        for one, mine in values.items():
            spread = mine.var() / len(mine)
            beside = values[experiment.control]
            error = float(np.sqrt(spread + beside.var() / len(beside)))
            z = 0.0 if error == 0 or one == experiment.control else (mine.mean() - mean) / error
            found.append(Balance(arm=one, column=column, mean=float(mine.mean()), z=float(z)))
    return tuple(found)
