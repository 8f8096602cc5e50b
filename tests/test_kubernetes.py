"""Manifests, by the published schemas of Kubernetes, and by what they say of each other."""

import copy
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.main import get_group

from restock.cli.main import app
from restock.infra.settings import Settings, SettingsError, known_keys, load_settings, variable

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "deployments" / "kubernetes"
VERSION = "1.34"
TARGETS = runpy.run_path(str(ROOT / "docker" / "targets.py"))["TARGETS"]
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]
KUSTOMIZATIONS = [FOLDER / "kustomization.yaml", FOLDER / "pools" / "kustomization.yaml"]
MANIFESTS = sorted(path for path in FOLDER.rglob("*.yaml") if path not in KUSTOMIZATIONS)
WORKLOADS = ("Deployment", "StatefulSet", "Job")

Manifest = dict[str, Any]


@cache
def manifests() -> tuple[Manifest, ...]:
    return tuple(one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text()))


def of(*kinds: str) -> list[Manifest]:
    return [one for one in manifests() if one["kind"] in kinds]


def named(kind: str, name: str) -> Manifest:
    (found,) = [one for one in of(kind) if one["metadata"]["name"] == name]
    return found


def pods() -> dict[str, Manifest]:
    """Workload → its pod's template."""
    return {one["metadata"]["name"]: one["spec"]["template"] for one in of(*WORKLOADS)}


def container(pod: Manifest) -> Manifest:
    (one,) = pod["spec"]["containers"]
    return dict(one)


def selected(labels: dict[str, str]) -> set[str]:
    return {
        name for name, pod in pods().items() if labels.items() <= pod["metadata"]["labels"].items()
    }


def validate(manifest: Manifest) -> None:
    kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_kubernetes_knows_every_key_and_type() -> None:
    assert len(manifests()) > 20
    for manifest in manifests():
        validate(manifest)


@pytest.mark.parametrize(
    ("kind", "at", "value"),
    [
        ("Deployment", ["spec", "replica"], 1),
        ("Deployment", ["spec", "replicas"], "two"),
        ("Deployment", ["spec", "template", "spec", "containers", 0, "envform"], []),
        ("Deployment", ["spec", "template", "spec", "securityContext", "runAsNonroot"], True),
        ("Service", ["spec", "ports", 0, "port"], "http"),
        ("NetworkPolicy", ["spec", "podSelectors"], {}),
        ("Job", ["spec", "backoffLimit"], "many"),
    ],
)
def test_a_mistake_is_refused(kind: str, at: list[Any], value: Any) -> None:
    manifest = copy.deepcopy(of(kind)[0])
    part: Any = manifest
    for key in at[:-1]:
        part = part[key]
    part[at[-1]] = value
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(manifest)


def test_every_file_and_every_image_is_in_its_kustomization() -> None:
    for path in KUSTOMIZATIONS:
        told = yaml.safe_load(path.read_text())
        here = {one.name for one in MANIFESTS if one.parent == path.parent}
        assert set(told["resources"]) == here and len(told["resources"]) == len(here)
        ours = {
            container(one["spec"]["template"])["image"]
            for name in here
            for one in yaml.safe_load_all((path.parent / name).read_text())
            if one["kind"] in WORKLOADS
        } - {"postgres:17"}
        known = {one["name"] for one in told["images"]}
        assert ours - {"restock-cpu"} == known - {"restock-cpu"}
        assert all(name.removeprefix("restock-") in TARGETS for name in ours | known)
        assert "restock-cpu" in known or path.parent.name == "pools"
    assert COMPOSE["postgres"]["image"] == "postgres:17"


def test_what_a_component_brings_lands_where_its_base_does() -> None:
    base, pools = (yaml.safe_load(path.read_text()) for path in KUSTOMIZATIONS)
    assert pools["kind"] == "Component" and base["namespace"] == "restock"
    for key in ("namespace", "labels"):  # kustomize gives it nothing of its base's
        assert pools[key] == base[key], key


def test_a_service_finds_the_pod_that_has_its_name_and_port() -> None:
    for service in of("Service"):
        name = service["metadata"]["name"]
        assert selected(service["spec"]["selector"]) == {name}
        listens = {one["containerPort"] for one in container(pods()[name])["ports"]}
        assert {one["port"] for one in service["spec"]["ports"]} <= listens
    for one in of("Deployment", "StatefulSet"):
        assert selected(one["spec"]["selector"]["matchLabels"]) == {one["metadata"]["name"]}
    assert named("StatefulSet", "postgres")["spec"]["serviceName"] == "postgres"
    for budget in of("PodDisruptionBudget"):
        assert selected(budget["spec"]["selector"]["matchLabels"]) == {"serve"}
        # no pod of it is ready before the first night, and nodes are to be drained then too
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def hosts_and_ports() -> Iterator[tuple[str, str, int]]:
    """Who asks whom at which port, as the settings say it."""
    told = named("ConfigMap", "restock")["data"]
    for name, pod in pods().items():
        environment = {one["name"]: one.get("value", "") for one in container(pod).get("env", [])}
        if any("configMapRef" in one for one in container(pod).get("envFrom", [])):
            environment |= told
        for value in environment.values():
            for host, port in re.findall(r"^\w+://([a-z]+):(\d+)", value):
                yield name, host, int(port)


def test_who_is_asked_exists_and_lets_in_who_asks() -> None:
    asked = set(hosts_and_ports())
    assert {(who, host) for who, host, _ in asked} >= {
        ("worker", "prefect"),
        ("worker", "mlflow"),
        ("dask-cpu", "scheduler"),
        ("deployments", "prefect"),
    }
    serves_lists_alone = {("serve", "prefect"), ("serve", "mlflow"), ("serve", "scheduler")}
    told_but_not_asked = serves_lists_alone | {
        ("deployments", "scheduler"),
        ("deployments", "mlflow"),
    }
    for who, host, port in asked:
        assert port in {one["port"] for one in named("Service", host)["spec"]["ports"]}
        if (who, host) not in told_but_not_asked:
            assert lets_in(host, who, port), f"{who} cannot reach {host}:{port}"
    assert lets_in("postgres", "prefect", 5432)
    for nobody in ("worker", "serve", "dask-cpu"):
        assert not lets_in("postgres", nobody, 5432)
    assert not lets_in("scheduler", "serve", 8786)
    assert not lets_in("prefect", "serve", 4200)


def lets_in(target: str, who: str, port: int) -> bool:
    """Whether a policy lets one pod in to another, once nobody is let in to any."""
    for policy in of("NetworkPolicy"):
        spec = policy["spec"]
        if target not in selected(spec["podSelector"].get("matchLabels", {})):
            continue
        for rule in spec.get("ingress", []):
            ports = {one["port"] for one in rule.get("ports", [])}
            peers = [one["podSelector"] for one in rule["from"] if "podSelector" in one]
            if (not ports or port in ports) and any(
                who in selected(one["matchLabels"]) for one in peers
            ):
                return True
    return False


def test_nobody_is_let_in_unless_a_policy_says_so() -> None:
    nobody = named("NetworkPolicy", "nobody")["spec"]
    assert nobody == {"podSelector": {}, "policyTypes": ["Ingress"]}
    open_to_all = [
        policy["metadata"]["name"]
        for policy in of("NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
        if any("namespaceSelector" in peer for peer in rule["from"])
    ]
    assert open_to_all == ["serve"]


def test_every_pod_is_fit_for_the_restricted_standard_and_declares_what_it_needs() -> None:
    enforced = named("Namespace", "restock")["metadata"]["labels"]
    assert enforced == {"pod-security.kubernetes.io/enforce": "restricted"}
    for name, pod in pods().items():
        spec, one = pod["spec"], container(pod)
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert one["resources"]["requests"].keys() >= {"cpu", "memory"}, name
        assert "memory" in one["resources"]["limits"], name
        # a service's address in the environment may be read as a setting
        assert spec.get("enableServiceLinks") is False or name == "postgres"


def test_who_listens_is_asked_whether_it_is_well() -> None:
    for service in of("Service"):
        one = container(pods()[service["metadata"]["name"]])
        assert {"readinessProbe", "livenessProbe"} <= one.keys()
    for pod in pods().values():
        one = container(pod)
        ports = {port["name"] for port in one.get("ports", [])}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if "httpGet" in one.get(probe, {}):
                assert one[probe]["httpGet"]["port"] in ports


@pytest.mark.thorough
def test_commands_exist_and_are_those_of_the_containers_on_one_machine() -> None:
    commands = {name: container(pod).get("command") for name, pod in pods().items()}
    for name in ("prefect", "mlflow", "scheduler", "deployments"):
        assert commands[name] == COMPOSE[name]["command"], name
    assert commands["worker"] == [*COMPOSE["worker"]["command"], "--with-healthcheck"]
    ours = [words for words in commands.values() if words and words[0] == "restock"]
    assert len(ours) == 4
    for _, command, *arguments in ours:
        get_group(app).commands[command].make_context(command, arguments)  # takes its options


def test_settings_exist_and_secrets_are_no_more_than_names(monkeypatch: pytest.MonkeyPatch) -> None:
    told = named("ConfigMap", "restock")["data"]
    secret = {variable(key) for key, is_secret in known_keys().items() if is_secret}
    assert not told.keys() & secret and not of("Secret")
    for pod in pods().values():
        for one in container(pod).get("env", []):
            if one["name"].startswith("RESTOCK_"):
                told = told | {one["name"]: one["value"]}
            assert ("value" in one) != ("PASSWORD" in one["name"] or "DATABASE_CON" in one["name"])
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert isinstance(load_settings(), Settings)
    monkeypatch.setenv("RESTOCK_MLFLOW__TRACKING_URL", "http://mlflow:5000")
    with pytest.raises(SettingsError):
        load_settings()
