"""The store in Azure Blob, against a real Azurite."""

import datetime as dt
import uuid
from pathlib import Path

import pytest
from azure.core.exceptions import ServiceResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ContainerClient, ExponentialRetry
from contracts.publications import publish
from contracts.store import StoreContract

from restock.infra.azure_store import AzureStore, _split
from restock.infra.connections import AzureSettings
from restock.infra.pruning import prune
from restock.infra.publications import read_current
from restock.infra.settings import load_settings
from restock.infra.store import Conflict, Store, StoreError, Unavailable, open_store

pytestmark = pytest.mark.platform
ACCOUNT = "devstoreaccount1"


@pytest.fixture
def store(azurite: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("RESTOCK_AZURE__CONNECTION_STRING", azurite)
    return open_store(f"azure://{ACCOUNT}/test-{uuid.uuid4().hex}/some/prefix")


class TestAzureStore(StoreContract):
    pass


def test_what_is_old_leaves_a_container_too(store: Store) -> None:
    for night in range(5):
        publish(store, night)
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    (removed,) = prune(store, tomorrow)
    assert removed.things == tuple(f"publications/FR/run-{night}" for night in (1, 2))
    assert read_current(store, "FR").num_rows
    assert prune(store, tomorrow) == []


class Flaky(RequestsTransport):
    """Sends everything; loses the answers to the next few uploads."""

    def __init__(self, lose: int) -> None:
        super().__init__()
        self.lose = lose

    def send(self, request, **options):  # type: ignore[no-untyped-def]
        answer = super().send(request, **options)
        if request.method == "PUT" and "comp" not in request.query and self.lose:
            self.lose -= 1
            raise ServiceResponseError("the connection was reset")
        return answer


def flaky(azurite: str, container: str, lose: int, retries: int) -> AzureStore:
    policy = ExponentialRetry(initial_backoff=0, increment_base=0, retry_total=retries)
    policy.random_jitter_range = 0
    client = ContainerClient.from_connection_string(
        azurite, container, transport=Flaky(lose), retry_policy=policy
    )
    return AzureStore(client, "", f"azure://{ACCOUNT}/{container}")


def test_a_swap_whose_answer_was_lost_is_known_by_its_id(azurite: str) -> None:
    store = flaky(azurite, "lost-answers", lose=0, retries=2)
    before = store.put("key", b"1")
    store._container._pipeline._transport.lose = 1
    etag = store.compare_and_swap("key", b"2", before)
    assert (store.get("key").data, store.get("key").etag) == (b"2", etag)
    store._container._pipeline._transport.lose = 1
    assert store.compare_and_swap("new", b"1", None) == store.get("new").etag
    with pytest.raises(Conflict):
        store.compare_and_swap("key", b"2", before)  # the same bytes, another write


def test_a_service_that_stays_silent_is_unavailable(azurite: str) -> None:
    store = flaky(azurite, "silent", lose=0, retries=0)
    etag = store.put("key", b"1")
    store._container._pipeline._transport.lose = 1
    with pytest.raises(Unavailable, match="key"):
        store.compare_and_swap("key", b"2", etag)
    assert store.get("key").data == b"2"
    gone = AzureStore(
        ContainerClient(
            f"http://127.0.0.1:9/{ACCOUNT}", "none", retry_policy=ExponentialRetry(retry_total=0)
        ),
        "",
        "azure://none/none",
    )
    with pytest.raises(Unavailable, match="azure://none/none"):
        gone.get("key")


def test_two_prefixes_of_a_container_do_not_see_each_other(store: Store) -> None:
    container = store.uri.removesuffix("/some/prefix")
    other = open_store(f"{container}/some/prefix-2")
    store.put("key", b"1")
    other.put("other", b"2")
    assert [entry.key for entry in store.list()] == ["key"]
    assert [entry.key for entry in open_store(f"{container}/some").list()] == [
        "prefix-2/other",
        "prefix/key",
    ]


def test_the_emulators_http_address_is_understood(azurite: str, store: Store) -> None:
    endpoint = azurite.split("BlobEndpoint=")[1].rstrip(";")
    store.put("key", b"1")
    path = store.uri.removeprefix(f"azure://{ACCOUNT}/")
    assert open_store(f"{endpoint}/{path}").get("key").data == b"1"


def test_a_key_of_another_account_is_refused(azurite: str) -> None:
    settings = AzureSettings(connection_string=azurite)
    with pytest.raises(ValueError, match="RESTOCK_AZURE__CONNECTION_STRING"):
        AzureStore.open("azure://another/container", settings)


def test_a_wrong_key_says_what_to_do(azurite: str) -> None:
    wrong = azurite.replace("AccountKey=Eby8", "AccountKey=Xby8")
    store = open_store(
        f"azure://{ACCOUNT}/forbidden", load_settings(azure={"connection_string": wrong})
    )
    with pytest.raises(StoreError, match="Storage Blob Data Contributor") as caught:
        store.get("key")
    assert "Xby8" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("azure://acme/box", ("https://acme.blob.core.windows.net", "acme", "box", "")),
        (
            "https://acme.blob.core.windows.net/box/a/b",
            ("https://acme.blob.core.windows.net", "acme", "box", "a/b"),
        ),
        (
            "https://acme.blob.core.chinacloudapi.cn/box",
            ("https://acme.blob.core.chinacloudapi.cn", "acme", "box", ""),
        ),
        (
            "http://127.0.0.1:10000/devstoreaccount1/box/a",
            ("http://127.0.0.1:10000/devstoreaccount1", "devstoreaccount1", "box", "a"),
        ),
    ],
)
def test_addresses(address: str, parts: tuple[str, str, str, str]) -> None:
    assert _split(address) == parts


@pytest.mark.parametrize(
    "address",
    [
        "azure://acme",
        "azure:///box",
        "https://acme.blob.core.windows.net/box?sig=secret",
        "http://acme.blob.core.windows.net/box",
        "https://user@acme.blob.core.windows.net/box",
    ],
)
def test_addresses_that_are_refused(address: str) -> None:
    with pytest.raises(ValueError, match="blob address"):
        _split(address)
