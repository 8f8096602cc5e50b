"""Two Dask workers train one model together: the same steps as one process alone."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from contracts import together
from contracts.orders import many
from distributed import Client, LocalCluster

from restock.infra.process_group import NoGroup, _open, run_on_workers

pytestmark = pytest.mark.platform


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        LocalCluster(**options, host="127.0.0.1", dashboard_address="127.0.0.1:0") as nodes,
        Client(nodes, set_as_default=False) as client,
    ):
        yield client


CONFIG: dict[str, Any] = {
    "cutoffs": 3,
    "epochs": 3,
    "embedding": 4,
    "hidden": 8,
    "second": 4,
    "negatives": 4,
    "batch_size": 63,  # shares of different sizes, and a last batch that is smaller still
}


def test_two_processes_take_the_steps_of_one(client: Client) -> None:
    train = many(n=3000)
    loss, validation, lists, _ = together.fit(None, train, "wide_deep", CONFIG)
    both = run_on_workers(client, 2, together.fit, train, "wide_deep", CONFIG)
    np.testing.assert_allclose(both[0], loss, rtol=1e-4)
    np.testing.assert_allclose(both[1], validation, rtol=1e-4)
    assert (both[2] == lists).mean() > 0.95
    assert both[3] == 0.0  # both ended with the same arrays, bit for bit
    other = together.fit(None, train, "wide_deep", CONFIG, seed=1)
    assert abs(other[1][-1] / validation[-1] - 1) > 1e-3  # another seed is further away
    assert (other[2] == lists).mean() < 0.95


def test_each_process_has_a_worker_of_its_own(client: Client) -> None:
    assert run_on_workers(client, 2, together.who) == (0, 2)
    assert run_on_workers(client, 1, together.who) == (0, 1)


def test_only_who_reaches_the_workers_reaches_their_store(client: Client) -> None:
    port, listening = run_on_workers(client, 2, together.listening)
    assert listening[port] == "127.0.0.1"
    assert not {"::", "0.0.0.0"} & set(listening.values())


def test_nobody_takes_the_port_before_the_group_is_there() -> None:
    door = _open("127.0.0.1")
    with door, pytest.raises(OSError, match="in use"):
        socket.create_server(door.getsockname())


@pytest.mark.parametrize("rank", [0, 1])
def test_one_failure_ends_all_and_says_which_and_workers_are_free_again(
    client: Client, rank: int
) -> None:
    with pytest.raises(ZeroDivisionError, match=f"process {rank} has a bad day"):
        run_on_workers(client, 2, together.fail, rank, timeout=60)
    assert run_on_workers(client, 2, together.who) == (0, 2)


def test_too_few_workers_are_named(client: Client) -> None:
    with pytest.raises(NoGroup, match="3 processes need 3 Dask workers, 2 are there"):
        run_on_workers(client, 3, together.who, patience=0.2)


@pytest.mark.parametrize(("busy", "said"), [(0, "did not answer"), (1, "found no group")])
def test_a_busy_worker_is_not_waited_for_for_ever(client: Client, busy: int, said: str) -> None:
    worker = sorted(client.nthreads())[busy]
    occupied = client.submit(time.sleep, 8, workers=[worker], pure=False)
    with pytest.raises(NoGroup, match=said):
        run_on_workers(client, 2, together.who, patience=2)
    occupied.result()
    assert run_on_workers(client, 2, together.who) == (0, 2)
