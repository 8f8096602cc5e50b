"""The markets of the simulated world: codes, currencies, sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restock.dataset.simulator_parameters import Parameters

EURO = "DE FR IE ES NL BE PT IT FI AT CY GR MT LT"
CURRENCY_OF = {
    **dict.fromkeys(EURO.split(), "EUR"),
    **{"GB": "GBP", "CH": "CHF", "AU": "AUD", "JE": "GBP", "NO": "NOK", "SE": "SEK"},
    **{"JP": "JPY", "DK": "DKK", "PL": "PLN", "US": "USD", "SG": "SGD", "IL": "ILS"},
    **{"CA": "CAD", "AE": "AED", "HK": "HKD", "CZ": "CZK", "BR": "BRL", "ZA": "ZAR"},
    **{"KR": "KRW", "IS": "ISK", "BH": "BHD", "LB": "USD", "NG": "NGN", "SA": "SAR"},
    **{"TH": "THB", "BM": "BMD", "MX": "MXN", "IN": "INR", "TR": "TRY", "CL": "CLP"},
}
"""The markets of the world (by size: ``SIZE_ORDER``) with their currencies."""

SIZES = (
    "GB DE FR IE ES NL CH BE PT AU JE IT NO SE CY FI AT DK JP PL US SG IL CA GR MT AE HK "
    "CZ BR ZA KR IS BH LB LT NG SA TH BM MX IN TR CL"
)
SIZE_ORDER = SIZES.split()

PER_POUND = {
    **{"GBP": 1.0, "EUR": 1.17, "USD": 1.27, "CHF": 1.12, "AUD": 1.93, "NOK": 13.4},
    **{"SEK": 13.3, "JPY": 189.0, "DKK": 8.7, "PLN": 5.05, "SGD": 1.71, "ILS": 4.7},
    **{"CAD": 1.72, "AED": 4.66, "HKD": 9.9, "CZK": 29.2, "BRL": 6.3, "ZAR": 23.6},
    **{"KRW": 1690.0, "ISK": 174.0, "BHD": 0.48, "NGN": 1130.0, "SAR": 4.76, "THB": 45.4},
    **{"BMD": 1.27, "MXN": 21.5, "INR": 105.0, "TRY": 38.5, "CLP": 1120.0},
}
"""Units of each currency for one unit of the reporting currency. Round figures of 2024."""


@dataclass(frozen=True)
class Market:
    """A market of the simulated world. rate: its currency's units per reporting unit."""

    code: str
    customers: int
    currency: str
    rate: float


def make_markets(
    parameters: Parameters,
    markets: int,
    customers: int | Sequence[int] | Mapping[str, int],
    *,
    local_currency: bool,
) -> list[Market]:
    """The markets with their sizes, sorted by code.

    customers: all customers, shared out by the fitted skew; or a number per market, in the
    order of sizes; or market codes with their numbers (then ``markets`` is not looked at).
    Raises ValueError for sizes that cannot be.
    """
    if isinstance(customers, Mapping):
        codes, sizes = list(customers), np.array(list(customers.values()), dtype=np.int64)
    else:
        if markets < 1:
            raise ValueError(f"a world needs at least one market, not {markets}")
        codes = market_codes(markets)
        if isinstance(customers, int):
            sizes = share_out(parameters, markets, customers)
        else:
            sizes = np.array(customers, dtype=np.int64)
    if sizes.size != len(codes) or (sizes < 1).any():
        raise ValueError(
            f"{len(codes)} markets need as many sizes, each at least 1, not {sizes.tolist()}"
        )
    made = []
    for code, size in zip(codes, sizes, strict=True):
        currency = CURRENCY_OF.get(code, "GBP") if local_currency else "GBP"
        made.append(Market(code, int(size), currency, PER_POUND[currency]))
    return sorted(made, key=lambda market: market.code)


def market_codes(markets: int) -> list[str]:
    """Codes of the largest ``markets`` markets: countries first, then XAA, XAB, …"""
    more = max(markets - len(SIZE_ORDER), 0)
    letters = [chr(65 + n) for n in range(26)]
    if more > 26 * 26:
        raise ValueError(f"at most {len(SIZE_ORDER) + 676} markets, not {markets}")
    return SIZE_ORDER[:markets] + [f"X{a}{b}" for a in letters for b in letters][:more]


def share_out(parameters: Parameters, markets: int, customers: int) -> NDArray[np.int64]:
    """Sizes of markets by rank (int64, markets): one leader and a tail that falls as a power.

    Sums to ``customers`` (each market has at least one, so there must be as many).
    """
    if customers < markets:
        raise ValueError(f"{customers} customers cannot fill {markets} markets")
    tail = np.arange(1, markets, dtype=np.float64) ** -parameters.tail_exponent
    # the leader's share holds for 40 markets; more markets are a longer tail
    full = (np.arange(1, 40, dtype=np.float64) ** -parameters.tail_exponent).sum()
    leader = full * parameters.leader_share / (1.0 - parameters.leader_share)
    weights = np.concatenate([[leader], tail])
    exact = weights / weights.sum() * (customers - markets)
    sizes = np.floor(exact).astype(np.int64)
    left = customers - markets - int(sizes.sum())
    sizes[np.argsort(sizes - exact, kind="stable")[:left]] += 1
    return sizes + 1
