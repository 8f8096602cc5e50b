"""Candidates: keys, labels, and what cannot be one."""

import pytest
from pydantic import ValidationError

from restock.models import Candidate
from restock.models.candidate import Scope
from restock.models.market_prior import MarketPrior, MarketPriorConfig

pytestmark = pytest.mark.unit


def test_a_key_is_that_of_the_whole_configuration() -> None:
    short = Candidate(name="sar", config={"half_life_days": 90})
    long = Candidate(name="sar", config={"threshold": 1, "half_life_days": 90.0})
    assert short.key == long.key
    assert short.key != Candidate(name="sar").key
    assert short.key != Candidate(name="sar", config={"half_life_days": 90}, scope="pooled").key


def test_a_key_is_short_and_stable() -> None:
    key = Candidate(name="reorder", config={"half_life_days": 180, "popularity": 2}).key
    name, scope, digest = key.split("-")
    assert (name, scope, len(digest)) == ("reorder", "market", 8)
    # keys name scorecards and plans in the store: they must not change from version to version
    assert key == "reorder-market-f6f745de"


def test_a_pooled_model_in_the_light_of_the_market() -> None:
    prior = Candidate(name="sar", config={"threshold": 3}, scope="prior")
    model = prior.create()
    assert model.name == "market_prior"
    assert model.config.member.name == "sar" and model.config.member.config["threshold"] == 3
    assert prior.label == "sar (prior, threshold=3)"
    assert [Candidate(name="sar", scope=s).pooled for s in ("market", "pooled", "prior")] == [
        False,
        True,
        True,
    ]


def test_the_key_of_a_prior_holds_its_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other defaults of the prior would make another plan of the same model."""

    class Heavier(MarketPriorConfig):
        weight: float = 9.0

    before = Candidate(name="sar", scope="prior").key
    assert before.startswith("sar-prior-")
    monkeypatch.setattr(MarketPrior, "config_class", Heavier)
    assert Candidate(name="sar", scope="prior").key != before


def test_a_label_says_what_is_unusual() -> None:
    assert Candidate(name="blend", scope="pooled").label == "blend (pooled)"
    config = {"half_life_days": 90, "threshold": 1}
    assert Candidate(name="sar", config=config).label == "sar (market, half_life_days=90)"
    members = {"members": [{"name": "sar"}]}
    assert Candidate(name="blend", config=members).label == "blend (market, members)"


def test_it_creates_its_model() -> None:
    model = Candidate(name="sar", config={"threshold": 3}).create()
    assert (model.name, model.config.threshold) == ("sar", 3)


@pytest.mark.parametrize("scope", ["market", "pooled", "prior"])
def test_it_survives_json(scope: Scope) -> None:
    candidate = Candidate(name="sar", config={"threshold": 3}, scope=scope)
    again = Candidate.model_validate_json(candidate.model_dump_json())
    assert again == candidate
    assert again.key == candidate.key


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"name": "rerder"}, "did you mean 'reorder'"),
        ({"name": "sar", "config": {"treshold": 3}}, "did you mean 'threshold'"),
        ({"name": "sar", "config": {"threshold": 0}}, "threshold"),
        ({"name": "sar", "config": {"treshold": 3}, "scope": "prior"}, "did you mean 'threshold'"),
        ({"name": "rerder", "scope": "prior"}, "did you mean 'reorder'"),
        ({"name": "sar", "scope": "world"}, "scope"),
        ({"name": "sar", "colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_created_is_refused(about: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Candidate(**about)
