"""Work on a real cluster whose workers have gone, or offer something else."""

from collections.abc import Iterator

import pytest
from distributed import Client, LocalCluster

from restock.infra import patience
from restock.infra.patience import Patience
from restock.infra.placement import promise

pytestmark = pytest.mark.platform


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A scheduler without workers; those that come offer cards only."""
    options = {"processes": False, "resources": {"GPU": 1}, "threads_per_worker": 1}
    with LocalCluster(n_workers=0, **options, dashboard_address="127.0.0.1:0") as cluster:
        yield cluster


def test_work_is_hopeless_only_after_a_long_time_without_workers(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(cluster, set_as_default=False) as client:
        for_any = Patience(client, "tls://nodes:8786", {})
        assert for_any(["FR", "DE"]) == for_any(["FR", "DE"]) == {}
        assert not [one for one in caplog.records if one.name == patience.__name__]
        monkeypatch.setattr(patience, "TELL_SECONDS", 0.0)
        assert for_any(["FR", "DE"]) == for_any(["FR", "DE"]) == {}
        (said,) = [one for one in caplog.records if one.name == patience.__name__]
        assert "2 pieces of work" in said.getMessage() and "10 minutes" in said.getMessage()
        assert "restock workers --runner tls://nodes:8786" in said.getMessage()
        monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.0)
        why = "no worker came within 0 minutes: start some with restock workers --runner tls://"
        assert for_any(["FR"])["FR"].startswith(why)
        cluster.scale(1)
        client.wait_for_workers(1)
        assert for_any(["FR"]) == {}
        for_cpu = Patience(client, "tls://nodes:8786", {"CPU": 1})
        assert for_cpu(["FR"]).keys() == {"FR"}
        cluster.new_spec["options"]["resources"] = {"CPU": 1}
        cluster.scale(2)
        client.wait_for_workers(2)
        assert for_cpu(["FR"]) == {}


def test_nodes_that_are_promised_are_waited_for(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.0)
    with Client(cluster, set_as_default=False) as client:
        for_cpu = Patience(client, "tls://nodes:8786", {"CPU": 1})
        with Client(cluster, set_as_default=False) as nodes:
            nodes.sync(promise, nodes, {"CPU": 1}, 2)
            assert for_cpu(["FR"]) == {}
        assert for_cpu(["FR"]).keys() == {"FR"}
