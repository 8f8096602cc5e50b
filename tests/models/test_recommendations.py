"""Lists as a frame and as an Arrow table."""

import numpy as np
import pytest
from contracts.orders import Orders

from restock.models import create

pytestmark = pytest.mark.unit


def test_a_frame_has_one_row_per_listed_item() -> None:
    train = Orders(((0, 3, 10, 1), (0, 4, 20, 1), (2, 4, 20, 1))).train()
    codes = train.catalogue.customer_codes(["c2", "c9"])
    found = create("reorder", popularity=0, half_life_days=None).fit(train).recommend(codes, 3)
    frame = found.frame(train.catalogue)
    assert frame.columns.tolist() == [
        "market",
        "customer_id",
        "rank",
        "item_id",
        "item_name",
        "score",
        "fallback",
    ]
    rows = frame[["market", "customer_id", "rank", "item_id", "fallback"]].to_numpy().tolist()
    assert rows == [
        ["FR", "c2", 1, "i4", False],
        ["FR", "c2", 2, "i3", True],
        ["GB", "c9", 1, "i4", True],
        ["GB", "c9", 2, "i3", True],
    ]
    assert frame["score"].iloc[0] == 1
    assert (frame["score"].iloc[1:] < 0).all()
    assert found.k == 3
    np.testing.assert_array_equal(found.head(1).items, found.items[:, :1])
    assert found.arrow(train.catalogue).num_rows == 4
