"""One small Dask cluster for all models, and the sample's lines."""

from collections.abc import Iterator

import pandas as pd
import pytest
from distributed import Client, LocalCluster

from restock.dataset import Interactions, load_sample


@pytest.fixture(scope="session")
def cluster() -> Iterator[Client]:
    """Two worker processes of one thread each, on loopback."""
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        LocalCluster(**options, host="127.0.0.1", dashboard_address="127.0.0.1:0") as nodes,
        Client(nodes, set_as_default=False) as client,  # a default one would serve other tests too
    ):
        yield client


@pytest.fixture(scope="session")
def clean() -> pd.DataFrame:
    """Two years of Online Retail, cleaned as the published quality figures are."""
    return load_sample(cancellations="drop", home_market="most_frequent").orders


@pytest.fixture(scope="session")
def sample(clean: pd.DataFrame) -> Interactions:
    """All its markets."""
    return Interactions.from_frame(clean)


@pytest.fixture(scope="session")
def france(clean: pd.DataFrame) -> Interactions:
    """One of its markets, with a catalogue of its own."""
    return Interactions.from_frame(clean[clean["market"] == "FR"])
