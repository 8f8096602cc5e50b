"""The contract of `wide_deep`, its formula, what it can see and what it must not."""

import datetime as dt
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from contracts.orders import DAYS, Orders, many, orders
from contracts.recommender import RecommenderContract, everyone, some
from hypothesis import given

from restock.dataset import Interactions
from restock.dataset.features import Features, OrderFeatures
from restock.models import CannotFit, FitContext, create
from restock.models.training import build, generator
from restock.models.wide_deep_examples import BOUGHT, Batch, Examples
from restock.models.wide_deep_network import Network, Sizes, arrays
from restock.models.wide_deep_view import HABIT, Codes, view
from restock.models.wide_deep_windows import Scale, windows

unit = pytest.mark.unit
TINY: dict[str, Any] = {
    "cutoffs": 1,
    "epochs": 1,
    "embedding": 2,
    "hidden": 4,
    "second": 2,
    "negatives": 2,
}


@pytest.mark.thorough
class TestWideDeep(RecommenderContract):
    name = "wide_deep"
    random = True
    config: ClassVar[dict[str, Any]] = TINY


@unit
def test_scores_without_torch_are_those_of_the_network() -> None:
    train = many()
    codes, now = Codes.of(train), view(train, Codes.of(train))
    scale, sizes = Scale.of(now), Sizes.of(now, codes)
    network = build(lambda: Network(sizes, 3, 8, 5), generator(FitContext())).start()
    with torch.no_grad():
        for part in (network.cross, network.sells, network.wide, network.customer):
            part.weight.normal_(generator=torch.Generator().manual_seed(1))
    model = create("wide_deep", **TINY).fit(train)
    model._arrays |= arrays(network, now, codes, scale)
    scores = model.scores(everyone(train))
    items = torch.arange(codes.items.size)
    for compact, customer in enumerate(codes.customers):
        pairs = slice(now.start[compact], now.start[compact + 1])
        own = now.item[pairs]
        pair = np.zeros((items.numel(), now.pair.shape[1] + 1), dtype=np.float32)
        pair[own] = scale.pairs(now.pair[pairs])
        cross = np.zeros(items.numel(), dtype=np.int64)
        cross[own] = now.cross[pairs]
        market = codes.market[compact]
        sales = (now.sales[market] - scale.sales[0]) / scale.sales[1]
        offset = now.sales[market, :, 0].copy()
        offset[own] = now.pair[pairs, HABIT] + BOUGHT
        about = np.hstack([scale.items(now), pair, np.clip(sales, -4, 4)])
        row = Batch(
            torch.tensor([compact]),
            torch.tensor([market]),
            torch.as_tensor(scale.customers(now, np.array([compact]))),
            items[None],
            torch.as_tensor(about)[None],
            torch.as_tensor(cross)[None],
            torch.as_tensor(now.bucket[market])[None],
            torch.as_tensor(offset)[None],
        )
        logits = network(row)[0].detach().numpy()
        expected = np.exp(logits - logits.max())
        np.testing.assert_allclose(scores[customer, codes.items], expected, rtol=1e-3, atol=1e-6)


@unit
@given(orders)
@some
def test_pairs_are_those_of_the_lines_before(found: Orders) -> None:
    train = found.train()
    codes, ages = Codes.of(train), {}
    past = train.before(train.as_of_date - dt.timedelta(days=28))
    known = view(past, codes)
    for customer, item, age in zip(past.customer, past.item, past.age_days, strict=True):
        ages.setdefault((codes.customer[customer], codes.item[item]), []).append(age)
    pairs = list(zip(known.customer.tolist(), known.item.tolist(), strict=True))
    assert pairs == sorted(ages)
    for row, pair in zip(known.pair, pairs, strict=True):
        of_pair = np.array(ages[pair])
        habit = np.log((0.5 ** (of_pair / 120)).sum() + 0.01)
        assert row[HABIT] == pytest.approx(habit, rel=1e-5)
        assert row[5] == pytest.approx(np.log1p(len(of_pair)), rel=1e-5)
        assert row[6] == pytest.approx(np.log1p(of_pair.min()), rel=1e-5)


@unit
@given(orders)
@some
def test_labels_are_the_purchases_after_of_customers_before(found: Orders) -> None:
    train = found.train()
    codes = Codes.of(train)
    cutoff = train.as_of_date - dt.timedelta(days=28)
    past, then = train.before(cutoff), train.between(cutoff, train.as_of_date)
    expected = {
        (int(codes.customer[customer]), int(codes.item[item]))
        for customer, item in zip(then.customer, then.item, strict=True)
        if customer in past.customers
    }
    labels = [_positives(window, codes) for window in windows(train, codes, 1, 28)]
    assert labels == ([expected] if expected else [])


def _positives(window: Any, codes: Codes) -> set[tuple[int, int]]:
    rows = window.customers[window.positive[:, 0]]
    return set(zip(rows.tolist(), window.positive[:, 1].tolist(), strict=True))


@unit
def test_negatives_are_never_what_was_bought_then() -> None:
    train = many(n=2000)
    codes = Codes.of(train)
    found = windows(train, codes, 3, 28)
    scale = Scale.of(view(train, codes))
    examples = Examples(found, codes, scale, 6, 3)
    rows = examples.draw(generator(FitContext()))
    counts = torch.bincount(examples.row)
    assert rows == len(examples.row)
    assert counts.max() <= 3
    bought = {(at, *pair) for at, window in enumerate(found) for pair in _positives(window, codes)}
    before = {
        (at, *pair)
        for at, window in enumerate(found)
        for pair in zip(window.view.customer.tolist(), window.view.item.tolist(), strict=True)
    }
    for row in range(rows):
        who = int(examples.row[row])
        at, customer = int(examples.window[who]), int(examples.customer[who])
        for place in range(13):
            item, pair = examples.candidate[row, place], examples.candidate_pair[row, place]
            key, weight = (at, customer, int(item)), float(examples.weight[row, place])
            if place == 0:
                assert key in bought
                assert weight == 0
            elif weight > -np.inf:
                assert key not in bought
                assert (key in before) == (place <= 6)
            if weight > -np.inf:
                assert (int(pair) > 0) == (key in before)


@unit
def test_weights_make_the_drawn_stand_for_all() -> None:
    """With many draws, the sum over candidates is that over all items (Jean et al., eq. 8)."""
    train = many(n=2000)
    codes = Codes.of(train)
    examples = Examples(windows(train, codes, 1, 28), codes, Scale.of(view(train, codes)), 4000, 1)
    rows = examples.draw(generator(FitContext()))
    batch, weight = examples.batch(torch.arange(rows))
    drawn = torch.exp(weight[:, 1:] + batch.offset[:, 1:]).sum(1)
    window = windows(train, codes, 1, 28)[0]
    known = window.view
    for row, who in enumerate(examples.row.tolist()):
        customer = window.customers[who]
        share = np.exp(known.sales[codes.market[customer], :, 0].astype(float))
        own = slice(known.start[customer], known.start[customer + 1])
        share[known.item[own]] = np.exp(known.pair[own, HABIT] + BOUGHT)
        then = window.positive[window.positive[:, 0] == who, 1]
        assert float(drawn[row]) == pytest.approx(np.delete(share, then).sum(), rel=0.1)


STAPLES, KEEPS = 8, 5
LEARNING: dict[str, Any] = {"cutoffs": 4, "epochs": 10, "batch_size": 32, "learning_rate": 0.01}


def staples_and_gifts() -> Interactions:
    """Each month customers begin with a staple that they buy ever after, and with a gift."""
    rng = np.random.default_rng(0)
    rows = []
    for customer in range(60):
        staples, gifts = rng.permutation(STAPLES), STAPLES + rng.permutation(30)
        for month in range(KEEPS):
            day = 35 + 28 * month + customer % 7
            rows += [(customer, int(item), day, 1) for item in staples[: month + 1]]
            rows.append((customer, int(gifts[month]), day, 1))
    return Orders(tuple(rows)).train()


@pytest.mark.thorough
@unit
def test_it_learns_which_items_are_bought_again() -> None:
    """The last month's new staple and gift were bought once each, on the same day."""
    train = staples_and_gifts()
    number = np.array([int(item[1:]) for item in train.catalogue.items["id"].to_pylist()])
    model = create("wide_deep", **LEARNING).fit(train)
    scores, right = model.scores(train.customers), []
    lines = train.pairs.sum(np.ones(len(train)))
    for row, customer in zip(scores, train.customers, strict=True):
        own = slice(train.pairs.indptr[customer], train.pairs.indptr[customer + 1])
        once = train.pairs.item[own][lines[own] == 1]
        last = [item for item in once if number[item] < STAPLES]
        gifts = [item for item in once if number[item] >= STAPLES]
        assert (len(last), len(gifts)) == (1, KEEPS)
        right.append(row[last[0]] > row[gifts].max())
    assert np.mean(right) > 0.9


@unit
def test_it_asks_for_features_as_of_each_cut_off_and_no_later() -> None:
    asked = []

    class Watched(OrderFeatures):
        def read(self, entity: Any, interactions: Interactions) -> Features:
            asked.append(interactions.as_of)
            assert interactions.minute.max() < interactions.as_of
            return super().read(entity, interactions)

    train = replace(many(), features=Watched())
    create("wide_deep", **{**TINY, "cutoffs": 3}).fit(train)
    day = 1440
    expected = [train.as_of - 28 * day * back for back in range(5)]
    assert sorted(set(asked), reverse=True) == expected


@unit
def test_one_line_is_enough() -> None:
    train = Orders(((2, 3, DAYS - 1, 1),)).train()
    lists = create("wide_deep").fit(train).recommend(train.customers, 2)
    assert lists.items[0, 0] == train.item[0]
    assert not lists.fallback[0, 0]


@unit
def test_a_card_that_is_not_there_is_named_before_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CannotFit, match="sees no CUDA card"):
        create("wide_deep").fit(many(), FitContext(device="cuda"))


@pytest.mark.platform
def test_a_saved_model_is_loaded_and_asked_without_torch(tmp_path: Path) -> None:
    train = many()
    model = create("wide_deep", **TINY).fit(train)
    model.save(tmp_path)
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np\nfrom restock.models import load\n"
        f"lists = load(__import__('pathlib').Path({str(tmp_path)!r})).recommend("
        f"np.arange({train.n_customers}, dtype=np.int32), 5)\n"
        "print(lists.items.tolist())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(model.recommend(everyone(train), 5).items.tolist())
