"""A simulated world to rehearse an experiment in: its orders and its log, as files in a folder.

``world.json`` says how the world is made; ``orders.parquet`` and ``exposures.parquet`` are what
is known of it so far: until the day before the experiment, then until its end.
"""

import datetime as dt
from pathlib import Path

import pandas as pd
from pydantic import Field, ValidationError

from restock.dataset import Interactions, simulate
from restock.dataset import columns as c
from restock.dataset import exposures as e
from restock.dataset.simulate import Shoppers, Simulation
from restock.dataset.simulated_shop import Policy
from restock.evaluation.experiments.arms import ARM
from restock.evaluation.experiments.record import Experiment
from restock.evaluation.experiments.rehearsal import by_market, served_from, split_policy
from restock.evaluation.ope.drawing import Drawing, as_policy
from restock.infra.records import Record
from restock.models import Candidate, FitContext

WORLD, ORDERS, EXPOSURES = "world.json", "orders.parquet", "exposures.parquet"


class BadWorld(ValueError):
    """A folder without a world, or an experiment that does not fit it; says what to do."""


class World(Record):
    """How a world is made. customers: market → how many. history_days: before an experiment can
    start; on the last ``log_days`` of them ``service`` is shown and logged. later_days: that can
    be played after them. k: length of a list. drawing: how lists are drawn.
    browse, effect: how customers respond, see ``dataset.simulate.Shoppers``."""

    customers: dict[str, int] = Field(min_length=1)
    items: int = 300
    seed: int = 0
    first: dt.date = dt.date(2025, 1, 6)
    history_days: int = Field(default=252, ge=56)
    log_days: int = Field(default=28, ge=0)
    later_days: int = Field(default=56, ge=1)
    k: int = Field(default=10, ge=1)
    drawing: str = "softmax:0.5"
    browse: float = Field(default=0.3, ge=0)
    effect: float = Field(default=0.9, ge=0, le=1)
    service: Candidate = Candidate(name="popular")

    @property
    def start(self) -> dt.date:
        """The first day on which an experiment can start."""
        return self.first + dt.timedelta(days=self.history_days)

    def play(self, policy: Policy | None) -> Simulation:
        """The whole world under a policy."""
        return simulate(
            customers=self.customers,
            items=self.items,
            days=self.history_days + self.later_days,
            seed=self.seed,
            start=self.first,
            policy=policy,
            shoppers=Shoppers(browse=self.browse, effect=self.effect),
        )

    def serve(self, candidate: Candidate, past: Interactions) -> Policy:
        """A plan, fitted on the past, as a policy that draws its lists."""
        drawing = Drawing.parse(self.drawing)

        def fitted(orders: Interactions) -> Policy:
            return as_policy(candidate.create().fit(orders, FitContext()), self.k, drawing)

        if candidate.pooled:
            return fitted(past)
        parts = {market: fitted(past.of_market(market)) for market in self.customers}
        return by_market(parts, candidate.key)

    def in_service(self) -> Policy:
        """The plan in service, fitted on what was known before its first day."""
        first = self.start - dt.timedelta(days=self.log_days)
        past = self.play(None).interactions(everyone=True).before(first)
        return served_from(first, self.serve(self.service, past))


def make_world(folder: Path, world: World) -> dict[str, int]:
    """Write a world as it is known before the experiment; the rows of each file.

    BadWorld when the folder has another world.
    """
    path = folder / WORLD
    if path.exists() and path.read_bytes() != world.bytes():
        raise BadWorld(f"{folder} holds another world already: take another folder, or empty it")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(world.bytes())
    simulation = world.play(world.in_service())
    return _write(folder, simulation, world.start, {}, world.service.key)


def play(folder: Path, experiment: Experiment, assignment: pd.DataFrame) -> dict[str, int]:
    """Serve every arm's plan to its customers, and write what came of it; the rows of each file.

    BadWorld when there is no world, or the experiment's days, markets or plans are not in it.
    """
    world = read_world(folder)
    start, end = experiment.period
    last = world.start + dt.timedelta(days=world.later_days)
    if start < world.start or end > last:
        raise BadWorld(
            f"the world in {folder} can be played from {world.start} until {last}, and "
            f"{experiment.name} runs from {start} to {end}: assign it within those days"
        )
    if not experiment.plans:
        raise BadWorld(
            f"the arms of {experiment.name} have no plans to show: name them in its design, as in "
            "--arms control=popular,treatment=reorder"
        )
    service = world.in_service()
    past = world.play(service).interactions(everyone=True).before(start)
    arms = dict(zip(assignment[c.CUSTOMER], assignment[ARM], strict=True))
    policies = {arm: world.serve(plan, past) for arm, plan in experiment.plans.items()}
    simulation = world.play(split_policy(arms, policies, service, start, end))
    return _write(folder, simulation, end, arms, world.service.key, start)


def read_world(folder: Path) -> World:
    """The world of a folder. BadWorld when there is none."""
    path = folder / WORLD
    try:
        return World.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BadWorld(
            f"there is no world in {folder}: make one with restock experiment rehearse "
            f"--folder {folder}"
        ) from error


def _write(
    folder: Path,
    simulation: Simulation,
    end: dt.date,
    arms: dict[str, str],
    service: str,
    start: dt.date = dt.date.max,
) -> dict[str, int]:
    """What is known before ``end``. The log's policy is the arm of the customer, from ``start``
    on, else the plan in service."""
    orders, log = simulation.orders, simulation.exposures
    orders = orders[orders[c.TIMESTAMP] < pd.Timestamp(end)]
    log = log[log[e.TIME] < pd.Timestamp(end)].copy()
    log[e.POLICY] = service
    if arms:
        during = log[e.TIME] >= pd.Timestamp(start)
        log.loc[during, e.POLICY] = log.loc[during, e.CUSTOMER].map(arms).fillna(service)
    orders.to_parquet(folder / ORDERS, index=False)
    log.to_parquet(folder / EXPOSURES, index=False)
    return {ORDERS: len(orders), EXPOSURES: len(log)}
