"""A real Azurite for the session: import ``azurite`` into a conftest."""

import fcntl
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def _install() -> str:
    lock = TESTS / "node_modules" / ".restock-lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # several test processes may start at once
        script = ["sh", str(ROOT / "scripts" / "azurite.sh")]
        return subprocess.run(script, check=True, capture_output=True, text=True).stdout.strip()


def command(address: str = "127.0.0.1") -> list[str]:
    """Starts an Azurite that listens on an address and keeps nothing on disk."""
    options = f"--blobHost {address} --blobPort 0 --inMemoryPersistence --skipApiVersionCheck"
    return [_install(), *options.split(), "--disableTelemetry", "--silent"]


def connection_string(process: "subprocess.Popen[str]") -> str:
    """Waits until an Azurite listens. process: of ``command``, with its output in a pipe."""
    said = []
    for line in process.stdout or ():
        said.append(line)
        if listening := re.search(r"successfully listens on (http://\S+)", line):
            return (
                f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
                f"BlobEndpoint={listening.group(1)}/{ACCOUNT};"
            )
    raise RuntimeError("Azurite did not start: " + "".join(said))


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """The connection string of an Azurite on loopback."""
    process = subprocess.Popen(
        command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield connection_string(process)
    finally:
        process.terminate()
        process.wait(timeout=30)
