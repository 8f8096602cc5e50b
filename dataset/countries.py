"""Country names, as English feeds write them, and the market codes they become (ISO 3166)."""

import re
import unicodedata
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from restock.dataset.columns import MARKET_PATTERN
from restock.dataset.texts import Texts

_CODE = re.compile(MARKET_PATTERN)

COUNTRIES = {
    name: code
    for code, names in {
        "AE": ["United Arab Emirates"],
        "AR": ["Argentina"],
        "AT": ["Austria"],
        "AU": ["Australia"],
        "BA": ["Bosnia and Herzegovina"],
        "BD": ["Bangladesh"],
        "BE": ["Belgium"],
        "BG": ["Bulgaria"],
        "BH": ["Bahrain"],
        "BM": ["Bermuda"],
        "BO": ["Bolivia"],
        "BR": ["Brazil"],
        "CA": ["Canada"],
        "CH": ["Switzerland"],
        "CI": ["Côte d'Ivoire", "Ivory Coast"],
        "CL": ["Chile"],
        "CN": ["China"],
        "CO": ["Colombia"],
        "CR": ["Costa Rica"],
        "CY": ["Cyprus"],
        "CZ": ["Czech Republic", "Czechia"],
        "DE": ["Germany"],
        "DK": ["Denmark"],
        "DO": ["Dominican Republic"],
        "DZ": ["Algeria"],
        "EC": ["Ecuador"],
        "EE": ["Estonia"],
        "EG": ["Egypt"],
        "ES": ["Spain"],
        "ET": ["Ethiopia"],
        "FI": ["Finland"],
        "FR": ["France"],
        "GB": ["United Kingdom", "Great Britain"],
        "GH": ["Ghana"],
        "GR": ["Greece"],
        "GT": ["Guatemala"],
        "HK": ["Hong Kong"],
        "HN": ["Honduras"],
        "HR": ["Croatia"],
        "HU": ["Hungary"],
        "ID": ["Indonesia"],
        "IE": ["Ireland", "Republic of Ireland"],
        "IL": ["Israel"],
        "IN": ["India"],
        "IS": ["Iceland"],
        "IT": ["Italy"],
        "JO": ["Jordan"],
        "JP": ["Japan"],
        "KE": ["Kenya"],
        "KR": ["South Korea", "Republic of Korea"],
        "KW": ["Kuwait"],
        "KZ": ["Kazakhstan"],
        "LB": ["Lebanon"],
        "LK": ["Sri Lanka"],
        "LT": ["Lithuania"],
        "LU": ["Luxembourg"],
        "LV": ["Latvia"],
        "MA": ["Morocco"],
        "MT": ["Malta"],
        "MX": ["Mexico"],
        "MY": ["Malaysia"],
        "NG": ["Nigeria"],
        "NI": ["Nicaragua"],
        "NL": ["Netherlands", "The Netherlands"],
        "NO": ["Norway"],
        "NZ": ["New Zealand"],
        "OM": ["Oman"],
        "PA": ["Panama"],
        "PE": ["Peru"],
        "PH": ["Philippines"],
        "PK": ["Pakistan"],
        "PL": ["Poland"],
        "PT": ["Portugal"],
        "PY": ["Paraguay"],
        "QA": ["Qatar"],
        "RO": ["Romania"],
        "RS": ["Serbia"],
        "SA": ["Saudi Arabia"],
        "SE": ["Sweden"],
        "SG": ["Singapore"],
        "SI": ["Slovenia"],
        "SK": ["Slovakia"],
        "SV": ["El Salvador"],
        "TH": ["Thailand"],
        "TN": ["Tunisia"],
        "TR": ["Turkey", "Türkiye"],
        "TW": ["Taiwan"],
        "TZ": ["Tanzania"],
        "UA": ["Ukraine"],
        "UG": ["Uganda"],
        "US": ["United States", "United States of America"],
        "UY": ["Uruguay"],
        "VE": ["Venezuela"],
        "VN": ["Vietnam", "Viet Nam"],
        "ZA": ["South Africa"],
        "ZM": ["Zambia"],
    }.items()
    for name in names
}


def to_markets(
    texts: Texts, names: Mapping[str, str], *, names_first: bool = False
) -> tuple[Texts, NDArray[np.bool_]]:
    """Market codes of clean texts (see ``clean_ids``), and the lines whose text is neither.

    names: the caller's own names → codes, looked up first, in any letter case. Then a text
    that is a code (``^[A-Z]{2,8}$``) stays, and a country's English name becomes its ISO
    3166 code. names_first: ask for names before codes, for feeds whose names may look like
    codes (EIRE, RSA). Raises ValueError for a code in ``names`` that is none.
    """
    for name, market in names.items():
        if not _CODE.fullmatch(market):
            raise ValueError(
                f"country_names maps {name!r} to {market!r}, which is no market code: 2 to 8 "
                "letters A to Z"
            )
    own = {_key(name): market for name, market in names.items()}
    known = {_key(name): market for name, market in COUNTRIES.items()}
    codes, unknown = [], np.zeros(texts.n_values, dtype=bool)
    for at, text in enumerate(texts.values):
        code = own.get(_key(text))
        if code is None and (names_first or not _CODE.fullmatch(text)):
            code = known.get(_key(text))
        code = code or text
        unknown[at] = not _CODE.fullmatch(code)
        codes.append(code)
    return texts.replaced(codes), texts.lookup(unknown, True).astype(bool)


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().casefold()
