"""A sequential hybrid: each model fills what the ones before it left."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.kernels.merging import in_sequence
from restock.models.base import Config
from restock.models.hybrid import Member, Members
from restock.models.merged import Merged


class Stage(Member):
    """A member and how much of a list it may fill."""

    places: Annotated[int, Field(ge=1)] | None = None
    """At most so many items of this stage; none: as many as it has evidence for."""


class CascadeConfig(Config):
    """Who comes first."""

    stages: Members[Stage] = (Stage(name="reorder"), Stage(name="item_knn"))
    """The members, the first one first."""


class Cascade(Merged[CascadeConfig]):
    """Stage by stage: the items of stage 1 by its scores, then those of stage 2, and so on.

    The cascade of Burke ("Hybrid Recommender Systems", UMUAI 2002) with strict priority: a
    later stage never moves what an earlier one listed. A stage offers the items it has
    evidence for that may be listed (``history``, ``allowed``) and are not listed yet, at most
    ``places`` of them. Scores are 1 / place. Cost: that of the members, and a merge.
    """

    name = "cascade"
    config_class = CascadeConfig

    def _members(self) -> Sequence[Member]:
        return self.config.stages

    def _merge(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        n_items = self.past.n_items
        places = [n_items if s.places is None else s.places for s in self.config.stages]
        scores: NDArray[np.float32] = in_sequence(items, np.array(places, dtype=np.int64), n_items)
        return scores
