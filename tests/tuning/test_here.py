"""A whole search in this process, on real orders of small markets."""

import re
from pathlib import Path
from typing import Any

import pytest

from restock.dataset import Interactions, load_sample
from restock.tuning.costs import sizes_by_market
from restock.tuning.here import brief_here, search_here

pytestmark = pytest.mark.unit
GUIDE = Path(__file__).parents[2] / "docs" / "automl.md"


@pytest.fixture(scope="module")
def interactions() -> Interactions:
    return Interactions.from_frame(load_sample().orders).of_markets(["BE", "PT"])


@pytest.mark.thorough
def test_sizes_are_those_of_each_market_alone(interactions: Interactions) -> None:
    for market, size in sizes_by_market(interactions).items():
        own = interactions.of_market(market)
        assert (size.lines, size.customers) == (len(own), own.customers.size)
        assert size.items == len(set(own.item.tolist()))
    assert set(sizes_by_market(interactions)) == {"BE", "PT"}


def test_every_market_gets_a_choice_that_is_reported(interactions: Interactions) -> None:
    search = search_here(interactions, brief_here(interactions, ["reorder", "popular"], trials=6))
    assert search.done
    assert search.choices is not None
    assert set(search.choices.markets) == {"BE", "PT"}
    chosen = {choice.candidate.key for choice in search.choices.markets.values()}
    assert chosen <= {one.trial.candidate.key for one in search.reported}


@pytest.mark.thorough
def test_the_section_of_the_guide_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    section = GUIDE.read_text().split("\n## From a notebook\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, Any] = {"__name__": "notebook"}
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec"), names)
    said = capsys.readouterr().out
    assert "BE: " in said and "PT: " in said
    ran = {one.trial.key for one in names["search"].outcomes}
    assert 3 <= len(ran) <= 12
    assert set(names["trials"]["where"]) >= {"all"} and names["trials"]["lift"].notna().any()
    assert names["lists"].items.shape == (3, 10)


def test_without_a_report_the_newest_windows_are_not_looked_at(interactions: Interactions) -> None:
    brief = brief_here(interactions, ["reorder", "popular"], trials=6)
    search = search_here(interactions, brief, report=False)
    assert search.choices is not None
    assert not search.reported
