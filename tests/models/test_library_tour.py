"""The tour of the library runs as it stands, cell by cell, as a notebook would."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

TOUR = Path(__file__).parents[2] / "docs" / "library-tour.py"


def cells() -> list[tuple[str, str]]:
    """Kind (``code`` or ``markdown``) and text of each cell of the percent format."""
    parts = re.split(r"^# %%(.*)\n", TOUR.read_text(), flags=re.MULTILINE)
    assert parts[0] == ""  # nothing before the first cell
    kinds = ["markdown" if "[markdown]" in head else "code" for head in parts[1::2]]
    return list(zip(kinds, parts[2::2], strict=True))


@pytest.mark.unit
def test_it_alternates_words_and_code() -> None:
    kinds = [kind for kind, _ in cells()]
    assert kinds.count("code") >= 12 and kinds.count("markdown") >= 12
    for kind, text in cells():
        if kind == "markdown":
            assert all(line.startswith("#") for line in text.splitlines() if line)


@pytest.mark.unit
def test_its_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([\w.-]+\.md)\)", TOUR.read_text()):
        assert (TOUR.parent / link).is_file(), link


@pytest.mark.platform
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg")
def test_its_cells_run_one_by_one_and_draw_a_figure(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"__name__": "tour"}
    for kind, text in cells():
        if kind == "code":
            exec(compile(text, str(TOUR), "exec"), names)
    assert "did you mean 'neighbours'" in capsys.readouterr().out
    assert len(plt.get_fignums()) == 1
    plt.close("all")
