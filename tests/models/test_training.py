"""The training loop: seeds, threads, early stopping, and what a step is."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restock.models import CannotFit, FitContext
from restock.models.training import Curve, Schedule, build, generator, shuffled, train

pytestmark = pytest.mark.unit
ROWS = 3000


def schedule(**changes: float) -> Schedule:
    common = {"epochs": 3, "batch_size": 256, "learning_rate": 0.05, "weight_decay": 0.0}
    return Schedule(**{**common, "patience": 3, **changes})  # type: ignore[arg-type]


def made(seed: int = 0) -> tuple[nn.Module, Tensor, Tensor]:
    """A network of 200 embeddings and two layers, its rows and their targets."""
    random = torch.Generator().manual_seed(5)
    rows = torch.randint(0, 200, (ROWS, 8), generator=random)
    target = (rows.sum(1) % 7 < 3).float()

    def network() -> nn.Module:
        layers = [nn.Embedding(200, 16), nn.Flatten(), nn.Linear(128, 64), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(64, 1))

    return build(network, generator(FitContext(seed=seed))), rows, target


def run(context: FitContext, plan: Schedule | None = None) -> tuple[Curve, np.ndarray]:
    """The curve and all the weights of one training."""
    network, rows, target = made(context.seed)
    plan = plan or schedule()

    def losses(which: Tensor) -> Tensor:
        score = network(rows[which])[:, 0]
        return nn.functional.binary_cross_entropy_with_logits(
            score, target[which], reduction="none"
        )

    curve = train(
        network,
        lambda which: losses(which).mean(),
        lambda random: shuffled(ROWS, plan.batch_size, random),
        plan,
        context,
        generator(context),
        lambda: losses(torch.arange(ROWS)),
    )
    return curve, np.concatenate([p.detach().numpy().ravel() for p in network.parameters()])


def test_the_seed_decides_and_nothing_else_does() -> None:
    curve, weights = run(FitContext(seed=3))
    torch.rand(7)  # another user of torch's own generator
    again, same = run(FitContext(seed=3))
    assert curve == again
    np.testing.assert_array_equal(weights, same)
    assert (weights != run(FitContext(seed=4))[1]).any()


def test_torchs_own_generator_and_threads_are_left_as_they_were() -> None:
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    run(FitContext(seed=3, threads=threads + 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.get_num_threads() == threads


def test_threads_change_nothing() -> None:
    one, three = (run(FitContext(threads=n)) for n in (1, 3))
    assert one[0].validation == three[0].validation
    np.testing.assert_array_equal(one[1], three[1])


def test_the_best_weights_stay_and_patience_ends_it() -> None:
    network = build(lambda: nn.Linear(1, 1), generator(FitContext()))
    judged = iter([3.0, 1.0, 2.0, 2.5, 9.0, 0.0])
    seen: list[Tensor] = []

    def validate() -> Tensor:
        seen.append(network.weight.detach().clone())
        return torch.tensor([next(judged)])

    curve = train(
        network,
        lambda rows: network(rows[:, None].float()).mean(),
        lambda random: shuffled(10, 5, random),
        schedule(epochs=6, patience=2),
        FitContext(),
        generator(FitContext()),
        validate,
    )
    assert curve.validation == [3.0, 1.0, 2.0, 2.5]
    assert curve.best == 1
    assert torch.equal(network.weight, seen[1])
    assert not torch.equal(network.weight, seen[3])


def test_training_that_runs_away_says_so_and_what_to_change() -> None:
    with pytest.raises(CannotFit, match=r"epoch \d is (nan|inf).*learning_rate below 1"):
        run(FitContext(), schedule(epochs=30, learning_rate=1.0, weight_decay=100.0))


def test_every_epoch_sees_every_row_once_and_the_rate_falls_to_nothing() -> None:
    network = build(lambda: nn.Linear(1, 1, bias=False), generator(FitContext()))
    seen: list[Tensor] = []
    weights: list[float] = []

    def loss(rows: Tensor) -> Tensor:
        seen.append(rows)
        weights.append(float(network.weight.detach()))
        return network.weight.sum()  # a gradient of 1: AdamW then moves by the rate itself

    plan = schedule(epochs=2, batch_size=4, learning_rate=0.1)
    batches = train(
        network,
        loss,
        lambda random: shuffled(10, plan.batch_size, random),
        plan,
        FitContext(),
        generator(FitContext()),
    )
    assert [len(rows) for rows in seen] == [4, 4, 2, 4, 4, 2]
    for epoch in (seen[:3], seen[3:]):
        assert sorted(torch.cat(epoch).tolist()) == list(range(10))
    assert torch.cat(seen[:3]).tolist() != torch.cat(seen[3:]).tolist()
    steps = -np.diff([*weights, float(network.weight.detach())])
    np.testing.assert_allclose(steps, 0.1 * (1 - np.arange(6) / 6), rtol=1e-5)
    assert len(batches.loss) == 2
