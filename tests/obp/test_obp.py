"""The Open Bandit Pipeline computes the same, to 1e-6, and so does its protocol."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from restock.benchmarks import open_bandit
from restock.benchmarks.ope_worlds import Cascade
from restock.evaluation.ope import Logged, LoggedLists, dm, dr, iips, ips, ips_lists, rips, snips

pytestmark = pytest.mark.platform

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@pytest.fixture(scope="module")
def data() -> dict[str, np.ndarray]:
    """Choices of one of 6 items at one of 3 positions, and lists with cascade clicks."""
    rng = np.random.default_rng(6)
    n, items, positions = 3000, 6, 3
    policy, logging = rng.dirichlet(np.ones(items), size=(2, n, positions)).transpose(0, 1, 3, 2)
    position = rng.integers(0, positions, n)
    rows = np.arange(n)
    chance = logging[rows, :, position]
    action = (chance.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(max=items - 1)
    lists = Cascade.of(seed=6).log(1500, rng)
    return {
        "reward": rng.lognormal(size=n) * (rng.random(n) < 0.2),
        "action": action,
        "position": position,
        "pscore": chance[rows, action],
        "action_dist": policy,
        "model": rng.uniform(0, 1, (n, items, positions)),
        "list_reward": lists.reward,
        "list_propensity": lists.propensity,
        "list_target": lists.target,
        "chances": open_bandit.bts_chances(),
    }


@pytest.fixture(scope="module")
def peer(data: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """What obp says, in a process that has it."""
    file = tmp_path_factory.mktemp("obp") / "log.npz"
    np.savez(file, **data)
    environment = os.environ | {"VENV": str(Path(sys.executable).parent.parent)}
    folder = _said([str(ROOT / "scripts" / "obp-env.sh")], environment).strip()
    script = [sys.executable, "-W", "ignore", str(HERE / "estimate_with_obp.py"), folder, str(file)]
    return json.loads(_said(script, environment))


def _said(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("estimator", [ips, snips, dm, dr])
def test_single_choices(estimator, data: dict[str, np.ndarray], peer: dict[str, float]) -> None:
    rows, action, position = np.arange(len(data["reward"])), data["action"], data["position"]
    policy, model = (data[name][rows, :, position] for name in ("action_dist", "model"))
    log = Logged(
        reward=data["reward"],
        propensity=data["pscore"],
        target=policy[rows, action],
        expected_logged=model[rows, action],
        expected_target=(policy * model).sum(axis=1),
    )
    assert estimator(log).value == pytest.approx(peer[estimator.__name__], abs=1e-6, rel=1e-6)


@pytest.mark.parametrize("estimator", [ips_lists, iips, rips])
def test_lists(estimator, data: dict[str, np.ndarray], peer: dict[str, float]) -> None:
    log = LoggedLists(data["list_reward"], data["list_propensity"], data["list_target"])
    assert estimator(log).value == pytest.approx(peer[estimator.__name__], abs=1e-6, rel=1e-6)


@pytest.mark.parametrize(("name", "estimator"), [("ipw", ips), ("snipw", snips)])
def test_the_protocol_on_the_open_bandit_sample(name: str, estimator, peer) -> None:
    truth = open_bandit.log_of("bts")["click"].mean()
    found = open_bandit.relative_error(estimator, open_bandit.random_to_bts(), truth)
    assert found == pytest.approx(peer[f"{name}_rel_error"], abs=1e-6)
