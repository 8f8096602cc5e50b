"""A command on the driver: its variables and programs, its lines, its failure."""

import signal
import subprocess
import sys
from typing import Any

import psutil
import pytest

from restock.infra.databricks import driver
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_cancelled_while_it_starts_is_ended(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    def interrupted(*arguments: Any, **more: Any) -> "subprocess.Popen[str]":
        started.append(subprocess.Popen(*arguments, **more))
        signal.raise_signal(number)
        return started[-1]

    monkeypatch.setattr(driver, "subprocess", Starts(interrupted))
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(["sleep", "600"])
        assert started[0].poll() == -signal.SIGTERM
    finally:
        signal.signal(number, before)
        started[0].kill()


def test_a_driver_that_is_ended_ends_its_command() -> None:
    code = "import sys; from restock.infra.databricks.driver import main; main()"
    say = "import os, time; print(os.getpid()); time.sleep(60)"
    there = subprocess.Popen(
        [sys.executable, "-c", code, *PYTHON, say], stdout=subprocess.PIPE, text=True
    )
    try:
        assert there.stdout is not None
        command = psutil.Process(int(there.stdout.readline()))
        there.terminate()
        assert there.wait(60) == 128 + signal.SIGTERM
        assert not command.is_running()
    finally:
        there.kill()


class Starts:
    """The module subprocess, but for how a process is started."""

    def __init__(self, start: Any) -> None:
        self.Popen = start

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)
