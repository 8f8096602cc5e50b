"""The declared markets: ``deployments/markets.toml``, checked, as frozen models."""

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from restock.dataset.columns import MARKET_PATTERN
from restock.evaluation import Objective
from restock.infra.settings import Settings
from restock.monitoring.planned import Planned

PACKAGED = "markets.toml"

T = TypeVar("T", bound="_Table")


class MarketsError(ValueError):
    """The file of markets is wrong; the text names the file, the key and the remedy."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class _Defaults(_Table):
    """What holds for a market that states nothing else."""

    currency: str
    horizon_days: int = Field(ge=1, le=366)
    windows: int = Field(ge=1, le=52)
    k: int = Field(ge=1, le=100)
    item_window_days: int | None = Field(default=None, ge=1)
    objective: Objective
    planned: tuple[Planned, ...] = ()


class Market(_Defaults):
    """A market: a country or sales region with its own money, time, objective and champion."""

    code: str = Field(pattern=MARKET_PATTERN)
    name: str = Field(min_length=1)
    feed_names: tuple[str, ...] = ()
    """What order feeds call it, where that is neither its code nor its English name."""

    currency: str
    """ISO 4217 code of the money that its orders' values are in."""

    rate: float = Field(gt=0, allow_inf_nan=False)
    """What one unit of the currency is worth in the reporting currency."""

    time_zone: str
    """IANA name of the zone that its time stamps are local to."""

    schedule_group: str | None
    """The nightly run it belongs to; None for a market that is not declared."""

    horizon_days: int
    """Days after a cut-off that test it."""

    windows: int
    """Cut-offs that candidates are judged on."""

    k: int
    """Items on a list."""

    item_window_days: int | None = None
    """Only items sold this many days before a cut-off are offered; None: ever sold."""

    objective: Objective
    """Weights and guardrails that its candidates are judged by."""

    planned: tuple[Planned, ...] = ()
    """Changes that were announced: those of all markets, and its own. Nobody is woken by them."""

    declared: bool = True
    """False for a market of the data that the file does not name: it has the defaults."""

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        return _zone(name)

    @model_validator(mode="after")
    def _metrics_fit_k(self) -> Self:
        for metric in (*self.objective.weights, *self.objective.guardrails):
            if not metric.endswith(f"_at_{self.k}"):
                raise ValueError(f"objective: {metric} is not of k = {self.k}: use …_at_{self.k}")
        return self


class _File(_Table):
    schema_version: Literal[1]
    reporting_currency: str
    currencies: dict[str, float]
    schedule_groups: dict[str, str]
    defaults: dict[str, Any]
    markets: dict[str, dict[str, Any]]


class Markets(Mapping[str, Market]):
    """The declared markets by code, in the order of the file.

    reporting_currency: what rates convert to. schedule_groups: group → IANA time zone.
    """

    def __init__(
        self,
        markets: Mapping[str, Market],
        defaults: Mapping[str, Any],
        reporting_currency: str,
        schedule_groups: Mapping[str, str],
    ) -> None:
        self._markets = dict(markets)
        self._defaults = dict(defaults)
        self.reporting_currency = reporting_currency
        self.schedule_groups = dict(schedule_groups)

    def __getitem__(self, code: str) -> Market:
        try:
            return self._markets[code]
        except KeyError:
            raise KeyError(f"no market {code!r} is declared; {_nearest(code, self)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._markets)

    def __len__(self) -> int:
        return len(self._markets)

    def of(self, code: str) -> Market:
        """The declared market, or one with the defaults and ``declared=False``."""
        if code in self._markets:
            return self._markets[code]
        return Market(
            **self._defaults,
            code=code,
            name=code,
            time_zone="UTC",
            schedule_group=None,
            declared=False,
        )

    def in_group(self, group: str) -> tuple[str, ...]:
        """The codes of a schedule group. KeyError for an unknown one."""
        if group not in self.schedule_groups:
            raise KeyError(f"no schedule group {group!r}; {_nearest(group, self.schedule_groups)}")
        return tuple(code for code, market in self.items() if market.schedule_group == group)

    @property
    def feed_names(self) -> dict[str, str]:
        """The feeds' own names → codes: what ``read_orders`` takes to resolve them."""
        return {name: code for code, market in self.items() for name in market.feed_names}

    @property
    def rates(self) -> dict[str, float]:
        """Code → what one unit of its currency is worth in the reporting currency."""
        return {code: market.rate for code, market in self.items()}

    @property
    def time_zones(self) -> dict[str, str]:
        """Code → IANA time zone."""
        return {code: market.time_zone for code, market in self.items()}


def load_markets(settings: Settings | None = None) -> Markets:
    """Read the packaged markets, or the file that the settings name. MarketsError."""
    if settings is not None and settings.markets is not None:
        return read_markets(settings.markets)
    return read_markets(Path(str(files("restock.deployments") / PACKAGED)))


def read_markets(path: Path) -> Markets:
    """Read and check a file of markets.

    MarketsError: no such file, not TOML, an unknown key (with the nearest known one), a bad
    code, an unknown currency, time zone or schedule group, one feed name for two markets.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MarketsError(f"{path} cannot be read: {error}") from None
    file = _validate(_File, data, str(path))
    where = f"{path}: [currencies]"
    if file.reporting_currency not in file.currencies:
        raise MarketsError(f"{where} has no rate for {file.reporting_currency}")
    if file.currencies[file.reporting_currency] != 1:
        raise MarketsError(f"{where}: the reporting currency {file.reporting_currency} is worth 1")
    for group, zone in file.schedule_groups.items():
        try:
            _zone(zone)
        except ValueError as error:
            raise MarketsError(f"{path}: [schedule_groups] {group}: {error}") from None
    _validate(_Defaults, file.defaults, f"{path}: [defaults]")
    defaults = _with_rate(file.defaults, file.currencies, f"{path}: [defaults]")
    markets = {code: _market(code, table, file, path) for code, table in file.markets.items()}
    _refuse_shared_names(markets, path)
    return Markets(markets, defaults, file.reporting_currency, file.schedule_groups)


def _market(code: str, table: dict[str, Any], file: _File, path: Path) -> Market:
    where = f'{path}: [markets."{code}"]'
    for derived in ("code", "rate", "declared"):
        if derived in table:
            raise MarketsError(f"{where}: {derived} is not stated here but derived")
    merged = _with_rate(_merge(file.defaults, table), file.currencies, where)
    market = _validate(Market, {**merged, "code": code}, where)
    if market.schedule_group not in file.schedule_groups:
        raise MarketsError(
            f"{where}: no schedule group {market.schedule_group!r}; "
            f"{_nearest(str(market.schedule_group), file.schedule_groups)}"
        )
    return market


def _with_rate(table: dict[str, Any], rates: dict[str, float], where: str) -> dict[str, Any]:
    currency = str(table["currency"])
    if currency not in rates:
        raise MarketsError(
            f"{where}: unknown currency {currency!r}: add its rate to [currencies]; "
            f"{_nearest(currency, rates)}"
        )
    return {**table, "rate": rates[currency]}


def _merge(defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """A market's table over the defaults; weights and guardrails are replaced as a whole.

    What is planned for all markets holds in each, beside its own.
    """
    merged = {**defaults, **own}
    if isinstance(own.get("planned"), list):
        merged["planned"] = [*defaults.get("planned", ()), *own["planned"]]
    if isinstance(own.get("objective"), dict) and isinstance(defaults.get("objective"), dict):
        merged["objective"] = {**defaults["objective"], **own["objective"]}
    return merged


def _refuse_shared_names(markets: Mapping[str, Market], path: Path) -> None:
    owner: dict[str, str] = {}
    for code, market in markets.items():
        for name in market.feed_names:
            other = owner.setdefault(name.casefold(), code)
            if other != code:
                raise MarketsError(f"{path}: the feed name {name!r} is of both {other} and {code}")


def _validate(model: type[T], data: Any, where: str) -> T:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        about = error.errors()[0]
        key = ".".join(str(part) for part in about["loc"])
        if about["type"] == "extra_forbidden":
            raise MarketsError(f"{where}: unknown key {key}; {_nearest(key, model)}") from None
        text = about["msg"].removeprefix("Value error, ")
        raise MarketsError(f"{where}: {key + ': ' if key else ''}{text}") from None


def _nearest(name: str, known: Any) -> str:
    names = _keys(known) if isinstance(known, type) else list(known)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"


def _keys(model: type[BaseModel]) -> list[str]:
    """The keys that a table may have, those of its objective and its plans included."""
    return [
        *model.model_fields,
        *(f"objective.{key}" for key in Objective.model_fields),
        *(f"planned.{key}" for key in Planned.model_fields),
    ]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no IANA time zone, as Europe/Paris is") from None
    return name
