"""The guide to judging is true: its code runs, and prints what the page says."""

import re
from pathlib import Path

import pytest

from restock.evaluation import Verdict

PAGE = Path(__file__).parents[2] / "docs" / "judging.md"


@pytest.mark.thorough
@pytest.mark.unit
def test_the_guide_runs_and_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    said = re.findall(r"^print\(.*\)  # (.*)$", blocks[-1], re.MULTILINE)
    printed = capsys.readouterr().out.splitlines()[-len(said) :]
    for promise, line in zip(said, printed, strict=True):
        assert all(word in line for word in promise.split()), (promise, line)
    verdict = names["verdict"]  # an interval above 0, and yet not promoted
    assert isinstance(verdict, Verdict)
    assert verdict.interval[0] > 0 and verdict.guarded and not verdict.promoted
