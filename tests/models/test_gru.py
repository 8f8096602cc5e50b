"""The contract of `gru`, its formulas, its examples, and patterns that were planted."""

from itertools import count
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from contracts.orders import CUTOFF, DAYS, Orders, many, orders
from contracts.recommender import RecommenderContract, some
from hypothesis import given
from hypothesis import strategies as st

from restock.dataset import Interactions
from restock.models import FitContext, create
from restock.models.recurrent_examples import Codes, Questions, Sequences, ask, join
from restock.models.recurrent_network import Asked, Network
from restock.models.training import build, generator, threads

unit = pytest.mark.unit
TINY: dict[str, Any] = {"width": 4, "epochs": 2, "windows": 3, "orders": 5, "batch_size": 16}


@pytest.mark.thorough
class TestGru(RecommenderContract):
    name = "gru"
    config: ClassVar[dict[str, Any]] = TINY
    random = True


@pytest.mark.thorough
class TestNoCopy(RecommenderContract):
    name = "gru"
    config: ClassVar[dict[str, Any]] = {**TINY, "copy_bought": False}
    random = True


def asked(train: Interactions, *, orders: int = 50) -> tuple[Network, Asked, Questions]:
    """A network with random weights everywhere, and the questions of three cut-offs."""
    codes = Codes.of(train)
    sequences = Sequences.of(train, codes, orders)
    questions = join([ask(train, codes, sequences, 28, back) for back in (1, 2, 3)])
    network = build(lambda: Network("gru", codes.items.size, 4, True), generator(FitContext()))
    network.start_from_habit(ask(train, codes, sequences, 28, 0).pair_features)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1
    return network, Asked.of(sequences, questions, "cpu"), questions


# the formulas ---------------------------------------------------------------------------------
@unit
@given(orders, st.booleans())
@some
def test_scores_are_probabilities(found: Orders, copy: bool) -> None:
    train = found.train()
    model = create("gru", **{**TINY, "copy_bought": copy}).fit(train)
    scores = model.scores(train.customers)
    sold = np.unique(train.item)
    np.testing.assert_allclose(scores[:, sold].sum(axis=1), 1, rtol=1e-4)
    assert (scores[:, np.setdiff1d(np.arange(train.n_items), sold)] == -np.inf).all()


@unit
@given(orders)
@some
def test_before_training_it_copies_reorder_and_generates_what_sells(found: Orders) -> None:
    """g copy + (1 - g) generate, with g = sigmoid(1), in plain numpy."""
    last = {(c, i, DAYS - 1, n) for c, i, _, n in found.lines}  # one day: nothing to train on
    train = Orders(tuple(sorted(last))).train()
    model: Any = create("gru", **TINY).fit(train)
    assert model.curve.validation == []
    gate = 1 / (1 + np.exp(-1.0))
    sold = np.unique(train.item)
    lines = np.zeros((2, train.n_items))
    np.add.at(lines, (train.market, train.item), 2 ** (-1 / 14))
    pooled = lines.sum(axis=0)[sold] + 0.01
    smooth = lines[:, sold] + 200 * pooled / pooled.sum()
    share = smooth / smooth.sum(axis=1, keepdims=True)
    habit = create("reorder").fit(train).scores(train.customers)
    habit = np.where(np.isfinite(habit), habit, 0)
    for row, customer in enumerate(train.customers):
        taste = np.exp(model._wanted[row] @ model._by_width)
        made = taste * share[train.catalogue.customer_market[customer]]
        expected = (1 - gate) * made / made.sum() + gate * (habit[row] / habit[row].sum())[sold]
        found_scores = model.scores(train.customers[row : row + 1])[0, sold]
        np.testing.assert_allclose(found_scores, expected, rtol=1e-4)


@unit
@given(orders)
@some
def test_the_loss_is_that_of_the_probabilities(found: Orders) -> None:
    network, data, questions = asked(Orders(found.lines + many_lines()).train())
    rows = torch.arange(questions.size)
    with threads(1), torch.no_grad():
        losses = network.all_losses(data, 7).numpy()
        reply = network(data, rows)
    gate, made = torch.exp(reply.gate).numpy(), torch.softmax(reply.logits, 1).numpy()
    copied = torch.exp(reply.copied).numpy()
    for row in range(questions.size):
        p = gate[row, 1] * made[row]
        pairs = slice(questions.pairs[row], questions.pairs[row + 1])
        np.testing.assert_allclose(copied[pairs].sum(), 1, rtol=1e-4)
        np.add.at(p, questions.item[pairs], gate[row, 0] * copied[pairs])
        answers = questions.answer[questions.answers[row] : questions.answers[row + 1]]
        np.testing.assert_allclose(losses[row], -np.log(p[answers]).mean(), rtol=1e-4)


def many_lines() -> tuple[tuple[int, int, int, int], ...]:
    """So that every invented market has somebody who orders before and after a cut-off."""
    return ((20, 0, 90, 1), (20, 1, 130, 1), (20, 2, 160, 1), (20, 0, DAYS - 1, 1))


@unit
def test_padding_and_company_change_no_answer() -> None:
    network, data, questions = asked(many())
    with threads(1):
        together = network.all_losses(data, 64)
        alone = network.all_losses(data, 1)
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)
    assert questions.size > 64


@unit
def test_batches_hold_every_question_once_and_like_lengths_together() -> None:
    _, data, questions = asked(many())
    parts = data.by_length(16, generator(FitContext()))
    assert sorted(torch.cat(list(parts)).tolist()) == list(range(questions.size))
    length = (data.step - data.indptr[data.customer] + 1).double()
    spread = [float((length[p].max() / length[p].min()).log2()) for p in parts]
    assert np.median(spread) <= 1
    again = data.by_length(16, generator(FitContext()))
    assert all(torch.equal(one, other) for one, other in zip(parts, again, strict=True))


# what it is asked -----------------------------------------------------------------------------
@unit
@given(orders, st.integers(1, 3))
@some
def test_sequences_are_the_last_orders(found: Orders, last: int) -> None:
    train = found.train()
    codes = Codes.of(train)
    sequences = Sequences.of(train, codes, last)
    for row, customer in enumerate(codes.customers):
        days = sorted(set(train.minute[train.customer == customer].tolist()))
        gaps = np.diff(days, prepend=days[0]) / 1440
        steps = range(sequences.indptr[row], sequences.indptr[row + 1])
        assert sequences.minute[steps.start : steps.stop].tolist() == days[-last:]
        for step, minute, gap in zip(steps, days[-last:], gaps[-last:], strict=True):
            basket = sequences.item[sequences.basket[step] : sequences.basket[step + 1]]
            wanted = train.item[(train.customer == customer) & (train.minute == minute)]
            assert codes.items[basket].tolist() == sorted(wanted.tolist())
            expected = [np.log1p(gap), np.log(len(wanted))]
            np.testing.assert_allclose(sequences.features[step, :2], expected, rtol=1e-6)


@unit
@given(orders, st.integers(1, 4))
@some
def test_a_question_knows_nothing_of_what_came_after(found: Orders, back: int) -> None:
    """What is known at a cut-off is the same when everything after it is forgotten."""
    train = found.train()
    codes = Codes.of(train)
    sequences = Sequences.of(train, codes, 50)
    questions = ask(train, codes, sequences, 28, back)
    cutoff = CUTOFF - np.timedelta64(28 * back, "D").astype(object)
    past = train.before(cutoff)
    if not questions.size:
        return
    past_codes = Codes.of(past)
    then = ask(past, past_codes, Sequences.of(past, past_codes, 50), 28, 0)
    for row, customer in enumerate(codes.customers[questions.customer]):
        same = int(np.flatnonzero(past_codes.customers == customer)[0])
        mine = slice(questions.pairs[row], questions.pairs[row + 1])
        theirs = slice(then.pairs[same], then.pairs[same + 1])
        bought = codes.items[questions.item[mine]]
        np.testing.assert_array_equal(bought, past_codes.items[then.item[theirs]])
        known = np.isin(codes.items, past_codes.items)
        assert (questions.shelves[:, ~known] == -1e4).all()
        np.testing.assert_array_equal(questions.features[row], then.features[same])
        np.testing.assert_allclose(
            questions.pair_features[mine][:, :9], then.pair_features[theirs][:, :9], rtol=1e-5
        )
        later = train.between(cutoff, cutoff + np.timedelta64(28, "D").astype(object))
        answers = questions.answer[questions.answers[row] : questions.answers[row + 1]]
        wanted = np.unique(later.item[later.customer == customer])
        wanted = wanted[np.isin(wanted, past.item)]
        assert codes.items[answers].tolist() == wanted.tolist()


# patterns -------------------------------------------------------------------------------------
def chain(items: int, seed: int) -> Interactions:
    """Every month each customer buys one item more: the one after the last, never one twice."""
    rng = np.random.default_rng(seed)
    months = DAYS // 14
    lines = [
        (customer * 2 + 10, int(start + month) % items, DAYS - 1 - 14 * (months - 1 - month), 1)
        for customer, start in enumerate(rng.integers(0, items, 120))
        for month in range(months)
    ]
    return Orders(tuple(lines)).train()


LEARN: dict[str, Any] = {
    "width": 16,
    "horizon_days": 14,
    "windows": 8,
    "epochs": 40,
    "patience": 40,
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "batch_size": 64,
}


def next_in_chain(name: str, train: Interactions, items: int, **how: Any) -> float:
    """How often the first item listed is the one after the customer's last."""
    lists = create(name, **how).fit(train).recommend(train.customers, 1)
    last = train.item[train.indptr[train.customers + 1] - 1]
    of = [int(i[1:]) for i in train.catalogue.item_ids(last)]
    listed = [int(i[1:]) for i in train.catalogue.item_ids(lists.items[:, 0])]
    return float(np.mean([(a + 1) % items == b for a, b in zip(of, listed, strict=True)]))


@pytest.mark.thorough
@unit
@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_the_next_new_item_of_a_chain_is_found(name: str) -> None:
    """20 items, 13 bought: the next one is new, and neither habit nor sales can tell it."""
    train = chain(20, seed=0)
    assert next_in_chain("reorder", train, 20) == 0
    assert next_in_chain(name, train, 20, **LEARN) > 0.9


@pytest.mark.thorough
@unit
@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_the_next_item_of_a_cycle_is_found(name: str) -> None:
    """6 items, over and over: all were bought as often, and what was bought last comes last."""
    train = chain(6, seed=0)
    assert next_in_chain("reorder", train, 6) < 0.2
    assert next_in_chain(name, train, 6, **LEARN) > 0.9


def favourites() -> Interactions:
    """Everybody keeps buying two items of their own, and something else each time."""
    rng = np.random.default_rng(0)
    lines = [
        (customer * 2 + 10, int(item), day, 1)
        for customer in range(60)
        for items in [rng.choice(60, 2, replace=False)]
        for day in range(0, DAYS, 14)
        for item in (*items, rng.integers(0, 60))
    ]
    return Orders(tuple(lines)).train()


@unit
def test_copying_finds_favourites_that_generating_cannot() -> None:
    """Without a copy, what each customer likes would have to be memorised."""
    train = favourites()
    wanted = create("reorder", half_life_days=None, popularity=0).fit(train)
    wanted = wanted.recommend(train.customers, 2).items
    hits = {}
    for copy in (True, False):
        model = create("gru", **{**LEARN, "epochs": 5, "copy_bought": copy}).fit(train)
        found = model.recommend(train.customers, 2).items
        hits[copy] = np.mean([np.isin(a, b).mean() for a, b in zip(wanted, found, strict=True)])
    assert hits[True] > 0.95
    assert hits[False] < 0.5


@unit
@pytest.mark.parametrize("worse", [True, False])
def test_training_that_foretells_nothing_better_is_taken_back(
    worse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model then copies like `reorder`."""
    losses = count() if worse else count(0, -1)
    monkeypatch.setattr(Network, "all_losses", lambda *_: torch.tensor([float(next(losses))]))
    train = favourites()
    model: Any = create("gru", **TINY).fit(train)
    reorder: Any = create("reorder").fit(train)
    habit = reorder._pair_score.astype(np.float64)
    whole = np.add.reduceat(habit, train.pairs.indptr[train.customers])
    share = habit / whole[np.searchsorted(train.customers, train.pairs.customer)]
    assert np.allclose(model._copied, share / (1 + np.exp(-1.0)), rtol=1e-4) == worse
