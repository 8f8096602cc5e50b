"""What was shown: on disk before the answer, each list once, whatever ends the server."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from restock.serving.journal import Journal, ended

pytestmark = pytest.mark.unit

PARIS = ZoneInfo("Europe/Paris")


def lines(folder: Path) -> list[dict]:
    """All that is in the folder, ended or not."""
    return [
        json.loads(line)
        for path in sorted(folder.iterdir())
        for line in path.read_text().splitlines()
    ]


def write(journal: Journal, customer: str = "A") -> str:
    at = journal.write("FR", PARIS, customer, "reorder-market-1", b'["1","2"]')
    return at.isoformat(timespec="milliseconds")


def test_a_line_is_on_disk_when_write_returns(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    at = write(journal, 'é"\n')
    (line,) = lines(tmp_path)
    assert line == {
        "market": "FR",
        "customer": 'é"\n',
        "policy": "reorder-market-1",
        "time": at,
        "items": ["1", "2"],
    }


def test_times_are_local_to_the_market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)  # 2027-01-15 08:00 UTC
    assert write(Journal(tmp_path)) == "2027-01-15T09:00:00.000"


def test_lists_of_a_customer_have_times_of_their_own_however_fast_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    journal = Journal(tmp_path)
    times = [write(journal) for _ in range(5)]
    assert len(set(times)) == 5 and write(journal, "B") == times[0]
    monkeypatch.setattr(time, "time", lambda: 1_799_999_999.0)  # a clock that was set back
    assert write(journal) not in times
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.003)
    assert write(journal) not in times


def test_only_an_ended_file_is_to_be_sent(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.seal()
    assert ended(tmp_path) == []  # nothing was written
    write(journal)
    assert ended(tmp_path) == []  # its server lives
    journal.seal()
    (first,) = ended(tmp_path)
    write(journal)
    journal.seal()
    assert first in ended(tmp_path) and len(ended(tmp_path)) == 2
    assert len(lines(tmp_path)) == 2


def test_a_full_file_is_ended_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restock.serving.journal.FULL_BYTES", 200)
    journal = Journal(tmp_path)
    for _ in range(6):
        write(journal)
    assert len(ended(tmp_path)) == 3 and len(lines(tmp_path)) == 6


def test_a_disk_that_takes_half_a_line_spoils_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    write(journal, "A")
    whole = os.write
    monkeypatch.setattr(os, "write", lambda to, line: whole(to, line[: len(line) // 2]))
    with pytest.raises(OSError, match="is it full"):
        write(journal, "B")
    monkeypatch.undo()
    write(journal, "C")
    assert [line["customer"] for line in lines(tmp_path)] == ["A", "C"]


def test_the_file_of_a_killed_server_is_sent_by_another(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from zoneinfo import ZoneInfo\n"
        "from restock.serving.journal import Journal\n"
        "Journal(Path(sys.argv[1])).write('FR', ZoneInfo('UTC'), 'A', 'p', b'[\"1\"]')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)]).returncode == -9
    living = Journal(tmp_path)
    write(living, "B")
    (path,) = ended(tmp_path)
    assert json.loads(path.read_text())["customer"] == "A"
