"""Cursors of Google's lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.errors import Refusal
from mcp_server.tools.google.paging import LONGEST, cursor, onward, resumed


@given(st.none() | st.text(max_size=200), st.integers(0, 1000))
def test_a_cursor_leads_back_to_its_place(page: str | None, shown: int) -> None:
    word = cursor(page, shown)
    if word is None:
        assert page is None
        assert shown == 0
    else:
        assert resumed(word) == (page, shown)


def test_a_page_that_was_cut_goes_on_in_itself() -> None:
    assert resumed(onward("p1", 3, 10, "p2")) == ("p1", 3)
    assert resumed(onward("p1", 10, 10, "p2")) == ("p2", 0)
    assert resumed(onward(None, 3, 10, "p2")) == (None, 3)
    assert onward("p1", 10, 10, None) is None
    assert cursor("x" * LONGEST) is None


@pytest.mark.parametrize(
    "word",
    [
        "z",
        "o1",
        "!!",
        "W251bGwsMF0",
        "bnVsbA",
        "W10",
        "WzEsMV0",
        "WyJhIiwtMV0",
        "WyJhIix0cnVlXQ",
        "WyJhIiw5OTk5XQ",
        "\ud800",
    ],
)
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(Refusal) as refused:
        resumed(word)
    assert "next_cursor" in refused.value.sentence
