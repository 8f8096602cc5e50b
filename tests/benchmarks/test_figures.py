"""What a benchmark prints."""

import json
from collections.abc import Iterator

import pytest

from restock.benchmarks.figures import Figure, report

pytestmark = pytest.mark.unit

FOUND = [
    Figure("ndcg_at_10.sar", 0.30885, "ndcg", 0.2995, 0.3179),
    Figure("sar_1m_vs_rusket", 2.5, "ratio", peer="rusket 0.3", agreement=0.999),
    Figure("unknown", float("nan"), "s", low=float("-inf")),
]


def test_machines_get_one_line_of_json_per_figure(capsys: pytest.CaptureFixture[str]) -> None:
    report(iter(FOUND), as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {
        "figure": "ndcg_at_10.sar",
        "value": 0.30885,
        "low": 0.2995,
        "high": 0.3179,
        "unit": "ndcg",
        "peer": None,
        "agreement": None,
    }
    assert (lines[1]["peer"], lines[1]["agreement"]) == ("rusket 0.3", 0.999)
    assert (lines[2]["value"], lines[2]["low"]) == (None, None)


def test_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    report(iter(FOUND), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[0].split() == ["figure", "value", "low", "high", "unit", "peer", "agreement"]
    assert lines[1].split() == ["ndcg_at_10.sar", "0.3089", "0.2995", "0.3179", "ndcg"]
    assert lines[1].index("0.3089") == lines[2].index("2.5") == lines[0].index("value")


@pytest.mark.parametrize("as_json", [False, True])
def test_a_figure_is_printed_before_the_next_is_measured(
    capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    def measured() -> Iterator[Figure]:
        yield FOUND[0]
        assert FOUND[0].figure in capsys.readouterr().out
        yield FOUND[1]

    report(measured(), as_json)
