"""The wheel is complete, and the layers hold."""

import ast
import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOT_SHIPPED = {"tests", "docs", "scripts", "build", "docker", "node_modules"}


def _tool_settings() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def _folders_with_code() -> set[str]:
    return {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in [*ROOT.glob("*/*.py"), *ROOT.glob("*/*/*.py")]
        if not (folder := path.relative_to(ROOT).parts[0]).startswith(".")
        and folder not in NOT_SHIPPED
    }


@pytest.mark.unit
def test_every_folder_with_code_is_a_listed_package() -> None:
    listed = {name.removeprefix("restock.") for name in _tool_settings()["packages"]}
    assert _folders_with_code() <= listed


@pytest.mark.unit
def test_every_package_says_what_belongs_in_it() -> None:
    for name in _tool_settings()["packages"]:
        folder = ROOT.joinpath(*name.split(".")[1:])
        if not list(folder.glob("*.py")):  # data files alone
            continue
        text = (folder / "__init__.py").read_text()
        assert ast.get_docstring(ast.parse(text)), f"{name} has no first line"


@pytest.mark.thorough
@pytest.mark.unit
def test_nothing_is_imported_by_its_bare_folder_name() -> None:
    bare = _folders_with_code()
    for path in ROOT.rglob("*.py"):
        if {".venv", ".peers", "node_modules"} & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            assert not {name.split(".")[0] for name in names} & bare, f"{path}: {names}"


@pytest.mark.thorough
@pytest.mark.unit
def test_the_library_loads_without_the_platform() -> None:
    code = (
        "import os, sys, restock.dataset, restock.models, restock.evaluation\n"
        "heavy = {'prefect', 'dask', 'distributed', 'mlflow', 'azure', 'torch', 'pyspark'}\n"
        "print(sorted(heavy & set(sys.modules)), os.environ.get('SPARK_LOCAL_IP'))"
    )
    clean = {name: value for name, value in os.environ.items() if name != "SPARK_LOCAL_IP"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean
    )
    assert run.stdout.strip() == "[] None"  # nor does it tell Spark where it runs


@pytest.mark.platform
def test_the_wheel_alone_runs_outside_the_checkout(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    wheel = next(tmp_path.glob("*.whl"))
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    site = next(home.glob("lib/python*/site-packages"))
    # the dependencies of this environment, without its link to the checkout
    dependencies = Path(pytest.__file__).parent.parent
    (site / "dependencies.pth").write_text(str(dependencies))
    python = home / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--no-deps", "--quiet", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)

    for data in ("deployments/*.toml", "deployments/**/*.yaml", "dataset/data/*", "infra/*.html"):
        there = {path.relative_to(ROOT) for path in ROOT.glob(data)}
        shipped = {path.relative_to(site / "restock") for path in site.glob(f"restock/{data}")}
        assert there and there <= shipped, data

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    assert "retrain" in run(str(home / "bin" / "restock"), "--help")
    where = run(str(python), "-c", "import restock.models, restock.dataset as d; print(d.__file__)")
    assert where.startswith(str(home))
    code = (
        "from restock.dataset import load_sample, Interactions\n"
        "print(len(load_sample().orders) > 700_000)"
    )
    assert run(str(python), "-c", code).strip() == "True"
