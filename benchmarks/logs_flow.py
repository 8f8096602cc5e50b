"""A flow whose workers talk, for ``benchmarks.logs``, which connects before it imports this."""

import logging
import time

from prefect import flow, task

from restock.infra.gather import gather
from restock.infra.runners import task_runner
from restock.infra.settings import Settings

said = logging.getLogger(__name__)


PAUSE_SECONDS = 3.0  # until a tail has told all that was said slowly


@task(task_run_name="{word} {speaker}")
def say(speaker: int, word: str, count: int, rate: float | None) -> int:
    """Say so many lines, so fast."""
    began = time.monotonic()
    for n in range(count):
        said.info("%s %d %d", word, speaker, n)
        if rate is not None:
            time.sleep(max(0.0, began + n / rate - time.monotonic()))
    return count


@flow(name="speak")
def speak(speakers: int, slowly: int, rate: float, fast: int) -> None:
    """All workers at once: ``slow`` lines at a rate, lines per second, then as many as they can."""
    everybody(speakers, "slow", slowly, rate)
    time.sleep(PAUSE_SECONDS)
    everybody(speakers, "fast", fast, None)


def everybody(speakers: int, word: str, count: int, rate: float | None) -> None:
    """Have each speaker say its share."""
    each, share = count // speakers, rate and rate / speakers
    mouths = {str(n): say.submit(n, word, each, share) for n in range(speakers)}
    lost = gather(mouths, lambda name: say.submit(int(name), word, each, share)).failures
    if lost:
        raise RuntimeError(f"workers failed: {lost}")


def run(settings: Settings, name: str, slowly: int, rate: float, fast: int) -> None:
    """Run the flow under a name, with a speaker for each core of the settings."""
    assert settings.cores is not None
    made = speak.with_options(task_runner=task_runner(settings), flow_run_name=name)
    made(settings.cores, slowly, rate, fast)
