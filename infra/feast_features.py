"""Features from a Feast repository: what it knew of customers and items before the cut-off."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset import columns as c
from restock.dataset.features import Entity, Features, OrderFeatures, joined
from restock.models.requirements import check_extras

if TYPE_CHECKING:
    from feast import FeatureStore as Feast

JOIN_KEYS: dict[Entity, str] = {"customer": c.CUSTOMER, "item": c.ITEM}
EVENT_TIME = "event_timestamp"  # Feast's own name for it in an entity frame
_MOMENT = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class FeastFeatures:
    """The order features, and features of a Feast repository beside them: a ``FeatureStore``.

    repo: the folder with ``feature_store.yaml``. customer, item: references ("view:feature")
    to numbers in views whose one join key is ``customer_id`` or ``item_id``, text or whole
    numbers; they come as columns "view__feature". time_zone: whose midnight ``as_of`` is;
    "UTC" also where the repository keeps local times without a zone, as Feast then reads
    them.

    Every read asks ``get_historical_features`` for all ids of the catalogue. What Feast has
    nothing for, or only what is older than the view's ttl, is NaN.
    """

    repo: Path
    customer: tuple[str, ...] = ()
    item: tuple[str, ...] = ()
    time_zone: str = "UTC"

    def read(self, entity: Entity, interactions: Interactions) -> Features:
        """See ``restock.dataset.features.FeatureStore.read``."""
        features = OrderFeatures().read(entity, interactions)
        references = self.customer if entity == "customer" else self.item
        if not references:
            return features
        return joined(features, self._ask(entity, references, interactions), entity)

    def _ask(
        self, entity: Entity, references: tuple[str, ...], interactions: Interactions
    ) -> Features:
        check_extras("FeastFeatures", {"feast": "feast"})
        from feast import FeatureStore as Feast

        feast, key = Feast(repo_path=str(self.repo)), JOIN_KEYS[entity]
        catalogue = interactions.catalogue
        ids = (catalogue.customers if entity == "customer" else catalogue.items)["id"].to_pandas()
        kept = ids.astype(np.int64) if _are_numbers(feast, references, key) else ids
        found = feast.get_historical_features(
            entity_df=pd.DataFrame({key: kept, EVENT_TIME: self._last_moment(interactions)}),
            features=list(references),
            full_feature_names=True,
        ).to_df()
        # Feast answers in an order of its own, and leaves out what is older than the ttl.
        found = found.set_index(key).reindex(kept)
        names = tuple(reference.replace(":", "__") for reference in references)
        return Features(names, np.column_stack([_values(found[name]) for name in names]))

    def _last_moment(self, interactions: Interactions) -> pd.Timestamp:
        """The last moment before ``as_of``: Feast gives what is known *at* the time asked for."""
        midnight = pd.Timestamp(interactions.as_of, unit="m")
        # Clocks that change at midnight: the earlier reading, which never sees more.
        local = midnight.tz_localize(self.time_zone, ambiguous=True, nonexistent="shift_backward")
        return local.tz_convert("UTC") - _MOMENT


def _are_numbers(feast: "Feast", references: tuple[str, ...], key: str) -> bool:
    """Whether the repository keeps the ids as whole numbers, not as text."""
    kinds = set()
    for view in dict.fromkeys(reference.partition(":")[0] for reference in references):
        columns = feast.get_feature_view(view).entity_columns
        if [column.name for column in columns] != [key]:
            raise ValueError(
                f"Feast view {view} is joined by {', '.join(column.name for column in columns)}, "
                f"these features need views of one entity with the join key {key}"
            )
        kinds.add(str(columns[0].dtype.name))
    return kinds != {"STRING"}


def _values(column: pd.Series) -> NDArray[np.float32]:
    try:
        return column.astype(np.float64).to_numpy(dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{column.name} of Feast is no number: {error}") from error
