"""Wide and deep: what customers did with items, by itself and through embeddings."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.mixing import make_positive
from restock.kernels.wide_deep import put_own, score
from restock.models.base import Config, Recommender, State
from restock.models.context import FitContext
from restock.models.space import Choice, LogUniform, PowerOfTwo, Space
from restock.models.training import Curve, Schedule, build, generator, shuffled, threads, train
from restock.models.wide_deep_memory import bytes_for
from restock.models.wide_deep_view import Codes, view
from restock.models.wide_deep_windows import Scale, Window, windows

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from restock.models.wide_deep_examples import Examples
    from restock.models.wide_deep_network import Network, Sizes

ROWS_AT_ONCE = 4096  # of the validation loss


class WideDeepConfig(Config):
    """Which purchases the network learns from, how large it is and how it is trained."""

    cutoffs: int = Field(6, ge=1, le=52)
    """Cut-offs to learn from, each a horizon before the next; the newest horizon beside them
    decides when to stop."""

    horizon_days: int = Field(28, ge=1, le=366)
    """Days after a cut-off whose purchases are to be foreseen."""

    embedding: int = Field(16, ge=1, le=512)
    """Numbers that stand for a customer, and for an item."""

    hidden: int = Field(64, ge=1, le=1024)
    """Units of the first layer."""

    second: int = Field(16, ge=1, le=1024)
    """Units of the second layer."""

    negatives: int = Field(8, ge=1, le=1024)
    """Items of each kind (bought before, never bought) that a purchase competes with."""

    purchases: int = Field(16, ge=1)
    """Purchases of a customer that an epoch takes from a cut-off: drawn anew each time."""

    epochs: int = Field(4, ge=1)
    """Passes at most; the learning rate falls to 0 over them."""

    patience: int = Field(2, ge=1)
    """Epochs without a better validation loss before training stops."""

    batch_size: int = Field(1024, ge=1)
    """Purchases of a step, over all processes together."""

    learning_rate: float = Field(3e-3, gt=0, le=1)
    """Of AdamW, at the start."""

    weight_decay: float = Field(0.5, ge=0)
    """Of AdamW: the share of a weight that a step takes away, divided by the learning rate."""


class WideDeep(Recommender[WideDeepConfig]):
    """Cheng et al., "Wide & Deep Learning for Recommender Systems" (DLRS 2016), eq. 3.

    ``score(c, j) = exp(z(c, j) - max_j z(c, j))``, an item's share of the softmax beside that of
    the best, with ``z = offset + wide + deep``: wide is linear in crosses (orders × days since the
    last, market × popularity × bought before) and in the features of the pair; deep is
    ``w · relu(W2 relu(W1 x + b1) + b2)`` with x the embeddings of customer, item and market,
    the calendar, the features of both (``interactions.features``) and of the pair. The
    offset, what is known before training, is the logarithm of the decayed number of order
    lines, or of the item's share of the market. Trained by a sampled softmax over the
    purchases after earlier cut-offs, with everything computed as of those.

    Cost: fit = epochs × cut-offs × customers × purchases × negatives × hidden × second;
    scores = customers × items × hidden × second.
    """

    name = "wide_deep"
    config_class = WideDeepConfig
    effort = "epochs"
    compute = "gpu"
    extras: ClassVar[Mapping[str, str]] = {"torch": "torch"}
    space: ClassVar[Space] = {
        "cutoffs": Choice((3, 6, 12)),
        "embedding": PowerOfTwo(2, 6),
        "hidden": PowerOfTwo(4, 8),
        "second": PowerOfTwo(3, 6),
        "negatives": PowerOfTwo(2, 6),
        "epochs": Choice((2, 4, 8)),
        "learning_rate": LogUniform(3e-4, 1e-2),
        "weight_decay": LogUniform(1e-3, 3.0),
    }

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "small": {"cutoffs": 12, "batch_size": 64},
    }

    def memory_bytes(self, interactions: Interactions) -> int:
        """The views of all cut-offs, their tensors, and an epoch's candidates."""
        return bytes_for(interactions, self.config, ROWS_AT_ONCE)

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        from restock.models.wide_deep_network import Sizes, arrays

        config = self.config
        codes = context.once(("view codes",), lambda: Codes.of(interactions))
        now = context.once(("view",), lambda: view(interactions, codes))
        scale, sizes, epochs = Scale.of(now), Sizes.of(now, codes), config.epochs
        with threads(context.threads):
            found = windows(interactions, codes, config.cutoffs + 1, config.horizon_days, context)
            self.curve = Curve()
            if len(found) > 1:  # the newest says how long to train, and is then trained on too
                self.curve = self._hold_out(found, sizes, codes, scale, context)
                epochs = self.curve.best + 1
            everything = self._examples(found, codes, scale) if found else None
            network, _ = self._train(sizes, everything, epochs, context)
        with threads(1):  # so that their number changes nothing that is kept
            self._arrays = arrays(network.cpu(), now, codes, scale)
        self._arrays |= {"customers": codes.customers, "items": codes.items, "market": codes.market}

    def _hold_out(
        self,
        found: "Sequence[Window]",
        sizes: "Sizes",
        codes: Codes,
        scale: Scale,
        context: FitContext,
    ) -> Curve:
        """Learn from all windows but the newest, which judges: the curve is all that is kept."""
        learn, judge = (self._examples(some, codes, scale) for some in (found[1:], found[:1]))
        return self._train(sizes, learn, self.config.epochs, context, judge)[1]

    def _examples(self, found: "Sequence[Window]", codes: Codes, scale: Scale) -> "Examples":
        from restock.models.wide_deep_examples import Examples

        return Examples(found, codes, scale, self.config.negatives, self.config.purchases)

    def _train(
        self,
        sizes: "Sizes",
        learn: "Examples | None",
        epochs: int,
        context: FitContext,
        judge: "Examples | None" = None,
    ) -> "tuple[Network, Curve]":
        """A new network, trained where there is something to learn from."""
        import torch

        from restock.models.wide_deep_network import Network, loss

        config, random = self.config, generator(context)

        def make() -> Network:
            return Network(sizes, config.embedding, config.hidden, config.second)

        network = build(make, random).start()
        if learn is None:
            return network, Curve()
        examples = learn.to(torch.device(context.device))

        def batches(random: "Generator") -> "Sequence[Tensor]":
            return shuffled(examples.draw(random), config.batch_size, random)

        def of_rows(rows: "Tensor") -> "Tensor":
            return loss(network, *examples.batch(rows)).mean()

        validate = validation(network, judge, context) if judge else None
        schedule = Schedule(
            epochs, config.batch_size, config.learning_rate, config.weight_decay, config.patience
        )
        return network, train(network, of_rows, batches, schedule, context, random, validate)

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        known, past = self._arrays, self.past
        place = np.searchsorted(known["customers"], customers)
        place = np.minimum(place, known["customers"].size - 1)
        row = np.where(known["customers"][place] == customers, place, -1)
        scores: NDArray[np.float32] = score(
            row,
            known["market"],
            known["items"],
            known["left"],
            known["right"],
            known["slope"],
            known["share"],
            known["base"],
            known["second"],
            known["second_bias"],
            known["out"],
            past.n_items,
        )
        put_own(scores, customers, past.bought_indptr, past.bought_items, known["pair_score"])
        make_positive(scores)
        return scores

    def _state(self) -> State:
        return self._arrays

    def _restore(self, state: State) -> None:
        self._arrays = state


def validation(
    network: "Network", judge: "Examples", context: FitContext
) -> "Callable[[], Tensor]":
    """A function that gives the losses of ``judge``: the same rows and negatives each time."""
    import torch

    from restock.models.wide_deep_network import loss

    device = torch.device(context.device)
    rows = judge.to(device).draw(generator(context))
    parts = torch.arange(rows, device=device).split(ROWS_AT_ONCE)
    return lambda: torch.cat([loss(network, *judge.batch(part)) for part in parts])
