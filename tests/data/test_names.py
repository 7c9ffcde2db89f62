from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbatch.data.names import file_slug, shown, ticker_of


@pytest.mark.parametrize(
    ("label", "ticker"),
    [
        ("ADIB UH Equity", "ADIB"),
        ("SALIK DH Equity", "SALIK"),
        ("vod LN Equity", "VOD"),
        ("EMAAR UH Equity (2)", "EMAAR (2)"),
        ("BRK/B US Equity_2", "BRK/B_2"),
        ("NA", "NA"),
        (" UH Equity", "UH EQUITY"),
    ],
)
def test_a_ticker_is_the_label_without_the_vendors_suffix_in_upper_case(label: str, ticker: str) -> None:
    assert ticker_of(label) == ticker


@pytest.mark.parametrize("name", ["adib", "ADIB", "7203.T", "A_b-c", "x" * 64])
def test_a_plain_name_is_its_own_file_name(name: str) -> None:
    assert file_slug(name) == name


@pytest.mark.parametrize("name", ["../../evil", "CON", "con.txt", "lpt9", "a.", ".a", "", "a b", "x" * 65, "سهم", "😀"])
def test_any_other_name_becomes_a_slug_with_a_hash(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*-[0-9a-f]{8}", file_slug(name))


def test_names_with_the_same_slug_get_different_files() -> None:
    assert file_slug("a b") != file_slug("a/b")


@given(st.text())
def test_no_name_makes_a_path(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", file_slug(name))


@given(st.text())
def test_a_shown_name_has_no_control_characters(name: str) -> None:
    assert shown(name).isprintable()
