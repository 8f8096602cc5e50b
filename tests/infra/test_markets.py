"""The declared markets: the packaged file, and files that are wrong."""

import datetime as dt
import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from restock.dataset.online_retail import COUNTRY_NAMES
from restock.infra.markets import MarketsError, load_markets, read_markets
from restock.infra.settings import load_settings

pytestmark = pytest.mark.unit

PACKAGED = (files("restock.deployments") / "markets.toml").read_text("utf-8")
SMALL = """
schema_version = 1
reporting_currency = "EUR"
[currencies]
EUR = 1.0
NOK = 0.086
[schedule_groups]
north = "Europe/Oslo"
[defaults]
currency = "EUR"
horizon_days = 28
windows = 6
k = 10
[defaults.objective.weights]
ndcg_at_10 = 0.6
revenue_share_at_10 = 0.4
[defaults.objective.guardrails]
revenue_capture_at_10 = 0.05
[markets."NO"]
name = "Norway"
feed_names = ["Norge"]
currency = "NOK"
time_zone = "Europe/Oslo"
schedule_group = "north"
[markets."NA"]
name = "Namibia"
time_zone = "Africa/Windhoek"
schedule_group = "north"
k = 5
objective.weights = { ndcg_at_5 = 1.0 }
objective.guardrails = {}
"""


@pytest.fixture
def write(home: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = home / "markets.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_every_market_of_the_data_is_declared() -> None:
    markets = load_markets()
    assert len(markets) == 43
    assert {"GB", "NO", "IE", "ZA", "UNKNOWN", "CHANNEL", "EUCOMM", "WINDIES"} <= set(markets)
    assert set(COUNTRY_NAMES.items()) <= set(markets.feed_names.items())
    assert {market.currency for market in markets.values()} == {"GBP"}
    assert {market.rate for market in markets.values()} == {1.0}
    assert all(market.declared for market in markets.values())


def test_every_market_belongs_to_a_group_near_its_own_time() -> None:
    markets = load_markets()
    grouped = [code for group in markets.schedule_groups for code in markets.in_group(group)]
    assert sorted(grouped) == sorted(markets)

    def offset(zone: str) -> dt.timedelta:
        return dt.datetime(2011, 12, 1, tzinfo=ZoneInfo(zone)).utcoffset()

    for market in markets.values():
        apart = offset(market.time_zone) - offset(markets.schedule_groups[market.schedule_group])
        assert abs(apart) <= dt.timedelta(hours=3), market.code


def test_codes_are_quoted_in_the_file() -> None:
    headers = [line for line in PACKAGED.splitlines() if line.startswith("[markets")]
    assert len(headers) == len(tomllib.loads(PACKAGED)["markets"])
    assert all(line.startswith('[markets."') for line in headers)


def test_a_market_states_only_what_differs(write: Callable[[str], Path]) -> None:
    markets = read_markets(write(SMALL))
    norway, namibia = markets["NO"], markets["NA"]
    assert (norway.currency, norway.rate, norway.k) == ("NOK", 0.086, 10)
    assert norway.objective.weights == {"ndcg_at_10": 0.6, "revenue_share_at_10": 0.4}
    assert norway.objective.guardrails == {"revenue_capture_at_10": 0.05}
    assert (namibia.currency, namibia.rate, namibia.k) == ("EUR", 1.0, 5)
    assert namibia.objective.weights == {"ndcg_at_5": 1.0}
    assert namibia.objective.guardrails == {}
    assert markets.reporting_currency == "EUR"
    assert markets.feed_names == {"Norge": "NO"}
    assert markets.rates == {"NO": 0.086, "NA": 1.0}
    assert markets.time_zones["NA"] == "Africa/Windhoek"
    assert markets.in_group("north") == ("NO", "NA")
    with pytest.raises(KeyError, match="did you mean north"):
        markets.in_group("nord")


def test_what_is_planned_for_all_holds_in_each_market_beside_its_own(
    write: Callable[[str], Path],
) -> None:
    sale = '[[defaults.planned]]\nwhat = "prices"\nfirst = 2026-01-02\nlast = 2026-01-31\n'
    range_ = """
[[markets."NO".planned]]
what = "assortment"
first = 2026-11-01
last = 2026-12-01
note = "Christmas range"
"""
    markets = read_markets(
        write(
            SMALL.replace("[defaults.objective.weights]", sale + "[defaults.objective.weights]")
            + range_
        )
    )
    assert [one.what for one in markets["NO"].planned] == ["prices", "assortment"]
    assert [one.what for one in markets["NA"].planned] == ["prices"]
    assert [one.what for one in markets.of("XX").planned] == ["prices"]
    assert markets["NO"].planned[1].last == dt.date(2026, 12, 1)
    assert all(not market.planned for market in load_markets().values())
    for wrong, says in (
        ("last = 2026-12-01\nwhen = 1", "unknown key planned.0.when"),
        ("last = 2025-12-01", "ends"),
    ):
        with pytest.raises(MarketsError, match=says):
            read_markets(write(SMALL + range_.replace("last = 2026-12-01", wrong)))


def test_a_market_that_is_not_declared_has_the_defaults(write: Callable[[str], Path]) -> None:
    markets = read_markets(write(SMALL))
    market = markets.of("MX")
    assert (market.code, market.k, market.currency, market.declared) == ("MX", 10, "EUR", False)
    assert market.schedule_group is None
    assert markets.of("NO") is markets["NO"]
    with pytest.raises(KeyError, match="'MX' is declared"):
        markets["MX"]
    with pytest.raises(ValueError, match="code"):
        markets.of("BR/../MX")


def test_settings_name_another_file(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTOCK_MARKETS", str(write(SMALL)))
    assert list(load_markets(load_settings())) == ["NO", "NA"]
    monkeypatch.setenv("RESTOCK_MARKETS", "gone.toml")
    with pytest.raises(MarketsError, match=r"gone\.toml cannot be read"):
        load_markets(load_settings())


def test_markets_cannot_be_changed(write: Callable[[str], Path]) -> None:
    with pytest.raises(ValueError, match="frozen"):
        read_markets(write(SMALL))["NO"].k = 3


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('currency = "NOK"', 'currency = "NOX"', r'markets\."NO"\].*NOX.*did you mean NOK'),
        ('\ncurrency = "EUR"', '\ncurrency = "GBP"', r"defaults\].*unknown currency 'GBP'"),
        ('markets."NO"', 'markets."BR/../MX"', r"BR/\.\./MX.*code"),
        ('markets."NO"', 'markets."no"', "code"),
        ("feed_names", "feed_name", "unknown key feed_name; did you mean feed_names"),
        ("windows = 6", "", r"defaults\]: windows: Field required"),
        ("objective.guardrails", "objective.guards", "objective.guards; did you mean objective"),
        ("horizon_days = 28", "horizon_days = 0", "horizon_days"),
        ("horizon_days = 28", 'horizon_days = "a month"', "horizon_days"),
        ("k = 5", "k = 6", "ndcg_at_5 is not of k = 6"),
        ("ndcg_at_5 = 1.0", "ndgc_at_5 = 1.0", "ndgc"),
        ("ndcg_at_5 = 1.0", "ndcg_at_5 = -1.0", "weight"),
        ("Africa/Windhoek", "Africa/Windhock", "no IANA time zone"),
        ("Africa/Windhoek", "../../etc/passwd", "no IANA time zone"),
        ('north = "Europe/Oslo"', 'north = "Oslo"', r"schedule_groups\] north: 'Oslo'"),
        ('schedule_group = "north"', 'schedule_group = "nord"', "did you mean north"),
        ('schedule_group = "north"', "", "schedule_group"),
        ('name = "Norway"', 'name = "Norway"\nrate = 2.0', "rate is not stated here"),
        ('name = "Norway"', 'name = "Norway"\ncode = "NO"', "code is not stated here"),
        ('name = "Namibia"', 'name = "Namibia"\nfeed_names = ["norge"]', "of both NO and NA"),
        ("NOK = 0.086", "NOK = -1.0", "NO.*rate"),
        ("NOK = 0.086", "NOK = inf", "NO.*rate"),
        ("EUR = 1.0", "EUR = 2.0", "EUR is worth 1"),
        ("EUR = 1.0", "", "no rate for EUR"),
        ("schema_version = 1", "schema_version = 2", "schema_version"),
        ("schema_version = 1", "schema_version = 1\ncurrency = 1", "unknown key currency"),
        ("[defaults]", "[defaults", "cannot be read"),
        ('markets."NO"', 'markets."NA"', "cannot be read"),
    ],
)
def test_a_wrong_file_says_where_and_what(
    write: Callable[[str], Path], old: str, new: str, why: str
) -> None:
    assert old in SMALL
    with pytest.raises(MarketsError, match=why) as caught:
        read_markets(write(SMALL.replace(old, new, 1)))
    assert "markets.toml" in str(caught.value)
