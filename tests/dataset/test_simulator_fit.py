"""The simulated world resembles Online Retail, and the fit finds what it should."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from restock.dataset import Interactions, simulate
from restock.dataset.fit_simulator import START, fit_parameters, like, start_parameters
from restock.dataset.simulator_moments import direct_moments
from restock.dataset.simulator_parameters import Parameters, frozen, to_toml
from restock.dataset.simulator_statistics import compare_statistics, statistics, targets
from restock.kernels.simulation_statistics import count_rebuys

pytestmark = pytest.mark.unit

TOLERANCE = {  # of the median and of the worst ratio of each group, in logs
    "customers": (0.10, 0.25),
    "gaps": (0.12, 0.25),
    "baskets": (0.12, 0.45),
    "repeats": (0.10, 0.20),
    "rebuys": (0.15, 0.80),
    "loyalty": (0.12, 0.30),
    "items": (0.12, 0.30),
    "tastes": (0.15, 0.50),
    "amounts": (0.25, 0.65),
    "worth": (0.25, 0.90),  # one customer may be a quarter of all revenue, or not be there
    "calendar": (0.08, 0.25),
    "markets": (0.15, 0.50),
}


@pytest.fixture(scope="module")
def large() -> Interactions:
    """As large as the sample, with another seed than the one of the fit."""
    return simulate(
        markets=41,
        customers=5900,
        items=4700,
        days=738,
        start=dt.date(2009, 12, 1),
        currency="reporting",
        seed=11,
    ).interactions()


@pytest.mark.thorough
def test_the_frozen_world_is_like_the_sample(large: Interactions) -> None:
    table = compare_statistics(targets(), statistics(large))
    table = table[table["real"].abs() > 0.001]  # less is no order on a day of rest
    assert table["simulated"].notna().all()
    table["group"] = [name.split(".")[0] for name in table.index]
    assert set(table["group"]) == set(TOLERANCE)
    for group, part in table.groupby("group"):
        off = np.abs(np.log(part["ratio"]))
        median, worst = TOLERANCE[group]
        assert off.median() <= median, part
        assert off.max() <= worst, part


def test_moments_find_the_parameters_of_a_simulated_world(large: Interactions) -> None:
    found, true = direct_moments(large), frozen()
    assert found["leader_share"] == pytest.approx(true.leader_share, abs=0.02)
    assert found["tail_exponent"] == pytest.approx(true.tail_exponent, abs=0.3)
    np.testing.assert_allclose(found["weekday"], true.weekday, atol=0.08)
    assert found["weekday"][5] == 0.0
    assert set(found["closed"]) == set(true.closed)
    assert np.corrcoef(found["month"], true.month)[0, 1] > 0.9
    assert found["hour_mean"] == pytest.approx(true.hour_mean, rel=0.02)
    assert found["price_slope"] == pytest.approx(true.price_slope, abs=0.1)
    assert found["log_price_sd"] == pytest.approx(true.log_price_sd, rel=0.1)
    for name in ("level_sd", "pair_sd", "line_sd", "item_quantity_sd"):
        assert found[name] == pytest.approx(getattr(true, name), rel=0.35), name
    assert found["level_per_size"] == pytest.approx(true.level_per_size, abs=0.15)
    assert found["discount"] == pytest.approx(true.discount, abs=0.05)
    assert found["seasonal_share"] == pytest.approx(true.seasonal_share, abs=0.08)


@pytest.mark.thorough
def test_the_search_moves_to_the_parameters_of_the_lines() -> None:
    """Baskets half as large as where the search starts are noticed."""
    log_size = START["log_size"][0] - 0.7
    other = frozen().model_copy(update={"log_size": log_size})
    lines = simulate(
        markets=2, customers=[150, 30], items=100, days=200, parameters=other, seed=8
    ).interactions()
    real = statistics(lines)

    def distance(parameters: Parameters) -> float:
        table = compare_statistics(real, statistics(like(lines, parameters)))
        some = table[(table["real"] > 0) & (table["simulated"] > 0)]
        return float(np.abs(np.log(some["ratio"])).mean())

    fitted = fit_parameters(lines, evaluations=2)
    assert abs(fitted.log_size - log_size) < 0.5 * 0.7
    assert distance(fitted) < distance(start_parameters(lines))
    for name, (_, low, high) in START.items():
        assert low * 0.999 <= getattr(fitted, name) <= high * 1.001


def test_parameters_survive_their_file(tmp_path: Path) -> None:
    path = tmp_path / "parameters.toml"
    path.write_text(to_toml(frozen(), "a heading\nof two lines"))
    again = Parameters.read(path)
    for name, value in frozen().model_dump().items():
        found = getattr(again, name)
        assert found == (value if name == "closed" else pytest.approx(value, rel=1e-4)), name
    path.write_text(path.read_text().replace("spread", "spred"))
    with pytest.raises(ValueError, match="spred"):
        Parameters.read(path)


def test_rebuys_are_counted_right() -> None:
    """Days 0: items 0 1; 10: item 0; 40: items 0 1; one customer, against a count by hand."""
    day = np.array([0, 0, 10, 40, 40], dtype=np.int32)
    item = np.array([0, 1, 0, 0, 1], dtype=np.int32)
    edges, missed = np.array([14], dtype=np.int32), np.array([1], dtype=np.int32)
    chances, rebuys, second, again = count_rebuys(np.array([0, 5]), day, item, 2, edges, missed, 3)
    assert chances.sum() == 4 and rebuys.sum() == 3
    assert chances[0, 0, 0] == 2 and rebuys[0, 0, 0] == 1  # day 10: both bought once, 10 days ago
    assert chances[1, 1, 0] == 1 and rebuys[1, 1, 0] == 1  # day 40: item 0 bought twice
    assert chances[0, 1, 1] == 1 and rebuys[0, 1, 1] == 1  # day 40: item 1, missed once
    assert second.tolist() == [2, 0] and again.tolist() == [1, 0]


def test_nothing_cannot_be_described() -> None:
    lines = simulate(markets=1, customers=5, items=5, days=30).interactions()
    with pytest.raises(ValueError, match="no order lines"):
        statistics(lines.before(dt.date(2020, 1, 1)))
