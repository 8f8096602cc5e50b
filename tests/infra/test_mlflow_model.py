"""Recommenders in MLflow: every one logs, loads without pickle, answers by ids, and is served."""

import datetime as dt
import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from contracts.orders import CUTOFF, Orders, many
from contracts.publications import interactions as awkward
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.scoring_server import infer_and_parse_data

from restock.dataset import Interactions
from restock.infra import tracking
from restock.infra.mlflow_model import log_recommender, save_recommender
from restock.infra.model_card import ModelCard
from restock.infra.model_store import put_model
from restock.infra.processes import Service, free_port, python, start, stop, wait_until_healthy
from restock.infra.served_model import ServedModel
from restock.infra.settings import load_settings
from restock.infra.snapshots import put_snapshot
from restock.infra.store import open_store
from restock.infra.tracking_records import MarketRecord, NightRecord, VersionRecord
from restock.models import Recommender, create, registry

unit, platform = pytest.mark.unit, pytest.mark.platform
K = 4


@pytest.fixture(autouse=True)
def no_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")


@pytest.fixture
def in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Models are logged into a folder: making a database would take ten seconds."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def model() -> Recommender[Any]:
    return create("item_knn").fit(many())


@pytest.fixture(scope="module")
def saved(model: Recommender[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    save_recommender(model, many(), folder, metrics={"ndcg_at_10": 0.25, "lost": float("nan")})
    return folder


def request(orders: Interactions) -> pd.DataFrame:
    ids = orders.catalogue.customers["id"].to_pylist()
    return pd.DataFrame({"customer_id": [*ids[::-1], *ids[:1]]})


def expected(model: Recommender[Any], orders: Interactions, **how: Any) -> pd.DataFrame:
    """The lists of ``request``, straight from the model."""
    everyone = np.arange(orders.n_customers, dtype=np.int32)
    lists = model.recommend(np.append(everyone[::-1], everyone[:1]), K, **how)
    return lists.frame(orders.catalogue).drop(columns="market")


# every model ------------------------------------------------------------------------------
@pytest.mark.thorough
@unit
@pytest.mark.usefixtures("in_files")
@pytest.mark.parametrize("name", registry.MODELS)
def test_every_model_logs_and_loads(name: str) -> None:
    orders = many()
    model = create(name).fit(orders)
    info = log_recommender(model, orders, name=name)
    loaded = mlflow.pyfunc.load_model(info.model_uri)
    answer = loaded.predict(request(orders), {"k": K})
    pd.testing.assert_frame_equal(answer, expected(model, orders), check_exact=True)


@unit
def test_awkward_ids_and_names_survive(tmp_path: Path) -> None:
    orders = awkward()
    model = create("reorder").fit(orders)
    save_recommender(model, orders, tmp_path / "model")
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    answer = loaded.predict(request(orders), {"k": K})
    pd.testing.assert_frame_equal(answer, expected(model, orders), check_exact=True)


# what is kept -----------------------------------------------------------------------------
@unit
def test_no_code_and_no_pickle_is_kept(saved: Path) -> None:
    about = json.dumps(mlflow.models.Model.load(str(saved)).to_dict())
    assert "cloudpickle" not in about and '"code": null' in about
    assert {path.suffix for path in saved.rglob("*") if path.is_file()} <= {
        *("", ".yaml", ".txt", ".json", ".md", ".parquet", ".npz")
    }
    requirements = (saved / "requirements.txt").read_text().split()
    assert [line.partition("==")[0] for line in requirements] == ["restock", "mlflow"]


@unit
def test_it_says_what_it_takes_and_gives(saved: Path) -> None:
    about = mlflow.models.Model.load(str(saved))
    assert about.signature is not None and about.signature.params is not None
    assert about.signature.inputs.input_names() == ["customer_id", "market"]
    assert about.signature.inputs.required_input_names() == ["customer_id"]
    assert {p.name: p.default for p in about.signature.params} == {"k": 10, "history": "any"}
    example = mlflow.models.Model.load_input_example(about, str(saved))
    answer = mlflow.pyfunc.load_model(str(saved)).predict(example)
    assert about.signature.outputs.input_names() == list(answer.columns)
    assert len(answer) == 10 and not answer["fallback"].all()
    assert about.metadata == {"restock": {"name": "item_knn", "as_of": "2024-07-01"}}


@unit
def test_the_card_tells_the_model_from_others(saved: Path, model: Recommender[Any]) -> None:
    orders = many()
    folder = saved / "data" / "recommender"
    card = ModelCard.model_validate_json((folder / "card.json").read_text())
    assert card.name == "item_knn"
    assert card.config == model.config.model_dump(mode="json")
    assert (card.first_day, card.as_of) == (dt.date(2024, 1, 1), CUTOFF)
    assert card.last_day < CUTOFF
    assert (card.lines, card.customers) == (len(orders), orders.customers.size)
    assert sum(card.markets.values()) == card.customers and set(card.markets) == {"FR", "GB"}
    assert card.metrics == {"ndcg_at_10": 0.25}  # what is not known is no metric
    assert any("FR, GB" in limit for limit in card.limits)  # small markets are named
    page = (folder / "card.md").read_text()
    for text in ("## Intended use", "| ndcg_at_10 | 0.25 |", "| FR |", "- `k1`: `", "2024-07-01"):
        assert text in page, text


@unit
def test_a_model_is_logged_with_what_it_was_fitted_on_and_nothing_else(
    model: Recommender[Any], tmp_path: Path
) -> None:
    orders = many()
    for other in (many(customers=3), orders.of_market("FR"), orders.before(dt.date(2024, 3, 1))):
        with pytest.raises(ValueError, match="other interactions: give those .*before, of_market"):
            save_recommender(model, other, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.thorough
@unit
def test_a_service_without_our_package_index_is_told_what_to_install(
    model: Recommender[Any], in_files: None
) -> None:
    wheel = "/Volumes/main/restock/wheels/restock-0.1.0-py3-none-any.whl"
    info = log_recommender(model, many(), requirements=[wheel, "mlflow"])
    folder = Path(mlflow.artifacts.download_artifacts(info.model_uri))
    assert (folder / "requirements.txt").read_text().splitlines() == [wheel, "mlflow"]


@unit
def test_a_model_is_not_joined_to_another_catalogue(saved: Path, tmp_path: Path) -> None:
    folder = saved / "data" / "recommender"
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "markets.json").write_text('["FR", "IT"]')
    with pytest.raises(ValueError, match="item_knn was fitted on another catalogue"):
        ServedModel.open(tmp_path)


# requests ---------------------------------------------------------------------------------
@unit
@pytest.mark.parametrize("history", ["any", "repeat", "new"])
def test_history_is_that_of_the_model(saved: Path, model: Recommender[Any], history: Any) -> None:
    orders = many()
    loaded = mlflow.pyfunc.load_model(str(saved))
    answer = loaded.predict(request(orders), {"k": K, "history": history})
    wanted = expected(model, orders, history=history)
    pd.testing.assert_frame_equal(answer, wanted, check_exact=True)


@unit
def test_unknown_customers_get_what_their_market_buys_and_are_told_so(
    saved: Path, model: Recommender[Any]
) -> None:
    orders = many()
    loaded = mlflow.pyfunc.load_model(str(saved))
    frame = pd.DataFrame(
        {"customer_id": ["new", "newer", "newest", "c10"], "market": ["GB", "XX", None, "GB"]}
    )
    answer = loaded.predict(frame, {"k": 50})
    rows = {name: answer[answer["customer_id"] == name] for name in frame["customer_id"]}
    gb = orders.of_market("GB")
    sold = orders.catalogue.item_ids(np.unique(gb.item))
    assert set(rows["new"]["item_id"]) == set(sold)
    assert rows["new"]["fallback"].all()
    assert not rows["c10"]["fallback"].all()  # a customer we know lives where the orders say
    assert rows["newer"].drop(columns="customer_id").to_numpy().tolist() == (
        rows["newest"].drop(columns="customer_id").to_numpy().tolist()
    )
    everywhere = model.past.popularity.order[-1]
    assert rows["newer"]["item_id"].tolist() == orders.catalogue.item_ids(everywhere).tolist()
    assert everywhere.tolist() != model.past.popularity.order[0].tolist()
    # scores are those of a customer without history
    cold = orders.catalogue.customer_codes(["c9"])
    lists = model.recommend(cold, 50).frame(orders.catalogue)
    pd.testing.assert_frame_equal(
        rows["new"][["item_id", "score"]].reset_index(drop=True), lists[["item_id", "score"]]
    )
    assert set(loaded.predict(frame, {"history": "repeat"})["customer_id"]) == {"c10"}


@unit
def test_whole_numbers_are_taken_as_their_text(tmp_path: Path) -> None:
    frame = Orders(((1, 0, 0, 1), (2, 1, 90, 2), (3, 2, 150, 1))).frame()
    frame["customer_id"] = frame["customer_id"].str.removeprefix("c")
    orders = Interactions.from_frame(frame)
    model = create("reorder").fit(orders)
    save_recommender(model, orders, tmp_path / "model")
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    wanted = loaded.predict(pd.DataFrame({"customer_id": ["3", "1", "7"]}))
    assert set(wanted.loc[~wanted["fallback"], "customer_id"]) == {"3", "1"}
    schema = loaded.metadata.get_input_schema()
    for ids in ([[3], [1], [7]], [[3], ["1"], ["7"]], [[3.0], [1.0], [7.0]]):  # as a server reads
        body = {"dataframe_split": {"columns": ["customer_id"], "data": ids}}
        asked = infer_and_parse_data(body, schema)
        pd.testing.assert_frame_equal(loaded.predict(asked), wanted, check_exact=True)
    served = ServedModel(model, orders.catalogue)
    for numbers in ([3, 1, 7], [3.0, 1.0, 7.0]):
        answer = served.predict(pd.DataFrame({"customer_id": numbers}))
        pd.testing.assert_frame_equal(answer, wanted, check_exact=True)
    with pytest.raises(MlflowException, match="convert int64"):  # what the guide warns of
        loaded.predict(pd.DataFrame({"customer_id": [3]}))


@unit
def test_a_request_that_cannot_be_right_is_refused(saved: Path) -> None:
    loaded = mlflow.pyfunc.load_model(str(saved))
    one = pd.DataFrame({"customer_id": ["c10"]})
    assert loaded.predict(one.iloc[:0]).empty
    for frame, params, message in (
        (one, {"k": 0}, "k must be"),
        (one, {"history": "old"}, "history must be"),
        (one.rename(columns={"customer_id": "id"}), {}, "customer_id"),
        (pd.DataFrame({"customer_id": ["c10", None]}), {}, "row 1 has no customer_id"),
    ):
        with pytest.raises(Exception, match=message):
            loaded.predict(frame, params)


# in the registry --------------------------------------------------------------------------
@platform
def test_versions_open_what_the_store_or_mlflow_holds(home: Path) -> None:
    settings = load_settings(home=home)
    store, orders = open_store(settings=settings), many()
    model = create("reorder").fit(orders)
    hashes = {
        "model": put_model(store, model, {}).hash,
        "snapshot": put_snapshot(store, orders).hash,
    }
    version = VersionRecord(role="champion", identity="night", plan="reorder", **hashes)
    market = MarketRecord(market="FR", versions=(version,))
    night = NightRecord(
        run_token="night",
        as_of=CUTOFF,
        made=dt.datetime(2024, 7, 1, tzinfo=dt.UTC),
        markets=(market, market.model_copy(update={"market": "GB"})),
    )
    assert tracking.track(night, settings).run_id
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(settings.tracking_uri)
    try:
        for name in ("FR", "GB"):
            loaded = mlflow.pyfunc.load_model(f"models:/restock-{name}@champion")
            answer = loaded.predict(request(orders), {"k": K})
            pd.testing.assert_frame_equal(answer, expected(model, orders), check_exact=True)
        with mlflow.start_run() as run:
            log_recommender(model, orders, registered_model_name="offers")
        own = mlflow.pyfunc.load_model("models:/offers/1")
        assert own.metadata.run_id == run.info.run_id
        pd.testing.assert_frame_equal(own.predict(request(orders), {"k": K}), answer)
    finally:
        mlflow.set_tracking_uri(before)


@platform
def test_the_guide_runs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "mlflow-models.md").read_text()
    names: dict[str, Any] = {}
    before = mlflow.get_tracking_uri()
    try:
        for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
            exec(block, names)
    finally:
        mlflow.set_tracking_uri(before)
    out = capsys.readouterr().out
    assert "# reorder" in out and "| ndcg_at_10 | 0.36 |" in out
    assert "a new shop" in out


# over HTTP --------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def server(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Plain ``mlflow models serve``: nothing of ours but the installed package."""
    port = free_port()
    service = start(
        "mlflow models serve",
        python(
            *("mlflow", "models", "serve", "--model-uri", str(saved)),
            *("--host", "127.0.0.1", "--port", str(port), "--env-manager", "local"),
        ),
        log=tmp_path_factory.mktemp("serve") / "serve.log",
        environment={
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
            # it starts uvicorn by name: what activating the environment does
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        url=f"http://127.0.0.1:{port}",
    )
    try:
        wait_until_healthy(service, "/ping", 90)
        yield service
    finally:
        stop([service])


def invoke(server: Service, body: dict[str, Any]) -> pd.DataFrame:
    call = urllib.request.Request(
        f"{server.url}/invocations",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(call, timeout=60) as response:
        return pd.DataFrame(json.load(response)["predictions"])


@platform
def test_a_plain_mlflow_server_gives_the_lists_of_the_model(
    server: Service, model: Recommender[Any]
) -> None:
    orders = many()
    frame = request(orders).to_dict(orient="split", index=False)
    answer = invoke(server, {"dataframe_split": frame, "params": {"k": K}})
    wanted = expected(model, orders)
    assert list(answer.columns) == list(wanted.columns)
    answer = answer.astype({"score": "float32", "rank": "int32"})
    pd.testing.assert_frame_equal(answer, wanted, check_exact=True)


@platform
def test_a_server_says_what_is_wrong_with_a_request(server: Service) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        invoke(server, {"dataframe_split": {"columns": ["id"], "data": [["c10"]]}})
    assert refused.value.code == 400
    assert "customer_id" in refused.value.read().decode()
    wrong = {"dataframe_split": {"columns": ["customer_id"], "data": [["c10"]]}}
    with pytest.raises(urllib.error.HTTPError) as refused:
        invoke(server, wrong | {"params": {"history": "old"}})
    assert "history must be one of any, repeat, new" in refused.value.read().decode()
