"""What `gru` and `lstm` have in common: orders in sequence, and a copy of what is repeated."""

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.recurrent import score_repeat_and_new
from restock.models.base import Config, Recommender, State
from restock.models.context import FitContext
from restock.models.memory import held, horizons
from restock.models.recurrent_examples import (
    PAIR_FEATURES,
    Codes,
    Questions,
    Sequences,
    ask,
    join,
)
from restock.models.space import Integer, LogUniform, PowerOfTwo, Space
from restock.models.training import Curve, Schedule, build, generator, threads, train

if TYPE_CHECKING:
    from torch import Tensor

    from restock.models.recurrent_network import Asked, Network

ROWS = 256
"""Questions that are answered at a time outside of training."""
LOGITS = 8 * 4
"""Bytes of an item in each question that is answered together with others, by measuring."""
ASKED = 4 * PAIR_FEATURES + 8
"""Bytes of a pair in a question."""
SOUGHT = 24
"""Bytes of a pair while it is found out which answers are repeated."""
AT_THE_END = 60
"""Bytes of a pair that the questions at the end leave behind until then, by measuring."""

KEPT = ("items", "market", "shelves", "wanted", "level", "copied", "by_width")
"""What a saved model holds: see ``score_repeat_and_new``."""


class RecurrentConfig(Config):
    """The size of the network, what it is asked, and how it is trained."""

    width: int = Field(32, ge=1, le=1024)
    """Numbers that describe an item, and the state of a customer."""

    copy_bought: bool = True
    """Whether items bought before have a say of their own; off, all items are generated alike."""

    orders: int = Field(50, ge=1, le=1000)
    """How many of a customer's last orders are read."""

    horizon_days: int = Field(28, ge=1, le=365)
    """Days after a cut-off whose purchases are to be foretold."""

    windows: int = Field(12, ge=1, le=100)
    """Cut-offs to train on, a horizon apart; one more, the latest, decides when to stop."""

    epochs: int = Field(8, ge=1, le=200)
    """Passes over all questions, at most."""

    patience: int = Field(2, ge=1, le=50)
    """Epochs without a better validation loss before training stops."""

    batch_size: int = Field(128, ge=1, le=8192)
    """Questions (customers at a cut-off) in a step."""

    learning_rate: float = Field(0.005, gt=0, le=1)
    """Step size of AdamW."""

    weight_decay: float = Field(1.0, ge=0, le=100)
    """How hard weights are pulled back to where training starts: to habit and the market."""


C = TypeVar("C", bound=RecurrentConfig)


class Recurrent(Recommender[C]):
    """A recurrent network over orders that repeats and explores (after RepeatNet).

    A step reads one order: the mean of its items' embeddings E, log days since the order before,
    log lines, and the time of year. From the state after the last order and what is known of the
    customer at the cut-off comes ``q`` (d numbers), and from it

        p(j | c) = g copy(j | c) + (1 - g) generate(j | c),   g = sigmoid(1 + v . q)

    (Ren et al., "RepeatNet", AAAI 2019, eq. 2). ``generate`` is a softmax over all items
    sold before of ``E_j . q + log share of j in the customer's market now``. ``copy`` is a
    softmax over the items that the customer bought: the log of ``reorder``'s score, plus a small
    network of the pair's counts, recency and sales (``recurrent_examples.pair_features``) and of
    q, plus one number per item, plus a multiple of ``E_j . q``. The score is p.

    Trained on cut-offs ``horizon_days`` apart, on those who ordered before and after, to raise
    the mean log p of what they bought. All weights start at 0 but E and the encoder: an
    untrained network repeats like ``reorder`` and explores like ``popular``, weight decay pulls
    back to that, and if the latest cut-off is not foretold better, it stays. In training, a
    market's shares also count the weeks to be foretold: what everybody will buy is given, so
    that E learns what tells customers apart, not what was in fashion at twelve dates.

    Cost: an epoch = questions × items × d × 6 + orders × d² × 40 operations; scores = d × items.
    """

    cell: ClassVar[Literal["gru", "lstm"]]
    compute = "gpu"
    effort = "epochs"
    extras: ClassVar[Mapping[str, str]] = {"torch": "torch"}
    space: ClassVar[Space] = {
        "width": PowerOfTwo(3, 7),
        "windows": Integer(6, 24),
        "learning_rate": LogUniform(0.0005, 0.02),
        "weight_decay": LogUniform(0.1, 10),
    }
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "large": {"batch_size": 512, "epochs": 4},
        "new_items": {"copy_bought": False},
    }

    def memory_bytes(self, interactions: Interactions) -> int:
        """The questions, twice while they are gathered, their shelves, and a step's logits."""
        config = self.config
        found = horizons(interactions, config.windows + 1, config.horizon_days)
        asked, pairs = sum(one.active for one in found), interactions.pairs.item.size
        questions = ASKED * (pairs + 2 * asked) + SOUGHT * asked + AT_THE_END * pairs
        items, orders = np.unique(interactions.item).size, np.unique(interactions.order).size
        markets = np.unique(interactions.catalogue.customer_market[interactions.customers]).size
        shelves = 8 * (1 + len(found)) * markets * items
        sequences = 8 * len(interactions) + 28 * orders
        logits = LOGITS * max(config.batch_size, ROWS) * items
        return int(held(interactions) + questions + shelves + sequences + logits)

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        with threads(context.threads):
            self._learn_to_answer(interactions, context)

    def _learn_to_answer(self, interactions: Interactions, context: FitContext) -> None:
        from restock.models.recurrent_network import Asked, Network

        config = self.config
        orders, days = config.orders, config.horizon_days
        codes = context.once(("order codes",), lambda: Codes.of(interactions))
        sequences = context.once(
            ("orders", orders), lambda: Sequences.of(interactions, codes, orders)
        )

        def asked(back: int) -> Questions:
            return context.once(
                ("questions", orders, days, back),
                lambda: ask(interactions, codes, sequences, days, back, hindsight=back > 1),
            )

        end, latest, *earlier = (asked(back) for back in range(config.windows + 2))
        random = generator(context)
        network = build(
            lambda: Network(self.cell, codes.items.size, config.width, config.copy_bought), random
        )
        network.start_from_habit(end.pair_features)
        self.curve = Curve()
        earlier = [questions for questions in earlier if questions.size]
        if earlier and latest.size:
            known, judged = (
                Asked.of(sequences, questions, context.device)
                for questions in (join(earlier), latest)
            )
            self.curve = self._train(network, known, judged, random, context)
        network.to(context.device)
        self._keep(network, Asked.of(sequences, end, context.device), end, codes)

    def _train(
        self, network: "Network", known: "Asked", judged: "Asked", random: Any, context: FitContext
    ) -> Curve:
        """Train; where that foretells the latest cut-off no better, take the start back."""
        config = self.config

        def judge() -> "Tensor":
            return network.all_losses(judged, ROWS)

        network.to(context.device)
        start, untrained = float(judge().double().mean()), deepcopy(network.state_dict())
        curve = train(
            network,
            lambda rows: network.losses(known, rows).mean(),
            lambda random: known.by_length(config.batch_size, random),
            Schedule(
                epochs=config.epochs,
                batch_size=config.batch_size,
                learning_rate=config.learning_rate,
                weight_decay=config.weight_decay,
                patience=config.patience,
            ),
            context,
            random,
            judge,
        )
        if not curve.validation[curve.best] < start:
            network.load_state_dict(untrained)
        return curve

    def _keep(self, network: "Network", asked: "Asked", end: Questions, codes: Codes) -> None:
        """Keep what the scores are made of: all customers at the end of what is known."""
        self._items = codes.items
        self._market = codes.market_row
        self._shelves = end.shelves
        self._wanted, self._level, self._copied = network.answers(asked, ROWS)
        self._by_width = network.by_width()
        self._prepare()

    def _prepare(self) -> None:
        bought = np.diff(self.past.bought_indptr) > 0
        self._row = np.where(bought, np.cumsum(bought) - 1, -1)
        self._starts = self.past.bought_indptr[np.append(np.flatnonzero(bought), bought.size)]

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = score_repeat_and_new(
            self._row[customers],
            self._wanted,
            self._level,
            self._market,
            self._shelves,
            self._by_width,
            self._items,
            self._starts,
            self.past.bought_items,
            self._copied,
            self.past.n_items,
        )
        return scores

    def _state(self) -> State:
        return {name: getattr(self, f"_{name}") for name in KEPT}

    def _restore(self, state: State) -> None:
        for name in KEPT:
            setattr(self, f"_{name}", state[name])
        self._prepare()
