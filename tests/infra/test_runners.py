"""Settings become a runner: the same results on threads and on Dask, one core to each worker."""

import logging
import multiprocessing
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import psutil
import pytest
from prefect_dask import DaskTaskRunner

from restock.infra.runners import local_cluster, scheduler_address, task_runner, thread_plan
from restock.infra.settings import Settings, load_settings

# The workers cannot import a test module: they are sent its functions.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def settings_of(tmp_path: Path, runner: str, **more: Any) -> Settings:
    return load_settings(home=tmp_path, runner=runner, cores=2, **more)


@pytest.mark.unit
def test_threads_are_one_process_with_a_task_on_each_core(tmp_path: Path) -> None:
    from prefect.task_runners import ThreadPoolTaskRunner

    settings = settings_of(tmp_path, "threads")
    runner = task_runner(settings)
    made = thread_plan(settings)
    assert isinstance(runner, ThreadPoolTaskRunner)
    assert runner._max_workers == made.slots == made.cores
    assert made.workers == 1 and made.task_threads == 1


@pytest.mark.unit
def test_making_a_runner_starts_nothing(tmp_path: Path) -> None:
    before = psutil.Process().children(recursive=True)
    runner = task_runner(settings_of(tmp_path, "dask"), preload=["json"])
    assert runner.duplicate() == runner
    assert psutil.Process().children(recursive=True) == before


@pytest.mark.unit
def test_a_cluster_elsewhere_is_named_by_its_address(tmp_path: Path) -> None:
    runner = task_runner(settings_of(tmp_path, "dask://scheduler.example:8786"))
    assert isinstance(runner, DaskTaskRunner)
    assert runner.address == "tcp://scheduler.example:8786"
    assert scheduler_address("tls://scheduler.example:8786") == "tls://scheduler.example:8786"


@pytest.mark.unit
def test_tls_is_demanded_and_given_our_certificates(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text("")
    paths = {
        f"tls_{part}": tmp_path / name
        for part, name in (("ca_file", "ca"), ("cert", "cert"), ("key", "key"))
    }
    runner = task_runner(settings_of(tmp_path, "tls://scheduler.example:8786", dask=paths))
    assert isinstance(runner, DaskTaskRunner)
    security = runner.client_kwargs["security"]
    assert security.require_encryption
    assert security.tls_client_cert == str(tmp_path / "cert")
    assert security.tls_client_key == str(tmp_path / "key")
    assert security.tls_ca_file == str(tmp_path / "ca")


def _process() -> int:
    time.sleep(0.5)
    return os.getpid()


def _about_this_worker() -> dict[str, Any]:
    import numba
    import numpy as np
    import threadpoolctl
    from joblib import Parallel, delayed  # type: ignore[import-untyped]

    np.ones((2, 2)) @ np.ones((2, 2))
    family = psutil.Process(os.getppid())
    return {
        "daemon": multiprocessing.current_process().daemon,
        "numba": numba.get_num_threads(),
        "pools": {pool["num_threads"] for pool in threadpoolctl.threadpool_info()},
        "joblib": len(set(Parallel(n_jobs=2)(delayed(_process)() for _ in range(4)))),
        "logs": logging.getLogger("restock").level,
        "preloaded": "decimal" in sys.modules and "prefect_dask" in sys.modules,
        "addresses": sorted(
            {
                found.laddr.ip
                for one in (psutil.Process(), family)
                for found in one.net_connections("inet")
                if found.status == psutil.CONN_LISTEN
            }
        ),
    }


@pytest.mark.platform
def test_a_worker_owns_one_core_and_may_start_processes(tmp_path: Path) -> None:
    import dask
    import distributed

    before = os.environ.get("NUMBA_NUM_THREADS")
    with (
        local_cluster(settings_of(tmp_path, "dask"), ["decimal"]) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        about = client.run(_about_this_worker)
        workers = client.sync(client.scheduler.identity, n_workers=-1)["workers"]
        assert dask.config.get("distributed.scheduler.worker-ttl") is None
    assert len(about) == thread_plan(settings_of(tmp_path, "dask")).cores
    assert sum(worker["memory_limit"] for worker in workers.values()) < (
        psutil.virtual_memory().total
    )
    for worker in about.values():
        assert worker == {
            "daemon": False,
            "numba": 1,
            "pools": {1},
            "joblib": 2,
            "logs": logging.INFO,
            "preloaded": True,
            "addresses": ["127.0.0.1"],
        }
    # numba in this process would refuse another number than it started with.
    assert os.environ.get("NUMBA_NUM_THREADS") == before


def _stay(path: Path) -> None:
    path.touch()
    time.sleep(60)


@pytest.mark.platform
def test_a_cluster_that_is_closed_while_it_works_does_not_complain(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    import distributed

    with (
        local_cluster(settings_of(tmp_path, "dask")) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        began = tmp_path / "began"
        unfinished = client.submit(_stay, began)
        while not began.exists():
            time.sleep(0.05)
        assert not unfinished.done()
    workers = capfd.readouterr().err
    assert " - INFO - " in workers and " - WARNING - " not in workers
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def spawned() -> set[int]:
    """The children of this process that Python has spawned and that live."""
    found = set()
    for one in psutil.Process().children():
        with suppress(psutil.Error):  # it has ended
            if "spawn_main" in " ".join(one.cmdline()):
                found.add(one.pid)
    return found


@pytest.mark.platform
def test_the_runner_does_not_change_the_result(prefect_api: str, tmp_path: Path) -> None:
    from prefect import flow, task

    from restock.infra.runners import warm_up

    @task(persist_result=False)
    def square(number: int) -> tuple[int, int]:
        return number * number, os.getpid()

    workers: list[int] = []

    @flow
    def squares() -> list[tuple[int, int]]:
        there = spawned()  # a cluster of another test may still be ending
        warm_up()
        results = [future.result() for future in square.map(range(4))]
        workers.append(len(spawned() - there))
        return results

    found = {
        runner: squares.with_options(task_runner=task_runner(settings_of(tmp_path, runner)))()
        for runner in ("threads", "dask")
    }
    for results in found.values():
        assert [value for value, _ in results] == [0, 1, 4, 9]
    assert {pid for _, pid in found["threads"]} == {os.getpid()}
    assert os.getpid() not in {pid for _, pid in found["dask"]}
    # the first task came while the cluster was starting, and did not start another
    assert workers == [0, thread_plan(settings_of(tmp_path, "dask")).workers]
