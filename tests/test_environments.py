"""Images, containers, tasks and workflows name what exists, and hold no secret."""

import json
import re
import runpy
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.main import get_command

from restock.cli.main import app
from restock.infra.debugger import PORT

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
_TARGETS = runpy.run_path(str(ROOT / "docker" / "targets.py"))
TARGETS: dict[str, Any] = _TARGETS["TARGETS"]
requirements = _TARGETS["requirements"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CONTAINERS = sorted((ROOT / ".devcontainer").glob("*/devcontainer.json"))
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
pytestmark = pytest.mark.unit


@cache
def texts() -> list[tuple[Path, str]]:
    """Every text of the repository that may name a target, an extra or a command."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / name for name in done.stdout.splitlines()]
    return [
        (path, path.read_text(encoding="utf-8"))
        for path in paths
        if path.suffix not in {".png", ".parquet"} and path.is_file() and path != Path(__file__)
    ]


def stages() -> dict[str, tuple[str, str]]:
    """Stage of the Dockerfile → the stage or image below it, and its own lines."""
    text = (ROOT / "docker" / "Dockerfile").read_text()
    found = re.findall(r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", text, re.M | re.S)
    return {name: (below, lines) for below, name, lines in found}


def whole(stage: str) -> str:
    """The lines of a stage and of all below it."""
    below, lines = stages()[stage]
    return (whole(below) if below in stages() else "") + lines


def matrix_targets(path: Path) -> list[list[str]]:
    """The targets of every matrix of a workflow."""
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    found = [job.get("strategy", {}).get("matrix", {}).get("target") for job in jobs]
    return [one for one in found if one]


def test_every_target_is_a_stage_that_installs_what_it_says() -> None:
    assert TARGETS.keys() <= stages().keys()
    for target in TARGETS:
        assert f"install.sh package {target} " in stages()[target][1]
        # all its requirements come from itself or from a stage below
        installed = re.findall(r"install\.sh requirements (\S+) ", whole(target))
        assert {text for one in installed for text in requirements(one)} == {*requirements(target)}


def test_every_target_that_is_named_exists() -> None:
    named = [json.loads(path.read_text())["build"]["target"] for path in CONTAINERS]
    assert named == [path.parent.name for path in CONTAINERS] == ["cpu", "gpu", "spark"]
    built = [one for path in WORKFLOWS for one in matrix_targets(path)]
    assert built == [list(TARGETS)] * 2
    services = COMPOSE["services"].values()
    named += [one["build"]["target"] for one in services if "build" in one]
    for path, text in texts():
        for name in re.findall(
            r"--target[ =]([a-z][a-z-]*)|docker/install\.sh \w+ ([a-z][a-z-]*)", text
        ):
            named.append(name[0] or name[1])
            assert named[-1] in TARGETS, path
    assert set(named) <= TARGETS.keys()


def test_every_extra_that_is_named_exists() -> None:
    extras = PROJECT["project"]["optional-dependencies"].keys()
    assert {extra for one in TARGETS.values() for extra in one.extras} <= extras
    for path, text in texts():
        for listed in re.findall(r"(?:restock|\s['\"]?\.)\[([a-z][a-z,-]*)\]", text):
            assert set(listed.split(",")) <= extras, f"{path}: [{listed}]"


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    there = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.M))
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.M)
    assert phony and set(phony[1].split()) == there
    for path, text in texts():
        named = re.findall(
            r"`make ([a-z][a-z-]*)|^(?:\$ |.*run: |make )make ([a-z][a-z-]*)", text, re.M
        )
        for name in filter(None, (one for pair in named for one in pair)):
            assert name in there, f"{path}: make {name}"


def commands(value: Any) -> Iterator[list[str]]:
    """The arguments of every ``restock`` command in VS Code's tasks and launches."""
    for task in value.get("tasks", []):
        words = shlex.split(task["command"])
        if words[0] == "restock":
            yield words[1:]
    for launch in value.get("configurations", []):
        if launch.get("module") == "restock.cli":
            yield launch["args"]


@pytest.mark.parametrize("name", ["tasks.json", "launch.json"])
def test_tasks_and_launches_are_commands_with_options_that_exist(name: str) -> None:
    value = json.loads((ROOT / ".vscode" / name).read_text())
    group = get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    started = set()
    for words in commands(value):
        command = group.commands[words[0]]
        started.add(words[0])
        options = {flag for parameter in command.params for flag in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, words
    assert {"retrain", "search", "drift", "monitor", "backtest", "ope", "link"} <= started
    asked = set(re.findall(r"\$\{input:(\w+)\}", json.dumps(value)))
    assert asked == {one["id"] for one in value["inputs"]}


def test_a_debugger_attaches_where_restock_listens() -> None:
    value = json.loads((ROOT / ".vscode" / "launch.json").read_text())
    attached = {one["name"]: one for one in value["configurations"] if one["request"] == "attach"}
    environment = re.search(r"VENV=(\S+)", (ROOT / "docker" / "Dockerfile").read_text())
    assert environment
    image = f"{environment[1]}/lib/python3.12/site-packages/restock"
    for name, one in attached.items():
        who, where = name.removeprefix("debug: ").partition(" in an image")[:2]
        port = PORT + {"flow": 0, "worker 1": 1, "worker 2": 2}[who]
        assert one["connect"] == {"host": "127.0.0.1", "port": port}, name
        roots = {"localRoot": "${workspaceFolder}", "remoteRoot": "${workspaceFolder}"}
        assert one["pathMappings"] == [roots | ({"remoteRoot": image} if where else {})], name
        # in an image restock lies among the libraries, whose lines are passed over else
        assert one["justMyCode"] is not bool(where), name
    together = [set(one["configurations"]) for one in value["compounds"]]
    elsewhere = {name for name in attached if name.endswith("in an image")}
    assert together == [attached.keys() - elsewhere, elsewhere] and len(elsewhere) == 3
    forwarded = (ROOT / "docs" / "vscode.md").read_text()
    assert all(f"{PORT + n}:127.0.0.1:{PORT + n}" in forwarded for n in range(3))


def test_an_image_is_made_of_the_package_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert lines.index("*") < min(lines.index(f"!{name}") for name in allowed)
    packages = {
        name.split(".")[1] for name in PROJECT["tool"]["setuptools"]["packages"] if "." in name
    }
    files = {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "__init__.py", "py.typed"}
    assert allowed == packages | files | {"docker"}


SECRET = re.compile(
    r"AccountKey=[A-Za-z0-9+/]{40}|sig=[A-Za-z0-9%]{30}|\b[A-Za-z0-9+/]{86}==|"
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bgh[pousr]_[A-Za-z0-9]{30}|\bdapi[0-9a-f]{32}|\bpnu_\w{20}|"
    r"\bAKIA[A-Z0-9]{16}|(?i:(password|secret|token|api_?key)['\"]?\s*[:=]\s*['\"]?[A-Za-z0-9+/_-]{12,}['\"]?\s*$)",
    re.M,
)


@pytest.mark.parametrize(
    "text",
    [
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + "x" * 86 + "==",
        "AZURITE_KEY: " + "Ab1+" * 21 + "ab==",
        "-----BEGIN RSA PRIVATE KEY-----",
        "PREFECT_API_KEY: pnu_" + "a1" * 18,
        "POSTGRES_PASSWORD: correct-horse-battery",
        "host = dapi" + "0f" * 16,
    ],
)
def test_a_secret_is_recognised(text: str) -> None:
    assert SECRET.search(text)


def test_no_secret_goes_into_an_image_or_a_workflow() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line[1:] for line in ignored if line.startswith("!")} | {".github", ".devcontainer"}
    seen = 0
    for path, text in texts():
        if path.relative_to(ROOT).parts[0] in sent | {".vscode", ".ci", "scripts"}:
            found = SECRET.search(text)
            assert not found, f"{path}: {found and found[0][:20]}…"
            seen += 1
    assert seen > 100


def test_the_platform_in_containers_listens_on_loopback_and_takes_secrets_from_outside() -> None:
    services = COMPOSE["services"]
    ports = [port for one in services.values() for port in one.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)
    assert "8786" not in " ".join(ports)  # whoever reaches Dask's scheduler can run anything
    named = re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker" / "compose.yaml").read_text())
    assert set(named) == {"POSTGRES_PASSWORD", "AZURITE_KEY", "RESTOCK_IMAGE"}


def test_each_action_is_pinned_to_a_commit_and_no_job_has_rights_that_it_does_not_name() -> None:
    for path in WORKFLOWS:
        text = path.read_text()
        for used in re.findall(r"uses: (\S+)", text):
            assert used.startswith("$/.github/workflows/") or re.search(r"@[0-9a-f]{40}$", used)
        assert yaml.safe_load(text)["permissions"] == {}


AZURE_ML = {"openssh-client", "openssh-server"}
DATABRICKS = {"acl", "bash", "coreutils", "iproute2", "procps", "python3-virtualenv", "sudo"}


def test_what_azure_ml_and_databricks_demand_of_an_image_is_there() -> None:
    """The two lists of docs/ci.md; one target meets both."""
    for target, demanded in {
        "azureml-cpu": AZURE_ML,
        "azureml-gpu": AZURE_ML,
        "databricks": DATABRICKS | AZURE_ML | {"openjdk-17-jdk-headless"},
    }.items():
        lines = whole(target)
        assert demanded <= set(lines.split()), target
        assert lines.rindex("USER 0") > lines.rindex("USER 1000")
        wanted = requirements(target)
        assert "ipykernel>=6,<7" in wanted and any(one.startswith("debugpy") for one in wanted)
    lines = whole("databricks")
    assert "useradd libraries" in lines and "usermod --lock libraries" in lines
    assert "PYSPARK_PYTHON=/databricks/python3/bin/python3" in lines
    assert not any("pyspark" in one for one in wanted)
