"""Other people's text on its way to a model: plain, bounded, and never the end of an answer."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcp_server.tools.text import clip, plain


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("just text", "just text"),
        ("a < b and c > d", "a < b and c > d"),
        ("1 <2", "1 <2"),
        ("<b>Bring</b> the <i>X-rays</i>.", "Bring the X-rays."),
        ("one<br>two<p>three</p>four", "one two three four"),
        ("<ul><li>a</li><li>b</li></ul>", "a b"),
        ("Tom &amp; Jerry&nbsp;&lt;3 &#128572;", "Tom & Jerry <3 😼"),
        ("x<script>alert('<b>')</script>y<STYLE>p{}</Style>z", "xyz"),
        ("<!-- hidden --> seen", "seen"),
        ("<!doctype html><html>seen</html>", "seen"),
        ("<?php x ?>seen", "seen"),
        ("<script>never closed", ""),
        ("<!-- never closed", ""),
        ("Hi <![ there", "Hi"),
        ("<![foo[bar]]>seen", "seen"),
        ("<a href='x", ""),
        ("</>seen", "seen"),
        ("&lt;script&gt;", "<script>"),
        ("", ""),
    ],
)
def test_what_a_reader_sees(html: str, words: str) -> None:
    assert clip(plain(html)) == words


def test_what_nobody_sees_is_no_part_of_a_name() -> None:
    bytes_ = "".join(chr(code) for code in (0xFE01, 0xE0101, 0xE0041, 0x3164, 0x2800, 0x180B))
    assert clip(f"Ana{bytes_} ❤\ufe0f Ben") == "Ana ❤\ufe0f Ben"


PIECES = st.lists(
    st.sampled_from(["<", ">", "<a ", "<!", "<!--", "-->", "<![", "]]>", "</", "<script", "</script>",
                     "<svg/", "İ", "&", "&#", ";", "'", '"', "x", "\x00", "\u202e", "\ud800", "<b x="]),
    max_size=200,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(PIECES)
@example(["<![ x"])
def test_nothing_a_stranger_writes_breaks_the_reader(pieces: list[str]) -> None:
    seen = plain("".join(pieces))
    assert len(seen) <= 4000


@pytest.mark.parametrize("piece", ["<a ", "a<b ", "<a x=", "<svg/", "<![", "&#", "<script>", "<!--"])
def test_its_work_does_not_grow_with_what_is_broken(piece: str) -> None:
    """A counted bound, not a clock: at most the first 4000 characters are looked at."""
    assert plain(piece * 100_000) == plain((piece * 100_000)[:4000])
