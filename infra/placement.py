"""Which families of models run on which workers: CPU, GPU or SPARK, as Dask's resources say it.

A worker says what it offers: ``restock workers --offers GPU``. Work asks for one
unit of its resource, and Dask lets it wait for such a worker, for ever if need be: so what
nobody offers is found out here, before anything is submitted.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict

from restock.infra.java import REMEDY, look_for_java, said

if TYPE_CHECKING:
    from distributed import Client

Resource = Literal["CPU", "GPU", "SPARK"]
RESOURCES: tuple[Resource, ...] = get_args(Resource)
ON_SPARK = frozenset({"als"})
"""Families that can be fitted on Spark."""
PROMISES = "restock-nodes"
"""Where a scheduler keeps what nodes may come."""


class Offers(BaseModel):
    """How many tasks that need a resource can run at once; what is absent, nobody offers.

    asked: CPU work has to ask for CPU too, so that it stays off workers that do not offer it.
    Where no worker says what it offers, CPU work runs on all of them. why: resource → why it
    is not offered, where that is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    slots: dict[Resource, int]
    asked: bool = False
    why: dict[Resource, str] = {}

    def needs(self, resource: Resource) -> dict[str, float]:
        """What Dask is told that a piece of work needs."""
        return {resource: 1} if resource != "CPU" or self.asked else {}


class Placements(BaseModel):
    """Where every family runs. A JSON value.

    skipped: family → why it cannot run here. notes: what a reader of the results has to know,
    each beginning with its family.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    where: dict[str, Resource]
    skipped: dict[str, str] = {}
    notes: tuple[str, ...] = ()

    def of(self, family: str) -> Resource:
        """The resource of a family; a family that is not placed runs on CPUs."""
        return self.where.get(family, "CPU")

    def without(self, missing: Mapping[str, str]) -> Self:
        """Without families that cannot run after all. missing: family → why."""
        where = {name: at for name, at in self.where.items() if name not in missing}
        notes = tuple(note for note in self.notes if note.split(" ", 1)[0] not in missing)
        skipped = {**self.skipped, **missing}
        return self.model_copy(update={"where": where, "skipped": skipped, "notes": notes})


def place(families: Iterable[str], wanted: Mapping[str, Resource], offers: Offers) -> Placements:
    """Decide where families run.

    wanted: family → resource, where somebody asked for it; the rest goes by the model: one of
    neural networks runs on a GPU where there is one, and on CPUs otherwise, all others on CPUs.
    ValueError for a family or resource that cannot be.
    """
    # whoever starts Prefect loads this file: its server and commands shall not load models, too
    from restock.models.registry import model_class

    where: dict[str, Resource] = {}
    skipped: dict[str, str] = {}
    notes: list[str] = []
    for family in families:
        neural = model_class(family).compute == "gpu"
        resource: Resource = "GPU" if neural and "GPU" in offers.slots else "CPU"
        resource = _possible(family, wanted.get(family, resource), neural)
        if resource not in offers.slots:
            skipped[family] = offers.why.get(
                resource,
                f"no worker offers {resource}: start one with "
                f"restock workers --offers {resource}, or place {family} elsewhere",
            )
            continue
        where[family] = resource
        if neural and resource == "CPU":
            notes.append(f"{family} is trained on CPUs: no worker offers a GPU")
    for family in wanted:
        model_class(family)  # a name that does not exist is told with the nearest one
    return Placements(where=where, skipped=skipped, notes=tuple(notes))


def _possible(family: str, resource: Resource, neural: bool) -> Resource:
    if resource not in RESOURCES:
        raise ValueError(f"there is no resource {resource!r}: use {', '.join(RESOURCES)}")
    if resource == "SPARK" and family not in ON_SPARK:
        raise ValueError(
            f"{family} is not fitted on Spark: only {', '.join(sorted(ON_SPARK))} can be"
        )
    if resource == "GPU" and not neural:
        raise ValueError(f"{family} has no use for a GPU: leave it on CPU")
    return resource


# what is offered ------------------------------------------------------------------------------
def offered(client: "Client") -> Offers:
    """What the workers of a cluster offer now."""
    return _offers(_workers(client))


def offered_or_promised(client: "Client") -> Offers:
    """What the workers of a cluster offer now, and nodes that come when work asks for them.

    A node counts as one worker with one thread: how large it will be is not known.
    """
    return _offers([*_workers(client), *_promised(client)])


def _workers(client: "Client") -> list[tuple[int, Mapping[str, float]]]:
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return [(one["nthreads"], one["resources"]) for one in workers]


async def promise(client: "Client", offers: Mapping[str, float], nodes: int) -> None:
    """Tell the scheduler that so many more nodes may come, until this client closes."""
    await client.set_metadata([PROMISES, client.id], [dict(offers), nodes])


def _promised(client: "Client") -> list[tuple[int, Mapping[str, float]]]:

    def kept(key: str, dask_scheduler: Any) -> list[tuple[dict[str, float], int]]:
        # travels by value, as in node_workers. A client that was killed keeps no promise.
        made = dask_scheduler.get_metadata([key], default={})
        return [one for who, one in made.items() if who in dask_scheduler.clients]

    found = client.run_on_scheduler(kept, PROMISES)
    return [(1, offers) for offers, nodes in found for _ in range(nodes)]


def _offers(workers: Iterable[tuple[int, Mapping[str, float]]]) -> Offers:
    """workers: threads of each, and what it says that it offers."""
    slots: dict[Resource, int] = {}
    threads, asked = 0, False
    for nthreads, resources in workers:
        threads += nthreads
        asked = asked or "CPU" in resources
        for name in RESOURCES:
            if at_once := min(nthreads, int(resources.get(name, 0))):
                slots[name] = slots.get(name, 0) + at_once
    if not asked and threads:
        slots["CPU"] = threads
    return Offers(slots=slots, asked=asked)


def own_offers(workers: int) -> list[dict[str, float]]:
    """What each of the workers that we start on this node offers.

    All offer CPU, as many as there are cards a GPU, and the first Spark, where pyspark and a
    Java are installed.
    """
    offers: list[dict[str, float]] = [{"CPU": 1} for _ in range(workers)]
    for at in range(min(cards(), workers)):
        offers[at]["GPU"] = 1
    java = os.environ.get("JAVA_HOME") or shutil.which("java")
    if java and find_spec("pyspark") is not None:
        offers[0]["SPARK"] = 1
    return offers


def this_process(slots: int) -> Offers:
    """What a process offers that runs ``slots`` tasks at once in threads."""
    own = own_offers(1)[0]
    extra: dict[Resource, int] = {name: 1 for name in RESOURCES[1:] if name in own}
    return Offers(slots={"CPU": slots, **extra})


def with_usable_java(offers: Offers) -> Offers:
    """The offers of this node, without Spark where its Java is of no use. Takes a second."""
    if "SPARK" not in offers.slots:
        return offers
    java = look_for_java()
    if java.usable:
        return offers
    slots = dict(offers.slots)
    del slots["SPARK"]
    why: dict[Resource, str] = {"SPARK": f"Spark cannot start here: {java.found}; {REMEDY}"}
    return Offers(slots=slots, asked=offers.asked, why=why)


def cards() -> int:
    """CUDA cards of this node that its driver lists."""
    if shutil.which("nvidia-smi") is None:
        return 0
    return sum(line.startswith("GPU ") for line in (said("nvidia-smi", "-L") or "").splitlines())


@contextmanager
def asking(needs: Mapping[str, float]) -> Iterator[None]:
    """What is submitted to Dask inside asks for these resources."""
    if not needs:
        yield
        return
    from dask.base import annotate

    with annotate(resources=dict(needs)):
        yield


def device(resource: Resource) -> str:
    """Where a network is trained on a worker of this resource."""
    if resource != "GPU":
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def spark(resource: Resource, threads: int) -> Any:
    """The Spark session of a worker of this resource; None on any other."""
    if resource != "SPARK":
        return None
    from restock.infra.spark import spark_session

    return spark_session(threads)
