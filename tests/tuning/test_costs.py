import pytest

from restock.models import Candidate
from restock.models.registry import MODELS, model_class
from restock.tuning.costs import Size, seconds
from restock.tuning.trials import Rung

pytestmark = pytest.mark.unit

FR = Size(lines=11_708, customers=91, items=1874)
SAMPLE = Size(lines=704_214, customers=5707, items=4593)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_costs_something_and_more_on_more(name: str) -> None:
    small, large = (seconds(Candidate(name=name), size) for size in (FR, SAMPLE))
    assert 0 < small < large


@pytest.mark.parametrize(
    ("name", "config", "measured"),
    [
        ("popular", {}, 0.041),
        ("item_knn", {}, 0.326),
        ("sar", {}, 1.296),
        ("tifu_knn", {"neighbours": 800}, 0.696),
        ("ease", {}, 1.961),
        ("als", {"factors": 32}, 0.391),
        ("blend", {}, 0.353),
        ("wide_deep", {"epochs": 1}, 4.563),
        ("gru", {"epochs": 1}, 1.841),
        ("rerank", {}, 54.7),
    ],
)
def test_within_a_factor_of_two_of_what_was_measured(
    name: str, config: dict[str, object], measured: float
) -> None:
    assert 0.5 < seconds(Candidate(name=name, config=config), SAMPLE) / measured < 2


def test_each_window_costs_the_same() -> None:
    one = seconds(Candidate(name="sar"), FR)
    assert seconds(Candidate(name="sar"), FR, windows=3) == pytest.approx(3 * one)


def test_a_rung_is_cheaper_by_customers_and_by_effort() -> None:
    gru = Candidate(name="gru")
    whole = seconds(gru, SAMPLE)
    assert seconds(gru, SAMPLE, rung=Rung(customers=1.0)) == whole
    fewer_epochs = seconds(gru, SAMPLE, rung=Rung(customers=1.0, effort=0.25))
    both = seconds(gru, SAMPLE, rung=Rung(customers=0.1, effort=0.25))
    assert both < fewer_epochs < whole


@pytest.mark.parametrize(
    ("name", "field", "less", "more"),
    [
        ("als", "factors", 32, 256),
        ("als", "iterations", 5, 30),
        ("wide_deep", "hidden", 16, 256),
        ("rerank", "trees", 50, 1000),
        ("rerank", "cutoffs", 1, 12),
        ("tifu_knn", "neighbours", 10, 1000),
        ("gru", "width", 8, 128),
    ],
)
def test_what_is_costly_costs_more(name: str, field: str, less: int, more: int) -> None:
    low, high = (seconds(Candidate(name=name, config={field: v}), SAMPLE) for v in (less, more))
    assert low < high


def test_a_hybrid_costs_its_members() -> None:
    members = [{"name": "ease"}, {"name": "als"}]
    mixed = seconds(Candidate(name="blend", config={"members": members}), SAMPLE)
    assert mixed > seconds(Candidate(name="ease"), SAMPLE) + 0.8 * seconds(
        Candidate(name="als"), SAMPLE
    )


def test_the_prior_is_a_little_on_top() -> None:
    own, prior = (
        seconds(Candidate(name="sar", scope=scope), SAMPLE) for scope in ("pooled", "prior")
    )
    assert own < prior < 1.2 * own


def test_nothing_to_fit_on_is_not_free_and_no_error() -> None:
    nothing = Size(lines=0, customers=0, items=0)
    assert all(seconds(Candidate(name=name), nothing) > 0 for name in MODELS)


def test_effort_names_fields_that_there_are() -> None:
    for name in MODELS:
        effort = model_class(name).effort
        assert effort is None or effort in model_class(name).config_class.model_fields
