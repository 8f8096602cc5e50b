"""The sample of the Open Bandit Dataset and the made-up logs are what they are said to be."""

import hashlib
from importlib.resources import files

import numpy as np
import pytest

from restock.benchmarks import open_bandit, proof_ope
from restock.benchmarks.ope_worlds import Cascade, Choices
from restock.evaluation.ope import diagnose, dm, logged_mean, logged_mean_lists

pytestmark = pytest.mark.unit


def test_the_files_are_the_ones_that_the_licence_page_names() -> None:
    folder = files("restock.dataset") / "data"
    page = (folder / "LICENSE.md").read_text()
    for name in ("open_bandit.parquet", "open_bandit_bts.parquet"):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() in page


def test_the_sample_is_the_published_one() -> None:
    random, bts = open_bandit.log_of("random"), open_bandit.log_of("bts")
    assert len(random) == len(bts) == 10_000
    assert (random["click"].sum(), bts["click"].sum()) == (38, 42)
    assert (random["propensity"] == 1 / 80).all()
    np.testing.assert_allclose(open_bandit.bts_chances().sum(axis=0), 1, atol=1e-9)
    found = diagnose(open_bandit.random_to_bts())
    assert found.ess == pytest.approx(1643, abs=1) and found.mean_weight == pytest.approx(
        0.953, 1e-3
    )


def test_the_relative_errors_from_random_to_bts() -> None:
    errors = {figure.figure: figure.value for figure in proof_ope.open_bandit_errors()}
    assert round(errors["ipw_rel_error"], 4) == 0.3111
    assert round(errors["snipw_rel_error"], 4) == 0.3118


def test_made_up_choices_earn_what_they_should() -> None:
    world = Choices.of(seed=3)
    log = world.log(200_000, 50_000, np.random.default_rng(0))
    found = diagnose(log)
    assert found.ess_share == pytest.approx(0.5, abs=0.02)
    expected = (world.logging * world.clicks).sum(axis=1).mean()
    assert logged_mean(log).value == pytest.approx(expected, rel=0.04)
    assert dm(log).value == pytest.approx((world.target * world.model).sum(axis=1).mean(), rel=0.02)


def test_a_made_up_cascade_earns_what_it_should() -> None:
    world = Cascade.of(seed=3)
    same = Cascade(world.attraction, world.target, world.target)
    log = same.log(100_000, np.random.default_rng(0))
    np.testing.assert_allclose(log.weight, 1)
    assert (log.reward.sum(axis=1) <= 1).all()
    assert logged_mean_lists(log).value == pytest.approx(world.truth, rel=0.02)


def test_intervals_cover_and_one_weight_is_refused() -> None:
    found = {figure.figure: figure for figure in proof_ope.coverage(60)}
    for name in ("ipw", "snipw", "dr"):
        assert found[f"coverage.{name}"].value > 0.85
    assert found["refused_sound"].value == 0
    assert proof_ope.refused(3).value == 1


def test_rips_errs_less_than_whole_lists_and_its_intervals_cover() -> None:
    found = {figure.figure: figure.value for figure in proof_ope.lists(40)}
    assert found["rips_error_ratio"] < 1 and found["coverage.rips"] > 0.8
