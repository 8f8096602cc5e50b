"""What a node refuses before it gives workers to a cluster; ``test_two_hosts`` gives some."""

from pathlib import Path
from typing import Any

import pytest

from restock.infra.node_workers import NoCluster, serve
from restock.infra.runners import security
from restock.infra.settings import Settings, SettingsError, load_settings

pytestmark = pytest.mark.unit


def settings_of(home: Path, runner: str, **dask: Any) -> Settings:
    return load_settings(home=home, runner=runner, cores=1, dask=dask)


@pytest.mark.parametrize("runner", ["threads", "dask"])
def test_workers_need_a_scheduler_to_join(tmp_path: Path, runner: str) -> None:
    with pytest.raises(NoCluster, match="name a scheduler, as in --runner tls://HOST:8786"):
        serve(settings_of(tmp_path, runner), {"CPU": 1}, print)


def test_there_are_no_more_workers_than_cores(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ask for fewer"):
        serve(settings_of(tmp_path, "tls://h:1", workers_max=2), {"CPU": 1}, print)


def test_fewest_and_most_must_be_in_order(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"workers_max \(1\) is below workers_min \(2\)"):
        settings_of(tmp_path, "tls://h:1", workers_min=2, workers_max=1)


def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "tls://h:1", tls_ca_file=tmp_path / "ca.pem")
    with pytest.raises(SettingsError, match="set RESTOCK_DASK__TLS_CERT, RESTOCK_DASK__TLS_KEY"):
        security(settings)
