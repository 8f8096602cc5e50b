"""An experiment in a simulated world: every customer is served the plan of his arm."""

import datetime as dt
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from restock.dataset.simulated_shop import Policy, Shown, Situation


def split_policy(
    arms: Mapping[str, str],
    policies: Mapping[str, Policy],
    otherwise: Policy,
    start: dt.date,
    end: dt.date,
) -> Policy:
    """Serve each arm's policy to its customers from ``start`` to ``end`` (exclusive).

    arms: customer id → arm. policies: arm → what it serves. otherwise: for everybody else, and
    on other days. All show lists of one length. Each arm draws with a generator of its own, so
    that what one customer sees depends on nobody in another arm.
    """
    parts = {"": otherwise, **policies}

    def serve(situation: Situation) -> Shown:
        if not start <= situation.day < end:
            return otherwise(situation)
        ids = situation.catalogue.customer_ids(situation.customers)
        arm = np.array([arms.get(one, "") for one in ids], dtype=object)
        shown: Shown | None = None
        for name, random in zip(parts, situation.random.spawn(len(parts)), strict=True):
            rows = np.flatnonzero(arm == name)
            if rows.size:
                part = parts[name](_part(situation, rows, random))
                if shown is None:
                    shape = (arm.size, part.items.shape[1])
                    shown = Shown(np.full(shape, -1, np.int32), np.ones(shape))
                shown.items[rows], shown.propensities[rows] = part.items, part.propensities
        return shown or nothing(situation)

    serve.name = "experiment"  # type: ignore[attr-defined]
    return serve


def served_from(day: dt.date, policy: Policy) -> Policy:
    """Nothing is shown before a day; from it on what the policy shows."""

    def serve(situation: Situation) -> Shown:
        return policy(situation) if situation.day >= day else nothing(situation)

    serve.name = str(getattr(policy, "name", "policy"))  # type: ignore[attr-defined]
    return serve


def by_market(policies: Mapping[str, Policy], name: str) -> Policy:
    """In every market its own policy: of plans that are fitted on each market alone."""

    def serve(situation: Situation) -> Shown:
        return policies[situation.market](situation)

    serve.name = name  # type: ignore[attr-defined]
    return serve


def nothing(situation: Situation) -> Shown:
    """Empty lists."""
    rows = situation.customers.size
    return Shown(np.zeros((rows, 0), np.int32), np.zeros((rows, 0)))


def _part(situation: Situation, rows: NDArray[np.int64], random: np.random.Generator) -> Situation:
    """The same day for some of its visitors."""
    return Situation(
        market=situation.market,
        day=situation.day,
        customers=situation.customers[rows],
        allowed=situation.allowed,
        random=random,
        catalogue=situation.catalogue,
        _past=lambda: situation.history,
    )
