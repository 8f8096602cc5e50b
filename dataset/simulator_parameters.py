"""The numbers behind the simulated world: fitted to Online Retail, then frozen in a file."""

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

FROZEN = "simulator.toml"


class Parameters(BaseModel):
    """Distributions of customers, baskets, needs, items and tastes.

    Read from ``dataset/data/simulator.toml``; ``python -m restock.dataset.fit_simulator``
    writes that file again from the bundled sample. Everything has a value there: there are no
    defaults here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # markets
    leader_share: float = Field(gt=0, lt=1)
    """Share of all customers in the largest of 40 markets."""
    tail_exponent: float = Field(ge=0)
    """The others' sizes fall as rank ** -tail_exponent."""

    # when customers order
    newcomers_per_day: float = Field(ge=0)
    """New customers in a day for each one that was there at the start."""
    log_gap: float
    """Mean over customers of the log of their gap scale (business days)."""
    log_gap_sd: float = Field(ge=0)
    """Its sd."""
    gap_shape: float = Field(gt=0)
    """Weibull shape of one customer's gaps in business time: 1 is at random, more is regular."""
    lapse_a: float = Field(gt=0)
    """Beta distribution, over customers, of the chance never to order again after an order."""
    lapse_b: float = Field(gt=0)
    """Its second shape."""
    weekday: tuple[float, ...] = Field(min_length=7, max_length=7)
    """Intensity of orders from Monday to Sunday, mean 1."""
    month: tuple[float, ...] = Field(min_length=12, max_length=12)
    """Intensity of orders from January to December, mean 1."""
    closed: tuple[str, ...]
    """Days of the year (MM-DD) without orders."""
    hour_mean: float
    """Mean minute of the day of an order, and its sd."""
    hour_sd: float = Field(ge=0)
    """Its sd."""

    # how much a basket holds
    log_size: float
    """Mean over customers of the log of the usual number of items on an order."""
    log_size_sd: float = Field(ge=0)
    """Its sd."""
    spread: float = Field(gt=0)
    """Gamma shape of what one order discovers around the usual."""
    floor: float = Field(ge=0, le=1)
    """Share of the usual basket that discovery always has."""

    # what is bought again
    strength: float = Field(gt=0)
    """Mean intensity with which an order repeats an item that is due, at the usual gap."""
    strength_per_gap: float = Field(ge=0)
    """Elasticity of it to a customer's gap scale: who orders rarely repeats more at a time."""
    strength_per_narrowness: float = Field(ge=0)
    """Elasticity of it to the inverse of the usual basket: who buys little buys the same."""
    strength_per_price: float = Field(ge=0)
    """Elasticity of it to the item's list price: the dearer lines are the staples."""
    strength_shape: float = Field(gt=0)
    """Its gamma shape over pairs of customer and item."""
    reorder_shape: float = Field(gt=0)
    """Gamma shape of a customer's factor on it."""
    period: float = Field(gt=0)
    """Median over items of the days after which a need is due again."""
    period_sd: float = Field(ge=0)
    """sd of its log over items."""
    need_life: float = Field(gt=0)
    """Scale of the days that a need lasts, for a customer with the usual gap."""
    life_tail: float = Field(gt=0)
    """Power of an exponential number that the scale is multiplied with: more = some last long."""
    life_per_gap: float = Field(ge=0, le=1)
    """Elasticity of that life to a customer's gap scale: 0 = days count, 1 = orders count."""

    # items
    popularity_sd: float = Field(ge=0)
    """sd of the log of the popularity of items above the median."""
    rarity_sd: float = Field(ge=0)
    """The same below the median."""
    popularity_per_cheapness: float = Field(ge=0)
    """Elasticity of popularity to the inverse of the list price."""
    births_per_day: float = Field(ge=0)
    """New items in a day for each one that was there at the start."""
    item_life: float = Field(gt=0)
    """Mean days until an item leaves all assortments."""
    seasonal_share: float = Field(ge=0, le=1)
    """Share of items that sell in one season only."""
    season_peak: tuple[float, ...] = Field(min_length=12, max_length=12)
    """Shares of these items by the month of their peak."""
    season_width: float = Field(gt=0)
    """Days (sd) around the peak."""
    log_price: float
    """Mean over items of the log of the price, in the reporting currency."""
    log_price_sd: float = Field(ge=0)
    """Its sd."""
    log_quantity: float
    """Log quantity of a line at price 1."""
    price_slope: float
    """Log quantity per log price."""
    item_quantity_sd: float = Field(ge=0)
    """sd of log quantity between items of one price."""
    level_sd: float = Field(ge=0)
    """sd of log quantity between customers of one usual basket."""
    level_per_size: float
    """Log quantity per log of the usual basket: wide assortments go with small quantities."""
    key_share: float = Field(ge=0, le=1)
    """Share of customers that are key accounts."""
    key_level: float = Field(ge=0)
    """Added to the log quantity of those."""
    key_haste: float = Field(ge=0)
    """Taken off the log of their gap scale."""
    pair_sd: float = Field(ge=0)
    """sd of log quantity between pairs of customer and item."""
    line_sd: float = Field(ge=0)
    """sd of log quantity within a pair."""
    discount: float = Field(ge=0, lt=1)
    """Off the list price for large quantities."""
    inflation: float = Field(gt=-1)
    """Rise of prices in a quarter."""

    # tastes
    together: float = Field(ge=0, le=1)
    """Chance that a discovery brings its partner along, a similar item of the same range."""
    tastes: int = Field(ge=1)
    """Number of latent tastes; a customer has ``tastes_each`` of them."""
    tastes_each: int = Field(ge=1)
    """Tastes of one customer."""
    ranges: int = Field(ge=1)
    """Product ranges; a taste likes some of them."""
    range_shape: float = Field(gt=0)
    """Gamma shape of the liking of a taste for a range: small = few ranges."""
    liking_sd: float = Field(ge=0)
    """sd of the log liking of a taste for single items."""
    focus: float = Field(gt=0)
    """Dirichlet concentration of a customer's weights over its tastes."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a parameter file; the error names what is missing, unknown or out of range."""
        return cls.model_validate(tomllib.loads(path.read_text()))


@cache
def frozen() -> Parameters:
    """The parameters that ship with the package."""
    text = (files("restock.dataset") / "data" / FROZEN).read_text()
    return Parameters.model_validate(tomllib.loads(text))


def to_toml(parameters: Parameters, heading: str) -> str:
    """The text of a parameter file: ``heading`` as comment, then one line per parameter."""
    lines = [f"# {line}".rstrip() for line in heading.splitlines()] + [""]
    for name, value in parameters.model_dump(mode="json").items():
        lines.append(f"{name} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:.5g}" if isinstance(value, float) else str(value)
