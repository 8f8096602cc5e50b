"""The code of the guide to the models runs as it stands."""

import re
from pathlib import Path

import pytest

from restock.models import available

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text()


@pytest.mark.unit
def test_the_guide_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, names)
    assert "reorder" in capsys.readouterr().out


@pytest.mark.unit
def test_the_guide_names_every_model() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(available())
