"""What each target of the Dockerfile installs and promises: the one place that says so.

    python docker/targets.py list                   the targets
    python docker/targets.py requirements TARGET    what pip installs, one requirement a line
    python docker/targets.py check TARGET           with the target's own Python: is it all there?

Needs nothing but Python: it runs before anything is installed.
"""

import importlib
import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


class Target(NamedTuple):
    """An environment: extras of pyproject.toml, modules that import, modules that must be away."""

    extras: tuple[str, ...]
    imports: tuple[str, ...]
    away: tuple[str, ...]


NO_ENGINE = ("pyspark", "torch")
AZUREML = ("azure.ai.ml", "ipykernel", "debugpy")
TARGETS = {
    "cpu": Target(("azure",), ("azure.storage.blob", "azure.identity"), NO_ENGINE),
    "gpu": Target(("azure", "gpu"), ("azure.storage.blob", "torch"), ("pyspark",)),
    "spark": Target(("azure", "spark"), ("azure.storage.blob", "pyspark"), ("torch",)),
    "azureml-cpu": Target(("azureml", "debug"), AZUREML, NO_ENGINE),
    "azureml-gpu": Target(("azureml", "debug", "gpu"), (*AZUREML, "torch"), ("pyspark",)),
    # The cluster brings its own pyspark: another one before it on the path breaks it.
    "databricks": Target(
        ("azure", "databricks", "databricks-cluster"),
        ("databricks.sdk", "ipykernel", "grpc_status", "google.rpc.status_pb2", "pandas"),
        NO_ENGINE,
    ),
}
ALWAYS = ("restock.flows.retrain", "restock.cli.main", "prefect", "mlflow", "distributed")


def requirements(target: str) -> list[str]:
    """The core's requirements and those of the target's extras, with extras of extras."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]

    def flat(texts: list[str]) -> Iterator[str]:
        for text in texts:
            if own := re.fullmatch(r"restock\[(.+)\]", text):
                for name in own[1].split(","):
                    yield from flat(extras[name])
            else:
                yield text

    wanted = [*project["dependencies"], f"restock[{','.join(TARGETS[target].extras)}]"]
    return list(dict.fromkeys(flat(wanted)))


def check(target: str) -> list[str]:
    """What is not as it should be in the Python that runs this; nothing when all is well."""
    wrong = []
    for name in (*ALWAYS, *TARGETS[target].imports):
        try:
            importlib.import_module(name)
        except Exception as error:
            wrong.append(f"{name} does not import: {type(error).__name__}: {error}")
    wrong += [f"{name} is there" for name in TARGETS[target].away if importlib.util.find_spec(name)]
    return wrong


def main() -> int:
    """Exit 0 when all is well, 1 when the target is not as it should be, 2 on wrong usage."""
    match sys.argv[1:]:
        case ["list"]:
            print("\n".join(TARGETS))
        case ["requirements", target] if target in TARGETS:
            print("\n".join(requirements(target)))
        case ["check", target] if target in TARGETS:
            wrong = check(target)
            print("\n".join(wrong) or f"{target}: all there")
            return bool(wrong)
        case _:
            print(__doc__, f"\nTargets: {', '.join(TARGETS)}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
