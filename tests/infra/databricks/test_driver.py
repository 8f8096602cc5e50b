"""A command on the driver: its variables and programs, its lines, its failure."""

import sys

import pytest

from restock.infra.databricks.driver import CommandFailed, main, run

pytestmark = pytest.mark.unit
PYTHON = (sys.executable, "-c")
SHOW = "import os, sys; print(os.environ['A_B'], sys.argv[1:], os.environ.get('lower'))"


def test_a_command_gets_its_variables_and_says_its_lines_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["restock-driver", "A_B=x=y", *PYTHON, SHOW, "C=D"])
    main()
    assert capsys.readouterr().out == "x=y ['C=D'] None\n"


def test_what_is_imported_here_is_found_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", ["/databricks/spark/python", *sys.path])
    run([*PYTHON, "import sys; print('/databricks/spark/python' in sys.path)"])
    assert capsys.readouterr().out == "True\n"


def test_a_failure_has_the_last_lines_and_no_more() -> None:
    code = "for n in range(100): print('line', n)\nraise SystemExit('it broke')"
    with pytest.raises(CommandFailed) as failure:
        run([*PYTHON, code])
    text = str(failure.value)
    assert text.startswith(f"{sys.executable} -c ended with exit code 1:\nline 86\n")
    assert text.endswith("line 99\nit broke")
