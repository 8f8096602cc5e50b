"""Run by the tests in a process of its own: what obp says of the same logs.

Usage: python estimate_with_obp.py FOLDER_OF_OBP FILE.npz, prints one JSON object. The file has
the arrays that obp's estimators take; ``chances`` is the policy of the Open Bandit protocol.
"""

import json
import logging
import sys

sys.path.insert(0, sys.argv[1])

import numpy as np
from obp import ope
from obp.dataset import OpenBanditDataset

logging.disable(logging.WARNING)
BOOTSTRAPS = 30


class Sample(OpenBanditDataset):
    """The sample inside obp, without features, whose making needs pandas before 2."""

    def pre_process(self) -> None:
        """No features: no estimator here uses them."""
        self.context = np.zeros((self.n_rounds, 1))
        self.action_context = np.zeros((self.n_actions, 1))


def of_choices(given) -> dict[str, float]:
    """Single choices."""
    logged = {name: given[name] for name in ("reward", "action", "position", "pscore")}
    policy = {"action_dist": given["action_dist"], "position": given["position"]}
    model = {"estimated_rewards_by_reg_model": given["model"]}
    weighted = logged | policy
    return {
        "ips": ope.InverseProbabilityWeighting().estimate_policy_value(**weighted),
        "snips": ope.SelfNormalizedInverseProbabilityWeighting().estimate_policy_value(**weighted),
        "dm": ope.DirectMethod().estimate_policy_value(**policy, **model),
        "dr": ope.DoublyRobust().estimate_policy_value(**weighted, **model),
    }


def of_lists(given) -> dict[str, float]:
    """Lists of k places, flat, with the probabilities that each estimator is for."""
    n, k = given["list_reward"].shape
    places = {
        "slate_id": np.repeat(np.arange(n), k),
        "position": np.tile(np.arange(k), n),
        "reward": given["list_reward"].ravel(),
    }
    logged, target = given["list_propensity"], given["list_target"]

    def flat(chances):
        return np.broadcast_to(chances, (n, k)).ravel().copy()

    return {
        "ips_lists": ope.SlateStandardIPS(len_list=k).estimate_policy_value(
            **places,
            pscore=flat(logged.prod(axis=1, keepdims=True)),
            evaluation_policy_pscore=flat(target.prod(axis=1, keepdims=True)),
        ),
        "iips": ope.SlateIndependentIPS(len_list=k).estimate_policy_value(
            **places,
            pscore_item_position=flat(logged),
            evaluation_policy_pscore_item_position=flat(target),
        ),
        "rips": ope.SlateRewardInteractionIPS(len_list=k).estimate_policy_value(
            **places,
            pscore_cascade=flat(logged.cumprod(axis=1)),
            evaluation_policy_pscore_cascade=flat(target.cumprod(axis=1)),
        ),
    }


def protocol(chances: np.ndarray) -> dict[str, float]:
    """Relative errors from random to bts on obp's own copy of the sample."""
    sample = Sample(behavior_policy="random", campaign="all")
    truth = Sample.calc_on_policy_policy_value_estimate("bts", "all")
    errors = []
    for seed in range(BOOTSTRAPS):
        log = sample.sample_bootstrap_bandit_feedback(random_state=seed)
        evaluation = ope.OffPolicyEvaluation(
            bandit_feedback=log,
            ope_estimators=[
                ope.InverseProbabilityWeighting(),
                ope.SelfNormalizedInverseProbabilityWeighting(),
            ],
        )
        errors.append(
            evaluation.evaluate_performance_of_estimators(
                ground_truth_policy_value=truth,
                action_dist=np.broadcast_to(chances, (log["n_rounds"], *chances.shape)),
                metric="relative-ee",
            )
        )
    found = {name: float(np.mean([one[name] for one in errors])) for name in errors[0]}
    return {"ipw_rel_error": found["ipw"], "snipw_rel_error": found["snipw"]}


if __name__ == "__main__":
    with np.load(sys.argv[2]) as given:
        said = of_choices(given) | of_lists(given) | protocol(given["chances"])
    print(json.dumps({name: float(value) for name, value in said.items()}))
