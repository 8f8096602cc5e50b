"""What is rehearsed is all that a day uses, and ``restock warm`` keeps its code."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from numba.core.dispatcher import Dispatcher

from restock.benchmarks.speed_warm import first_day, in_new_process
from restock.infra.warm import every_kernel

pytestmark = pytest.mark.platform

REHEARSE = """
import json
from restock.benchmarks.speed_warm import used
from restock.infra.rehearsal import parts, rehearse
from restock.kernels.code_cache import folder
for part in parts():
    rehearse(part)
print(json.dumps([str(folder()), used()]))
"""
WARM_ONE_PART = """
from restock.infra import rehearsal
rehearsal.parts = lambda: {"popular": None}  # its name is what a worker is given
from restock.cli.main import main
main()
"""


class Rehearsed(NamedTuple):
    """Where the code of all kernels is, and the kinds of arguments that they were called with."""

    folder: Path
    used: dict[str, list[str]]


@pytest.fixture(scope="module")
def rehearsed() -> Rehearsed:
    """Everything rehearsed in one new process, whatever other tests have compiled before."""
    folder, used = in_new_process(REHEARSE, cache=None)
    return Rehearsed(Path(folder), used)


def test_every_kernel_is_rehearsed(rehearsed: Rehearsed) -> None:
    """All that Python calls; what other kernels call is in their code."""
    kernels = dict(every_kernel())
    called = {id(one) for kernel in kernels.values() for one in kernels_named_in(kernel)}
    left = [name for name, kinds in rehearsed.used.items() if not kinds]
    assert [name for name in left if id(kernels[name]) not in called] == []
    assert len(rehearsed.used) == len(kernels)
    assert len(kernels) - len(left) > 50


def kernels_named_in(kernel: Any) -> Iterator[Any]:
    function = kernel.py_func
    for name in function.__code__.co_names:
        if isinstance(function.__globals__.get(name), Dispatcher):
            yield function.__globals__[name]


def test_a_day_in_a_new_process_uses_what_was_rehearsed_and_compiles_nothing(
    rehearsed: Rehearsed,
) -> None:
    day = first_day(None, ["BE"])
    assert day["compiled"] == []
    assert day["load"] > 0
    assert sum(map(len, day["used"].values())) > 50
    unknown = {name: set(kinds) - set(rehearsed.used[name]) for name, kinds in day["used"].items()}
    assert {name: kinds for name, kinds in unknown.items() if kinds} == {}


def test_warming_compiles_what_is_not_kept_and_names_what_is_left(
    rehearsed: Rehearsed, tmp_path: Path
) -> None:
    code = tmp_path / "restock" / "kernels" / rehearsed.folder.name
    shutil.copytree(rehearsed.folder, code)
    for kernel in ("netting.net", "merging.in_sequence"):  # a mixture alone uses the second
        for index in code.rglob(f"{kernel}-*.nbi"):  # one for each checkout that ran here
            index.unlink()
    said = in_new_process(WARM_ONE_PART, "warm", "--json", cache=tmp_path)
    assert said["missing"] == ["merging.in_sequence"]
    assert said["kernels"] == len(rehearsed.used) - 1
    assert said["compiled"] == 1
    assert Path(said["folder"]) == code
