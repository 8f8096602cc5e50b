"""What works here and what is missing, line by line, each with its remedy."""

import os
import platform
import shutil
import sys
import uuid
from collections.abc import Iterable, Iterator
from importlib import metadata
from typing import Literal, NamedTuple

import psutil
from packaging.requirements import Requirement

from restock.infra.java import REMEDY, look_for_java, said
from restock.infra.platform_state import MLFLOW, SERVER, WORKER, read_state
from restock.infra.processes import answers
from restock.infra.runners import thread_plan
from restock.infra.settings import Settings
from restock.infra.store import open_store

DISTRIBUTION = "restock"
DEVELOPERS = ("dev", "tools")
"""Extras of those who work on restock itself."""
LEAST_MEMORY_GB, LEAST_DISK_GB = 3.0, 1.0


class Line(NamedTuple):
    """One finding. "missing" is optional and off; "wrong" keeps a night from working."""

    name: str
    state: Literal["ok", "missing", "wrong"]
    found: str
    remedy: str = ""


def examine(settings: Settings) -> list[Line]:
    """Look at everything; takes a few seconds and changes nothing."""
    return [
        _python(),
        *_packages(),
        *_extras(),
        *_machine(settings),
        _java(),
        _gpu(),
        *_servers(settings),
        _storage(settings),
    ]


def _python() -> Line:
    version = platform.python_version()
    needed = metadata.metadata(DISTRIBUTION)["Requires-Python"]
    if Requirement(f"python{needed}").specifier.contains(version, prereleases=True):
        return Line("python", "ok", f"{version} at {sys.executable}")
    return Line("python", "wrong", version, f"use a Python that is {needed}")


def _requirements() -> Iterator[tuple[str, Requirement]]:
    """What the package asks for, by extra ("" for the core)."""
    for text in metadata.requires(DISTRIBUTION) or ():
        requirement = Requirement(text)
        extras = metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []
        marker = requirement.marker
        for extra in ["", *extras]:
            if marker is None or marker.evaluate({"extra": extra}):
                yield extra, requirement
                break


def _unmet(requirement: Requirement, seen: frozenset[str] = frozenset()) -> str | None:
    """What keeps a requirement from being met, in words; None when it is."""
    if requirement.name == DISTRIBUTION:  # an extra that includes another extra
        inner = requirement.extras - seen
        problems = [
            problem
            for extra, needed in _requirements()
            if extra in inner and (problem := _unmet(needed, seen | inner))
        ]
        return ", ".join(problems) or None
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"no {requirement.name}"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{requirement.name} {version} is not {requirement.specifier}"


def _packages() -> list[Line]:
    """Versions outside what is tested run into errors that do not name their cause."""
    unmet = [
        problem
        for extra, needed in _requirements()
        if not extra and (problem := _unmet(needed)) is not None
    ]
    if unmet:
        remedy = f"pip install --upgrade {DISTRIBUTION}"
        return [Line("packages", "wrong", problem, remedy) for problem in unmet]
    names = ("prefect", "dask", "mlflow", "numba", "fastapi", "sqlalchemy")
    return [Line("packages", "ok", ", ".join(f"{n} {metadata.version(n)}" for n in names))]


def _extras() -> list[Line]:
    needed: dict[str, list[Requirement]] = {}
    for extra, requirement in _requirements():
        if extra and extra not in DEVELOPERS:
            needed.setdefault(extra, []).append(requirement)
    lines = []
    for extra, requirements in needed.items():
        unmet = [problem for one in requirements if (problem := _unmet(one))]
        name, remedy = f"extra {extra}", f"pip install '{DISTRIBUTION}[{extra}]'"
        if unmet:
            lines.append(Line(name, "missing", ", ".join(unmet), remedy))
        elif extra == "gpu":
            lines.append(_torch_on_cards(name))
        else:
            lines.append(Line(name, "ok", "installed"))
    return lines


def _torch_on_cards(name: str) -> Line:
    """An installed torch may be of a kind that uses no card, which no version says."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return Line(name, "missing", f"torch cannot be imported: {error}", "install torch again")
    build = f"torch {torch.__version__}"
    if torch.version.cuda is None:
        return Line(
            name,
            "missing",
            f"{build} is a CPU build: models run on the CPU",
            f"for a GPU install the CUDA build of torch {torch.__version__.partition('+')[0]}",
        )
    if not torch.cuda.is_available():
        found = f"{build} sees no CUDA device: models run on the CPU"
        return Line(name, "missing", found, "for a GPU, see that nvidia-smi lists it here")
    return Line(name, "ok", f"{build}, CUDA {torch.version.cuda}")


def _machine(settings: Settings) -> list[Line]:
    memory = psutil.virtual_memory().total / 2**30
    settings.home.mkdir(parents=True, exist_ok=True)
    disk = shutil.disk_usage(settings.home).free / 2**30
    return [
        Line("threads", "ok", f"{thread_plan(settings)} (runner {settings.runner})"),
        _enough("memory", memory, LEAST_MEMORY_GB, "give the machine or container more memory"),
        _enough("disk", disk, LEAST_DISK_GB, f"free space at {settings.home}, or set RESTOCK_HOME"),
    ]


def _enough(name: str, there: float, least: float, remedy: str) -> Line:
    if there >= least:
        return Line(name, "ok", f"{there:.1f} GB")
    return Line(name, "wrong", f"{there:.1f} GB, {least:.0f} are needed", remedy)


def _java() -> Line:
    """Only Spark needs it."""
    java = look_for_java()
    return Line(
        "java", "ok" if java.usable else "missing", java.found, "" if java.usable else REMEDY
    )


def _gpu() -> Line:
    cards = said("nvidia-smi", "-L")
    if not cards:
        return Line("gpu", "missing", "no NVIDIA GPU", "none is needed: models run on the CPU")
    return Line("gpu", "ok", "; ".join(line.split(" (")[0] for line in cards.splitlines()))


def _servers(settings: Settings) -> Iterable[Line]:
    running = read_state(settings.home).running()
    elsewhere = settings.prefect.api_url or os.environ.get("PREFECT_API_URL")
    if elsewhere:
        yield _reached("prefect", elsewhere, f"{elsewhere}/health", "RESTOCK_PREFECT__API_URL")
    elif server := running.get(SERVER):
        yield _reached("prefect", str(server.url), f"{server.url}/api/health", "restock up")
        worker = running.get(WORKER)
        alive = Line("worker", "ok", f"pid {worker.pid}") if worker else None
        yield alive or Line("worker", "wrong", "not running", "restock up")
    else:
        found = "none stands; each command starts its own"
        yield Line("prefect", "missing", found, "restock up")
    tracking = settings.tracking_uri
    if tracking.startswith("http"):
        yield _reached("mlflow", tracking, f"{tracking}/health", "RESTOCK_MLFLOW__TRACKING_URI")
    elif server := running.get(MLFLOW):
        yield _reached("mlflow", str(server.url), f"{server.url}/health", "restock up")
    else:
        yield Line("mlflow", "ok", f"no server; nights are written to {tracking}")


def _reached(name: str, shown: str, url: str, remedy: str) -> Line:
    if answers(url, timeout=5):
        return Line(name, "ok", shown)
    command = remedy if remedy.startswith("restock") else f"start it, or correct {remedy}"
    return Line(name, "wrong", f"{shown} does not answer", command)


def _storage(settings: Settings) -> Line:
    """Written, read back and removed: rights may cover one and not the other."""
    key, data = f"spool/doctor-{uuid.uuid4().hex}", b"restock doctor"
    try:
        store = open_store(settings=settings)
        store.put(key, data)
        same = store.get(key).data == data
        store.delete(key)
    except Exception as error:
        first = str(error).splitlines()[0] if str(error) else ""
        found = f"{settings.storage}: {type(error).__name__}: {first}"
        return Line("storage", "wrong", found, "correct RESTOCK_STORAGE, its rights or its key")
    if not same:
        return Line("storage", "wrong", f"{settings.storage} does not return what was written")
    return Line("storage", "ok", settings.storage)
