"""A job is followed to its end: its lines as they come, and how it ended."""

import asyncio
from collections.abc import Callable

from restock.infra.cloud_jobs import JobService, JobState

AWAY_LIMIT = 30
"""Looks in a row that the service may leave without an answer."""


async def follow(
    service: JobService, job: str, say: Callable[[str], None], seconds: float
) -> JobState:
    """Wait for the end of a job, telling what its first node writes, line by line.

    OSError when the service does not answer for long, JobNotFound.
    """
    told, away, rest = 0, 0, ""
    while True:
        try:
            state = await asyncio.to_thread(service.state, job)
            text = await asyncio.to_thread(service.log, job, told)
            away = 0
        except OSError:
            away += 1
            if away >= AWAY_LIMIT:
                raise
            await asyncio.sleep(seconds)
            continue
        told += len(text)
        *lines, rest = (rest + text).split("\n")
        for line in lines if not state.phase.ended else [*lines, rest]:
            if line.strip():
                say(line)
        if state.phase.ended:
            return state
        await asyncio.sleep(seconds)
