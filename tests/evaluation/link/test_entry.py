"""What may be written into the ledger of experiments."""

import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from restock.evaluation.link import Entry

pytestmark = pytest.mark.unit

GOOD: dict[str, Any] = {
    "name": "blend-in-france",
    "markets": ("FR",),
    "start": dt.date(2025, 3, 1),
    "end": dt.date(2025, 3, 29),
    "control": "reorder (market)",
    "treatment": "blend (pooled)",
    "lift": 0.012,
    "error": 0.006,
    "offline": {"ndcg_at_10": 0.03},
}


def test_an_entry_survives_json() -> None:
    entry = Entry(**GOOD, ope=0.01, ope_error=0.02, offline_error={"ndcg_at_10": 0.01})
    assert Entry.model_validate_json(entry.model_dump_json()) == entry


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": "../x"}, "pattern"),
        ({"name": "a" * 61}, "pattern"),
        ({"markets": ()}, "at least 1"),
        ({"markets": ("fr",)}, "no market code"),
        ({"end": dt.date(2025, 3, 1)}, "not after its start"),
        ({"error": 0.0}, "greater than 0"),
        ({"lift": float("nan")}, "finite"),
        ({"offline": {}}, "at least 1"),
        ({"offline": {"ndcg@10": 0.1}}, "is it ndcg_at_10"),
        ({"offline": {"ndcg_at_10": float("inf")}}, "leave out what is not known"),
        ({"offline_error": {"map_at_10": 0.1}}, "needs a delta"),
        ({"offline_error": {"ndcg_at_10": -0.1}}, "0 or more"),
        ({"ope": 0.1}, "go together"),
        ({"surprise": 1}, "Extra inputs"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Entry(**{**GOOD, **wrong})
