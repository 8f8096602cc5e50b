"""Features of a real, local Feast repository: what it knew before the cut-off, and no more."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from contracts.orders import CUTOFF, many

from restock.dataset import Interactions
from restock.dataset.features import OrderFeatures
from restock.infra.feast_features import FeastFeatures
from restock.models import create

pytestmark = pytest.mark.platform
MIDNIGHT = pd.Timestamp(CUTOFF, tz="UTC")
US = pd.Timedelta(microseconds=1)


def customers() -> pd.DataFrame:
    """c10's row of midnight is the future; c11's is the last moment before; c12's is old."""
    rows = [
        ("c10", MIDNIGHT - pd.Timedelta(days=3), 1.0, 10),
        ("c10", MIDNIGHT, 99.0, 99),
        ("c11", MIDNIGHT - US, 2.0, 20),
        ("c12", MIDNIGHT - pd.Timedelta(days=60), 3.0, 30),
        ("nobody", MIDNIGHT - US, 4.0, 40),
    ]
    return pd.DataFrame(rows, columns=["customer_id", "at", "staff", "beds"])


def items() -> pd.DataFrame:
    """An item's weight, which is known of a few."""
    rows = [("i3", MIDNIGHT - US, 7.5), ("i4", MIDNIGHT + US, 1.0)]
    return pd.DataFrame(rows, columns=["item_id", "at", "weight"])


def configure(folder: Path) -> None:
    """A repository of files and SQLite."""
    (folder / "feature_store.yaml").write_text(
        f"""\
project: shops
provider: local
registry: {{registry_type: sql, path: "sqlite:///{folder}/registry.db"}}
online_store: {{type: sqlite, path: "{folder}/online.db"}}
offline_store: {{type: file}}
entity_key_serialization_version: 3
"""
    )


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Views of customers (with and without ttl, text and number ids) and of items."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast.types import Float32, Float64, Int64, String

    folder = tmp_path_factory.mktemp("feast")
    configure(folder)
    numbered = customers()
    numbered["customer_id"] = range(10, 10 + len(numbered))
    tables = {"shop": customers(), "numbered": numbered, "weights": items()}
    sources = {}
    for name, table in tables.items():
        table.assign(town="Reims").to_parquet(folder / f"{name}.parquet")
        sources[name] = FileSource(path=str(folder / f"{name}.parquet"), timestamp_field="at")
    shop = Entity(name="shop", join_keys=["customer_id"], value_type=ValueType.STRING)
    room = Entity(name="room", join_keys=["customer_id"], value_type=ValueType.INT64)
    sku = Entity(name="sku", join_keys=["item_id"], value_type=ValueType.STRING)
    staff, beds = Field(name="staff", dtype=Float64), Field(name="beds", dtype=Int64)
    weight = Field(name="weight", dtype=Float32)

    def view(name: str, entity: Entity, source: str, days: int, *fields: Field) -> FeatureView:
        ttl = dt.timedelta(days=days)
        return FeatureView(
            name=name, entities=[entity], ttl=ttl, schema=list(fields), source=sources[source]
        )

    FeatureStore(repo_path=str(folder)).apply(
        [
            *(shop, room, sku),
            view("shop", shop, "shop", 0, staff, beds),
            view("recent", shop, "shop", 28, staff),
            view("numbered", room, "numbered", 0, staff),
            view("weights", sku, "weights", 0, weight),
            view("texts", shop, "shop", 0, Field(name="town", dtype=String)),
        ]
    )
    return folder


def staff(orders: Interactions, name: str = "shop__staff") -> Mapping[str, float]:
    """Customer id → the feature, where it is known."""
    found = orders.features.read("customer", orders)
    column = found.values[:, found.names.index(name)]
    ids = orders.catalogue.customers["id"].to_pylist()
    return {i: float(v) for i, v in zip(ids, column, strict=True) if not np.isnan(v)}


def test_it_knows_the_last_moment_before_the_cut_off_and_not_the_next(repo: Path) -> None:
    orders = replace(many(), features=FeastFeatures(repo, customer=("shop:staff", "shop:beds")))
    found = orders.features.read("customer", orders)
    plain = OrderFeatures().read("customer", orders)
    assert found.names == (*plain.names, "shop__staff", "shop__beds")
    assert found.values.dtype == np.float32
    assert found.values.shape == (orders.n_customers, len(found.names))
    np.testing.assert_array_equal(found.values[:, : len(plain.names)], plain.values)
    assert staff(orders) == {"c10": 1.0, "c11": 2.0, "c12": 3.0}
    assert staff(orders, "shop__beds") == {"c10": 10.0, "c11": 20.0, "c12": 30.0}


def test_cuts_see_what_was_known_then(repo: Path) -> None:
    orders = replace(many(), features=FeastFeatures(repo, customer=("shop:staff",)))
    day = dt.timedelta(days=1)
    assert staff(orders.before(CUTOFF - day)) == {"c10": 1.0, "c12": 3.0}
    assert staff(orders.before(CUTOFF - 4 * day).of_market("FR")) == {"c12": 3.0}
    assert staff(orders.before(CUTOFF + day)) == {"c10": 99.0, "c11": 2.0, "c12": 3.0}


def test_a_ttl_forgets(repo: Path) -> None:
    orders = replace(many(), features=FeastFeatures(repo, customer=("recent:staff",)))
    assert staff(orders, "recent__staff") == {"c10": 1.0, "c11": 2.0}


def test_midnight_is_that_of_the_time_zone(repo: Path) -> None:
    east, west = (
        replace(many(), features=FeastFeatures(repo, customer=("shop:staff",), time_zone=zone))
        for zone in ("Asia/Tokyo", "America/New_York")
    )
    assert staff(east) == {"c10": 1.0, "c12": 3.0}  # midnight was nine hours earlier there
    assert staff(west) == {"c10": 99.0, "c11": 2.0, "c12": 3.0}


def test_items_have_features_of_their_own(repo: Path) -> None:
    orders = replace(many(), features=FeastFeatures(repo, item=("weights:weight",)))
    found = orders.features.read("item", orders)
    column = found.values[:, found.names.index("weights__weight")]
    assert column[orders.catalogue.item_codes(["i3"])[0]] == 7.5
    assert np.isnan(column).sum() == orders.n_items - 1
    assert orders.features.read("customer", orders).names == (
        OrderFeatures().read("customer", orders).names
    )


def test_ids_may_be_whole_numbers_there(repo: Path) -> None:
    orders = many()
    ids = [name.removeprefix("c") for name in orders.catalogue.customers["id"].to_pylist()]
    table = orders.catalogue.customers.set_column(0, "id", [ids])
    numbered = replace(orders, catalogue=replace(orders.catalogue, customers=table))
    features = FeastFeatures(repo, customer=("numbered:staff",))
    assert staff(replace(numbered, features=features), "numbered__staff") == {
        "10": 1.0,
        "12": 2.0,
        "13": 3.0,
        "14": 4.0,
    }


def test_what_cannot_be_joined_is_refused(repo: Path) -> None:
    orders = many()
    with pytest.raises(ValueError, match="view shop is joined by customer_id, .*key item_id"):
        FeastFeatures(repo, item=("shop:staff",)).read("item", orders)
    with pytest.raises(ValueError, match="texts__town of Feast is no number"):
        FeastFeatures(repo, customer=("texts:town",)).read("customer", orders)


# models -----------------------------------------------------------------------------------
MONTHS, ITEMS, OFFERS = 8, 15, 4
QUICK = {
    "rerank": {"members": [{"name": "popular"}], "cutoffs": 4, "trees": 30, "least_leaf": 5},
    "wide_deep": {"cutoffs": 4, "epochs": 30, "patience": 30, "batch_size": 64},
}


def promotions(planted: bool = False) -> tuple[Interactions, pd.DataFrame]:
    """Orders of items on offer, other items each month; and the offers as a Feast table.

    Only the feature says what the next month's offers are. planted: rows of the cut-off's
    own midnight turn them around.
    """
    random = np.random.default_rng(0)
    start = pd.Timestamp(CUTOFF) - MONTHS * pd.Timedelta(days=28)
    lines, offers = [], []
    for month in range(MONTHS + 1):
        first = start + month * pd.Timedelta(days=28)
        on_offer = np.isin(np.arange(ITEMS), random.choice(ITEMS, OFFERS, replace=False))
        known = first - pd.Timedelta(hours=1)
        offers += [(f"i{n}", known, float(on)) for n, on in enumerate(on_offer)]
        if month == MONTHS:
            break
        for customer in range(40):
            for item in random.choice(np.flatnonzero(on_offer), 3, replace=False):
                day = first + pd.Timedelta(days=int(random.integers(0, 27)), hours=9)
                lines.append(("FR", f"c{customer}", f"{customer}-{day}", f"i{item}", day))
    if planted:
        offers += [(i, pd.Timestamp(CUTOFF), 1 - on) for i, _, on in offers[-ITEMS:]]
    names = ["market", "customer_id", "order_id", "item_id", "timestamp"]
    orders = pd.DataFrame(lines, columns=names).assign(quantity=1.0, unit_price=2.0)
    table = pd.DataFrame(offers, columns=["item_id", "at", "offer"])
    return Interactions.from_frame(orders).before(CUTOFF), table


def offered(folder: Path, planted: bool) -> tuple[Interactions, pd.DataFrame]:
    """The orders with the offers of a Feast repository beside them."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast.types import Float64

    orders, table = promotions(planted)
    configure(folder)
    table.assign(at=table["at"].dt.tz_localize("UTC")).to_parquet(folder / "offers.parquet")
    sku = Entity(name="sku", join_keys=["item_id"], value_type=ValueType.STRING)
    view = FeatureView(
        name="offers",
        entities=[sku],
        ttl=dt.timedelta(0),
        schema=[Field(name="offer", dtype=Float64)],
        source=FileSource(path=str(folder / "offers.parquet"), timestamp_field="at"),
    )
    FeatureStore(repo_path=str(folder)).apply([sku, view])
    return replace(orders, features=FeastFeatures(folder, item=("offers:offer",))), table


@pytest.mark.parametrize("name", QUICK)
def test_models_learn_from_it_and_do_not_see_the_future(name: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    orders, table = offered(tmp_path / "a", planted=False)
    planted, _ = offered(tmp_path / "b", planted=True)
    plain = replace(orders, features=OrderFeatures())
    with_it, with_future, without = (
        create(name, **QUICK[name]).fit(x).recommend(x.customers, OFFERS)
        for x in (orders, planted, plain)
    )
    np.testing.assert_array_equal(with_it.items, with_future.items)
    np.testing.assert_array_equal(with_it.scores, with_future.scores)
    now = table.iloc[-ITEMS:]
    on_offer = orders.catalogue.item_codes(now["item_id"][now["offer"] == 1].tolist())
    hits, chance = (np.isin(lists.items, on_offer).mean() for lists in (with_it, without))
    assert hits > 0.8
    assert chance < 0.5


def test_the_guide_runs(repo: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "feature_repo").symlink_to(repo)
    page = (Path(__file__).parents[2] / "docs" / "features.md").read_text()
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
    assert "'shop__staff'" in capsys.readouterr().out.splitlines()[-1]
