"""Where compiled code is kept, and that a node compiles each kernel once, in real processes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from restock.kernels import code_cache

KERNELS = """
import json, sys
from restock.kernels.code_cache import folder
from restock.kernels.policy import inlined, kernel

@inlined
def square(x):
    return x * x

@kernel
def root(x):
    return x ** 0.5

@kernel
def length(x, y):
    return root(square(x) + square(y))

print("ready", flush=True)
sys.stdin.readline()
found = length(3.0, 4.0)
stats = [one.stats for one in (square, root, length)]
print(json.dumps({
    "found": found,
    "compiled": sum(sum(one.cache_misses.values()) for one in stats),
    "loaded": sum(sum(one.cache_hits.values()) for one in stats),
    "folder": str(folder()),
    "files": sorted(one.lock for one in (square._cache, root._cache, length._cache)),
}))
"""


class Node:
    """A machine with a cache folder of its own, and a program with three kernels."""

    def __init__(self, root: Path) -> None:
        self.program, self.cache = root / "program.py", root / "cache"
        self.program.write_text(KERNELS)

    def start(self, **environment: str) -> subprocess.Popen[str]:
        """Start the program, up to the point where it needs its kernels."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
        started = subprocess.Popen(
            [sys.executable, self.program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**inherited, "XDG_CACHE_HOME": str(self.cache), **environment},
        )
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        return started

    def run(self, **environment: str) -> dict[str, Any]:
        """Run the program to its end."""
        return told(self.start(**environment))


def told(started: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = started.communicate("\n", timeout=120)
    answer: dict[str, Any] = json.loads(out)
    assert answer["found"] == 5
    return answer


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.mark.platform
def test_processes_that_start_cold_together_compile_each_kernel_once(node: Node) -> None:
    started = [node.start() for _ in range(4)]
    for one in started:
        assert one.stdin is not None
        one.stdin.write("\n")  # all at once; ``told`` only waits
        one.stdin.flush()
    answers = [told(one) for one in started]
    assert sum(one["compiled"] for one in answers) == 3
    assert sum(one["loaded"] for one in answers) >= 3
    again = node.run()
    assert (again["compiled"], again["loaded"]) == (0, 1)  # what it calls is part of it


@pytest.mark.platform
def test_a_process_that_dies_while_it_compiles_holds_nobody_up(node: Node) -> None:
    lock = next(path for path in node.run()["files"] if "length" in path)
    for kept in node.cache.rglob("*.nb[ic]"):
        kept.unlink()
    hold = (
        f"import sys; from restock.kernels import code_cache\nwith code_cache._alone({lock!r}):\n"
    )
    hold += "    print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        waiting = node.start()
        assert waiting.stdin is not None
        waiting.stdin.write("\n")
        waiting.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=5)
        holder.kill()
        assert told(waiting)["compiled"] == 3


@pytest.mark.platform
@pytest.mark.parametrize("hindrance", ["a file is in the way", "no locks", "a full disk"])
def test_code_that_cannot_be_kept_runs_all_the_same(node: Node, hindrance: str) -> None:
    if hindrance == "a file is in the way":
        node.cache.write_text("")
        assert str(node.cache) not in node.run()["files"][0]
        assert node.run()["compiled"] == 0  # numba found a folder of its own
    elif hindrance == "no locks":
        for lock in node.run()["files"]:
            Path(lock).unlink()
            Path(lock).mkdir()
        assert node.run()["compiled"] == 0
    else:
        full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        node.program.write_text(full + KERNELS)
        assert node.run()["compiled"] == 3


@pytest.mark.platform
def test_uncompiled_code_is_left_to_numba(node: Node) -> None:
    """``NUMBA_DISABLE_JIT`` is its switch for debugging: kernels are plain functions then."""
    program = "from restock.kernels.selection import best_items\nprint(best_items.__module__)"
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "restock.kernels.selection\n"), done.stderr


def test_each_kind_of_cpu_has_a_folder(node: Node, tmp_path: Path) -> None:
    here = node.run()
    assert here["folder"].startswith(str(node.cache / "restock" / "kernels"))
    plain = node.run(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert Path(plain["folder"]).name.startswith("generic-")
    assert Path(plain["folder"]).parent == Path(here["folder"]).parent
    assert plain["compiled"] == 3
    moved = node.run(NUMBA_CACHE_DIR=str(tmp_path / "elsewhere"))
    assert Path(moved["folder"]).parent == tmp_path / "elsewhere"
    assert Path(moved["folder"]).name == Path(here["folder"]).name


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(code_cache, "_KERNELS", tmp_path)
    yield tmp_path
    forget()


def forget() -> None:
    """What a new process would not know."""
    code_cache.source_stamp.cache_clear()
    code_cache._source.cache_clear()


@pytest.mark.unit
@pytest.mark.parametrize(
    ("changed", "stale"), [("own", True), ("helper", True), ("deep", True), ("other", False)]
)
def test_a_kernel_is_stale_when_a_file_that_it_is_made_of_changes(
    sources: Path, changed: str, stale: bool
) -> None:
    (sources / "own.py").write_text("from restock.kernels.helper import a, b\n")
    (sources / "helper.py").write_text("from restock.kernels.deep import c\n")
    (sources / "deep.py").write_text("from restock.kernels.own import d\n")
    (sources / "other.py").write_text("from restock.kernels.own import d\n")
    before = code_cache.source_stamp(sources / "own.py")
    file = sources / f"{changed}.py"
    file.write_text(file.read_text() + "# changed\n")
    forget()
    assert (code_cache.source_stamp(sources / "own.py") != before) is stale
