"""The guide to the models is complete and true: a page per model, code that runs, defaults."""

import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from restock.models import available, registry

GUIDE = Path(__file__).parents[2] / "docs" / "models.md"
PAGES = GUIDE.parent / "models"
TRAINS_LONGER = {"wide_deep", "gru", "lstm", "rerank", "als"}
"""Models whose pages fit with heavy packages: their code runs with the platform tests."""


def code(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def run(page: Path) -> None:
    names: dict[str, object] = {"__name__": page.stem}
    for block in code(page):
        exec(compile(block, str(page), "exec"), names)


@pytest.mark.thorough
@pytest.mark.unit
def test_the_guide_runs(capsys: pytest.CaptureFixture[str]) -> None:
    run(GUIDE)
    assert "reorder" in capsys.readouterr().out


@pytest.mark.unit
def test_the_guide_names_every_model_and_links_its_page() -> None:
    first_cells = re.findall(r"^\| (\[`.*?) \|", GUIDE.read_text(), re.MULTILINE)
    links = re.findall(r"\[`(\w+)`\]\(models/(\w+)\.md\)", " ".join(first_cells))
    assert all(name == page for name, page in links)
    assert sorted(name for name, _ in links) == sorted(available())


@pytest.mark.unit
@pytest.mark.parametrize("name", registry.MODELS)
def test_a_model_has_a_page_with_its_code_and_its_defaults(name: str) -> None:
    page = PAGES / f"{name}.md"
    assert page.is_file(), f"write docs/models/{name}.md: when to use it, defaults, cost, quality"
    assert code(page), f"{page.name} has no ```python block to run"
    assert not re.search(r"@[A-Z]+@|\bTODO\b", page.read_text()), f"{page.name} is not finished"
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", page.read_text(), re.MULTILINE))
    for field, about in registry.model_class(name).config_class.model_fields.items():
        assert field in rows, f"{page.name} has no row for the parameter {field}"
        default = about.default
        if isinstance(default, bool | str):
            assert str(default).lower() in rows[field].lower()
        elif isinstance(default, int | float):
            said = float(rows[field].strip(" `").replace(",", ""))
            assert said == default, f"{page.name}: the default of {field} is {default}"
        assert default is not PydanticUndefined or about.default_factory is not None


@pytest.mark.thorough
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            id=page.stem,
            marks=pytest.mark.platform if page.stem in TRAINS_LONGER else pytest.mark.unit,
        )
        for page in sorted(PAGES.glob("*.md"))
    ],
)
def test_a_page_runs(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # what it writes is left here
    run(page)
