"""The contract of the exposure log."""

import numpy as np
import pandas as pd
import pytest

from restock.dataset import exposures as e
from restock.dataset.exposures import BadExposures, empty_exposures, validate_exposures

pytestmark = pytest.mark.unit


def log(**changes: object) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            e.MARKET: ["FR", "FR", "DE"],
            e.CUSTOMER: ["a", "a", "b"],
            e.ITEM: ["1", "2", "1"],
            e.POSITION: [1, 2, 1],
            e.PROPENSITY: [0.5, 1.0, 1e-9],
            e.POLICY: ["reorder"] * 3,
            e.TIME: pd.to_datetime(["2024-05-01 10:00"] * 3),
            e.OUTCOME: ["none", "click", "order"],
        }
    )
    return frame.assign(**changes)


def test_a_good_log_passes_and_gets_its_types() -> None:
    plain = validate_exposures(
        log(
            outcome=pd.Categorical(["none", "click", "order"]),
            customer_id=[1, 1, 2],
            extra=[1, 2, 3],
        )
    )
    assert tuple(plain.columns) == e.EXPOSURE_COLUMNS
    assert plain[e.POSITION].dtype == np.int32
    assert plain[e.TIME].dtype == "datetime64[ms]"
    assert plain[e.CUSTOMER].tolist() == ["1", "1", "2"]
    pd.testing.assert_frame_equal(validate_exposures(plain), plain)


def test_an_empty_log_is_a_log() -> None:
    assert len(validate_exposures(empty_exposures())) == 0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({e.PROPENSITY: [0.5, 0.0, 0.1]}, "propensity"),
        ({e.PROPENSITY: [0.5, 1.01, 0.1]}, "propensity"),
        ({e.PROPENSITY: [0.5, -0.5, 0.1]}, "propensity"),
        ({e.PROPENSITY: [0.5, np.inf, 0.1]}, "propensity"),
        ({e.PROPENSITY: [0.5, np.nan, 0.1]}, "propensity"),
        ({e.PROPENSITY: [0.5, "much", 0.1]}, "propensity"),
        ({e.POSITION: [0, 1, 1]}, "position"),
        ({e.POSITION: [1, 1.5, 1]}, "position"),
        ({e.POSITION: [1, 1, 1]}, "position"),
        ({e.ITEM: ["1", "1", "1"]}, "twice"),
        ({e.OUTCOME: ["none", "bought", "order"]}, "outcome"),
        ({e.MARKET: ["FR", "FR", "BR/../MX"]}, "market"),
        ({e.MARKET: ["FR", "FR", None]}, "market"),
        ({e.POLICY: ["", "x", "x"]}, "policy"),
        ({e.TIME: pd.to_datetime(["2024-05-01"] * 3, utc=True)}, "zone"),
    ],
)
def test_a_bad_log_is_refused_by_name(changes: dict, named: str) -> None:
    with pytest.raises(BadExposures, match=named):
        validate_exposures(log(**changes))


@pytest.mark.parametrize("missing", e.EXPOSURE_COLUMNS)
def test_a_missing_column_is_named(missing: str) -> None:
    with pytest.raises(BadExposures, match=missing):
        validate_exposures(log().drop(columns=missing))
