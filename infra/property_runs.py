"""Property-based tests on many workers: each takes other seeds, and so tries other examples.

The tests travel as text, the code under test is what the worker has installed. A seed runs in a
process of its own, so that a crash is a finding and not the end of a worker.
"""

import base64
import io
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from restock.infra.gather import Future, gather
from restock.infra.patience import Patience
from restock.infra.runners import OWN_RUNNERS, scheduler_address, security, thread_plan
from restock.infra.settings import Settings
from restock.models.requirements import check_extras

SEED_SECONDS = 1800  # then the seed counts as failed
LINES_OF_EXAMPLE = 40
NOTHING_TO_RUN = 5  # pytest's exit code
PLUGIN = "restock.infra.seeded"
NEEDED = {"pytest": "tools", "hypothesis": "tools"}


class Suite(NamedTuple):
    """Tests that travel: a zip (base64) of a folder's Python files; the files to run, inside it."""

    archive: str
    files: tuple[str, ...]


class Falsified(NamedTuple):
    """A property that does not hold: the test, the seeds that found it, an example of the first."""

    test: str
    seeds: tuple[int, ...]
    example: str


class Verdict(NamedTuple):
    """What came out. tests: properties that were tried. seeds: how many were tried to the end."""

    tests: int
    seeds: int
    falsified: tuple[Falsified, ...]


class SeedRun(NamedTuple):
    """One seed: how many properties were tried, and test → what falsifies it."""

    tests: int
    failures: dict[str, str]


class BadSuite(ValueError):
    """The tests cannot be run: none is there, or they cannot be imported."""


def pack(paths: Sequence[Path]) -> Suite:
    """The test files and what lies around them: the folders above, as far up as they are tests.

    All Python files of the outermost folder that holds a ``conftest.py`` travel, hidden folders
    left out. BadSuite for a path that is no Python file, or files of different suites.
    """
    roots = {_root(path) for path in paths}
    if len(roots) != 1:
        raise BadSuite(f"these tests belong together no more than {sorted(map(str, roots))}")
    root = roots.pop()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(root.rglob("*.py")):
            inside = file.relative_to(root)
            if not any(part.startswith(".") for part in inside.parts):
                archive.write(file, inside.as_posix())
    files = tuple(path.resolve().relative_to(root).as_posix() for path in paths)
    return Suite(base64.b64encode(packed.getvalue()).decode(), files)


def try_properties(
    suite: Suite, seeds: Sequence[int], settings: Settings, tell: Callable[[int], None]
) -> Verdict:
    """Run the suite's properties with each seed, on the runner of the settings.

    tell: told how many seeds are done. A seed whose worker dies runs again elsewhere, twice at
    most. BadSuite; ImportError when pytest or hypothesis is not installed; NotFinished when a
    cluster has no workers for long.
    """
    check_extras("restock properties", NEEDED)
    found: list[tuple[int, SeedRun]] = []

    def came(seed: str, run: SeedRun) -> None:
        found.append((int(seed), run))
        tell(len(found))

    with _executor(settings) as (workers, patience):

        def submit(seed: str) -> Future[SeedRun]:
            return workers.submit(run_seed, suite, int(seed))

        futures = {str(seed): submit(str(seed)) for seed in seeds}
        _, lost = gather(futures, submit, done=came, hopeless=patience)
    for error in lost.values():
        raise error
    return _verdict(sorted(found))


def run_seed(suite: Suite, seed: int) -> SeedRun:
    """Run the properties once, in a new process. BadSuite when that is not possible."""
    with tempfile.TemporaryDirectory(prefix="restock-") as scratch:
        root, report = Path(scratch) / "tests", Path(scratch) / "report.xml"
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(suite.archive))) as archive:
            archive.extractall(root)
        options = ["-p", PLUGIN, f"--hypothesis-seed={seed}", f"--junitxml={report}"]
        options += ["-m", "hypothesis", "-q", "-p", "no:cacheprovider"]
        options += ["-c", "/dev/null", f"--rootdir={root}"]
        options += ["--import-mode=importlib", "-o", f"pythonpath={root}"]
        options += ["-W", "ignore::pytest.PytestUnknownMarkWarning"]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *options, *suite.files],
                cwd=root,
                capture_output=True,
                text=True,
                timeout=SEED_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return SeedRun(0, {"(all)": f"not done within {SEED_SECONDS} s"})
        if done.returncode < 0:
            return SeedRun(0, {"(all)": f"the process died of signal {-done.returncode}"})
        if done.returncode == NOTHING_TO_RUN:
            raise BadSuite(f"{', '.join(suite.files)}: no test there uses hypothesis.given")
        if done.returncode > 1 or not report.is_file():
            raise BadSuite(f"no property could be tried: {_end(done.stdout + done.stderr)}")
        return _read(report)


def _read(report: Path) -> SeedRun:
    cases = list(ElementTree.parse(report).iter("testcase"))
    failures = {}
    for case in cases:
        for fault in (*case.iter("failure"), *case.iter("error")):
            name = f"{case.get('classname', '')}::{case.get('name')}"
            failures[name] = _example(fault.text or fault.get("message") or "")
    return SeedRun(len(cases), failures)


def _example(text: str) -> str:
    """The end of pytest's report, where the values are, without its marks."""
    said = [re.sub("^E ", "  ", line) for line in text.splitlines()]
    return "\n".join(said[-LINES_OF_EXAMPLE:])


def _verdict(found: Sequence[tuple[int, SeedRun]]) -> Verdict:
    by_test: dict[str, list[tuple[int, str]]] = {}
    for seed, run in found:
        for test, example in run.failures.items():
            by_test.setdefault(test, []).append((seed, example))
    falsified = tuple(
        Falsified(test, tuple(seed for seed, _ in cases), cases[0][1])
        for test, cases in sorted(by_test.items())
    )
    return Verdict(max((run.tests for _, run in found), default=0), len(found), falsified)


def _end(text: str, lines: int = 5) -> str:
    return " | ".join(line for line in text.strip().splitlines()[-lines:] if line.strip())


def _root(path: Path) -> Path:
    """The outermost folder of tests that a file lies in."""
    path = path.resolve()
    if not path.is_file() or path.suffix != ".py":
        raise BadSuite(f"{path} is no Python file: name the file of the tests")
    root = path.parent
    for folder in path.parents:
        if (folder / "conftest.py").is_file():
            root = folder
    return root


@contextmanager
def _executor(settings: Settings) -> Iterator[tuple[Executor, Patience | None]]:
    """This machine's cores, or a cluster elsewhere and how long workers are waited for."""
    if settings.runner in OWN_RUNNERS:  # seeds are processes already
        with ThreadPoolExecutor(thread_plan(settings).cores) as pool:
            yield pool, None
        return
    from distributed import Client

    address = scheduler_address(settings.runner)
    with Client(address, security=security(settings), set_as_default=False) as client:
        workers = client.get_executor(pure=False, retries=0)
        yield workers, Patience(client, settings.runner, needs={})
