"""The guide "add a model in 50 lines" is true: its code is taken from the page and tested."""

import ast
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.recommender import RecommenderContract

import restock.models
from restock.models import preset, registry

PAGE = Path(__file__).parents[2] / "docs" / "add-a-model.md"
MODEL, LINE, TEST, TRY, HYBRID = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)

BESIDE = tempfile.TemporaryDirectory(prefix="restock-page-")
found: dict[str, type[RecommenderContract]] = {}
exec(compile(TEST, str(PAGE), "exec"), {"__name__": __name__}, found)


class TestLatest(found["TestLatest"]):
    """The page's own test class; its model lies in a folder that this module fills."""

    folder = BESIDE.name


@pytest.fixture(scope="module", autouse=True)
def as_the_page_says() -> Iterator[None]:
    """The file lies in the package, and the registry has its line."""
    paths = re.findall(r"`models/(latest\.py|best_of\.py)`", PAGE.read_text())
    for path, text in zip(dict.fromkeys(paths), (MODEL, HYBRID), strict=True):
        (Path(BESIDE.name) / path).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restock.models, "__path__", [*restock.models.__path__, BESIDE.name])
        for name, where in ast.literal_eval(f"{{{LINE}}}").items():
            patch.setitem(registry.MODELS, name, where)
        patch.setitem(registry.MODELS, "best_of", "restock.models.best_of:BestOf")
        yield


class TestBestOf(RecommenderContract):
    """The page's hybrid."""

    name = "best_of"
    folder = BESIDE.name


@pytest.mark.unit
def test_it_is_as_short_as_promised() -> None:
    promised = re.search(r"in (\d+) lines", PAGE.read_text())
    assert promised is not None
    assert max(len(MODEL.splitlines()), len(HYBRID.splitlines())) <= int(promised.group(1))


@pytest.mark.unit
def test_its_preset_is_found() -> None:
    assert preset("latest", "small") == {"memory_days": 730.0}


@pytest.mark.thorough
@pytest.mark.unit
def test_it_can_be_judged(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(TRY, str(PAGE), "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert all(0 < float(line.split()[-1]) < 1 for line in lines)
