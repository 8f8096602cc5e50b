"""The doctor finds what is wrong, and says what to do."""

import json
from importlib import metadata
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from restock.cli.main import app
from restock.infra.doctor import Line, examine
from restock.infra.java import VECTOR_MODULE
from restock.infra.settings import load_settings

pytestmark = pytest.mark.unit


def lines(home: Path, **settings: object) -> dict[str, Line]:
    """By name; the extras and packages that are as they are here do not matter."""
    return {line.name: line for line in examine(load_settings(home=home, **settings))}


def test_a_fresh_machine_is_fit_and_says_what_is_optional(tmp_path: Path) -> None:
    found = lines(tmp_path, cores=1)
    for name in ("python", "packages", "threads", "memory", "disk", "mlflow", "storage"):
        assert found[name].state == "ok", found[name]
    assert found["threads"].found.startswith("1 cores = 1 workers")
    assert found["prefect"].state == "missing" and found["prefect"].remedy == "restock up"
    assert all(line.remedy for line in found.values() if line.state != "ok")
    assert not list((tmp_path / "store").rglob("doctor-*"))


def test_every_extra_has_its_line(tmp_path: Path) -> None:
    extras = set(metadata.metadata("restock").get_all("Provides-Extra") or []) - {"dev", "tools"}
    found = lines(tmp_path)
    assert {f"extra {name}" for name in extras} <= found.keys()
    for name in extras:
        line = found[f"extra {name}"]
        remedies = {f"pip install 'restock[{name}]'"}
        if name == "gpu":  # its package may be there, of the kind that uses no card
            version = torch.__version__.partition("+")[0]
            remedies |= {f"for a GPU install the CUDA build of torch {version}"}
            remedies |= {"for a GPU, see that nvidia-smi lists it here"}
        assert line.state == "ok" or line.remedy in remedies


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("version", "cuda", "there", "state", "says", "remedy"),
    [
        ("2.13.0+cpu", None, False, "missing", "torch 2.13.0+cpu is a CPU build", "torch 2.13.0"),
        ("2.13.0", "13.0", False, "missing", "sees no CUDA device", "nvidia-smi"),
        ("2.13.0", "13.0", True, "ok", "torch 2.13.0, CUDA 13.0", ""),
    ],
)
def test_a_torch_that_uses_no_card_does_not_count_as_the_gpu_extra(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    cuda: str | None,
    there: bool,
    state: str,
    says: str,
    remedy: str,
) -> None:
    monkeypatch.setattr(torch, "__version__", version)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    found = lines(tmp_path)
    assert found["extra torch"].state == "ok"
    line = found["extra gpu"]
    assert line.state == state and says in line.found and remedy in line.remedy


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("package", "version"), [("fastapi", "0.155.0"), ("sqlalchemy", "2.1.0"), ("pandas", "3.1.0")]
)
def test_versions_that_are_known_to_break_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, version: str
) -> None:
    """pip finds nothing wrong with any of these."""
    real = metadata.version
    monkeypatch.setattr(
        metadata, "version", lambda name: version if name == package else real(name)
    )
    found = lines(tmp_path)["packages"]
    assert found.state == "wrong"
    assert f"{package} {version} is not" in found.found


def test_a_store_that_cannot_be_written_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = lines(tmp_path, storage=str(tmp_path / "file" / "store"))["storage"]
    assert found.state == "wrong" and "RESTOCK_STORAGE" in found.remedy


def test_a_server_that_does_not_answer_is_wrong(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    found = lines(tmp_path, prefect={"api_url": f"{nowhere}/api"}, mlflow={"tracking_uri": nowhere})
    assert (
        found["prefect"].state == "wrong" and "RESTOCK_PREFECT__API_URL" in found["prefect"].remedy
    )
    assert found["mlflow"].state == "wrong"


@pytest.mark.thorough
def test_a_java_without_the_vector_module_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(
        '#!/bin/sh\ncase "$1" in -version) echo "openjdk 21" >&2;; *) echo java.base;; esac'
    )
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    found = lines(tmp_path)["java"]
    assert found.state == "missing" and VECTOR_MODULE in found.found
    java.write_text(f'#!/bin/sh\necho "openjdk 17"; echo {VECTOR_MODULE}')
    assert lines(tmp_path)["java"].state == "ok"


@pytest.mark.parametrize(("storage", "code"), [("store", 0), ("file/store", 1)])
def test_the_command_speaks_json_and_exits_by_what_is_wrong(
    tmp_path: Path, storage: str, code: int
) -> None:
    (tmp_path / "file").write_text("")
    variables = {"RESTOCK_HOME": str(tmp_path), "RESTOCK_STORAGE": f"{tmp_path}/{storage}"}
    done = CliRunner().invoke(app, ["doctor", "--json"], env=variables)
    assert done.exit_code == code, done.output
    found = {line["name"]: line["state"] for line in json.loads(done.stdout)}
    assert found["storage"] == ("wrong" if code else "ok")
