"""Text as codes and values: each distinct value is looked at once."""

import unicodedata

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from restock.dataset.countries import COUNTRIES, to_markets
from restock.dataset.texts import CONTROL, MISSING, TOO_LONG, Texts, clean_ids, clean_names

pytestmark = pytest.mark.unit

texts = st.lists(st.none() | st.text(max_size=8), min_size=1, max_size=12)
texts_of_a_file = st.lists(
    st.none() | st.text(st.sampled_from("\0ab\x7fé\U0001f600"), max_size=30), max_size=12
)


@pytest.mark.thorough
@settings(max_examples=150, deadline=None)
@given(texts, st.booleans())
def test_cleaning_ids_settles_at_once(values, upper):
    once, faults = clean_ids(Texts.of(pd.Series(values, dtype=object)), upper=upper)
    twice, again = clean_ids(once, upper=upper)
    good = faults == 0
    assert (once.objects()[good] == twice.objects()[good]).all()
    assert (again[good] == 0).all()
    for value in once.objects()[good]:
        assert value == value.strip() == unicodedata.normalize("NFC", value) != ""
        assert not any(unicodedata.category(ch) in ("Cc", "Cf", "Cs") for ch in value)


@settings(max_examples=100, deadline=None)
@given(texts)
def test_two_ids_are_one_exactly_when_they_look_alike(values):
    cleaned, _ = clean_ids(Texts.of(pd.Series(values, dtype=object)))
    known = [value for value in values if value is not None]
    alike = {unicodedata.normalize("NFC", value).strip() for value in known}
    assert set(cleaned.values) == alike


@pytest.mark.parametrize("values", [["A", "A\0", "A\0B"], ["A\0B", "A\0", "A"]])
def test_a_nul_character_does_not_end_a_text(values):
    column = Texts.of(pd.Series(values))
    assert column.objects().tolist() == values
    cleaned, faults = clean_ids(column)
    assert cleaned.objects().tolist() == values
    assert faults.tolist() == [CONTROL if "\0" in value else 0 for value in values]


def test_faults():
    values = [None, "", "A", "a\tb", "x" * 200, "x" * 201, "A ", "\u200b", np.nan]
    _, faults = clean_ids(Texts.of(pd.Series(values, dtype=object)))
    assert faults.tolist() == [
        MISSING, MISSING, 0, CONTROL, 0, TOO_LONG, 0, CONTROL, MISSING
    ]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_names_fit_on_one_line(value):
    (name,) = clean_names(Texts.of(pd.Series([value], dtype=object))).objects()
    if name is not None:
        assert 0 < len(name) <= 200
        assert name.isprintable() or any(unicodedata.category(ch) in "Zs Co Cn" for ch in name)
        assert "\n" not in name
        name.encode()


@pytest.mark.parametrize("kind", ["object", "string", "category", "string[pyarrow]"])
def test_every_kind_of_text_column(kind):
    column = pd.Series(["b", None, "a", "b"], dtype=kind)
    assert Texts.of(column).objects().tolist() == ["b", None, "a", "b"]


def test_columns_are_joined_and_merged():
    joined = Texts.concat([Texts.of(pd.Series(["b", None])), Texts.of(pd.Series(["a", "b"]))])
    assert joined.objects().tolist() == ["b", None, "a", "b"]
    merged = joined.replaced([value.upper() for value in joined.values])
    assert merged.values.tolist() == ["A", "B"]
    assert merged.codes.tolist() == [1, -1, 0, 1]


@settings(max_examples=100, deadline=None)
@example([[""], ["", None]], False)
@example([["a\0", "a"], ["a\0"]], False)
@given(st.lists(texts_of_a_file, min_size=1, max_size=4), st.booleans())
def test_texts_of_a_file_come_out_sorted(chunks, long):
    """Each chunk has a dictionary of its own; texts of any bytes are sorted as Python does."""
    start = "x" * 30 if long else ""
    chunks = [[None if text is None else start + text for text in chunk] for chunk in chunks]
    column = pa.chunked_array(
        [pa.array(chunk, pa.string()).dictionary_encode() for chunk in chunks]
    )
    ordered = Texts.of_arrow(column).ordered()
    flat = [text for chunk in chunks for text in chunk]
    assert ordered.objects().tolist() == flat
    assert ordered.values.tolist() == sorted({text for text in flat if text is not None})


def test_the_table_of_countries_holds_codes():
    names = list(COUNTRIES)
    codes, unknown = to_markets(Texts.of(pd.Series(names)), {})
    assert not unknown.any()
    assert codes.objects().tolist() == [COUNTRIES[name] for name in names]
    assert all(len(code) == 2 for code in COUNTRIES.values())


def test_names_may_come_before_codes():
    given_ = Texts.of(pd.Series(["PERU", "OTHER"]))
    assert to_markets(given_, {})[0].objects().tolist() == ["PERU", "OTHER"]
    assert to_markets(given_, {}, names_first=True)[0].objects().tolist() == ["PE", "OTHER"]
