"""What a mail says now, apart from what it quotes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.reading.mail import MailText, mail_text
from mcp_server.reading.quotes import split

GMAIL = (
    '<div dir="ltr">Thursday suits me.</div><br><div class="gmail_quote gmail_quote_container"><div '
    'dir="ltr" class="gmail_attr">On Tue, 3 Nov 2026 at 10:02, Ben wrote:<br></div><blockquote '
    'class="gmail_quote" style="margin:0">Which day?</blockquote></div>'
)
OUTLOOK = (
    "<div>Fine by me.</div><div id='appendonsend'></div><hr><div id='divRplyFwdMsg'><b>From:</b> Ben</div>"
    "<div>Which day?</div>"
)
APPLE = "<div>Good.</div><div><br><blockquote type='cite'><div>Ben wrote:</div>Which day?</blockquote></div>"
FORWARD = (
    '<div dir="ltr">FYI<div class="gmail_quote"><div class="gmail_attr">'
    "---------- Forwarded message ---------<br>From: Ben</div>The plan</div></div>"
)


@pytest.mark.parametrize(
    ("html", "own", "quoted"),
    [
        pytest.param(GMAIL, "Thursday suits me.", "Which day?", id="gmail"),
        pytest.param(OUTLOOK, "Fine by me.", "Which day?", id="outlook"),
        pytest.param(APPLE, "Good.", "Which day?", id="apple"),
    ],
)
def test_html_is_folded_where_programs_mark_it(html: str, own: str, quoted: str) -> None:
    read = mail_text(html, "another text altogether", 1000)
    assert read.own == own
    assert quoted in read.quoted
    assert not read.cut


def test_what_is_passed_on_is_what_its_sender_says() -> None:
    read = mail_text(FORWARD, None, 1000)
    assert read.own.startswith("FYI")
    assert "The plan" in read.own
    assert read.quoted == ""
    # A mail that holds nothing but a quotation is shown whole.
    assert mail_text('<div class="gmail_quote">All there is</div>', None, 100).own == "All there is"


@pytest.mark.parametrize(
    ("text", "own", "quoted"),
    [
        ("Yes.\n\nOn Tue, Ben wrote:\n> Shall we?\n> Ben", "Yes.", "On Tue, Ben wrote:\nShall we?\nBen"),
        ("Ja.\n\nAm 03.11.2026 um 10:02 schrieb Ben:\n> Geht das?", "Ja.",
         "Am 03.11.2026 um 10:02 schrieb Ben:\nGeht das?"),
        ("Oui.\n\nLe mar. 3 nov. 2026, Ben a écrit :\n> Ça va ?", "Oui.",
         "Le mar. 3 nov. 2026, Ben a écrit :\nÇa va ?"),
        ("Sim.\n\nOn Tuesday the third, Ben\n<b@x.example> wrote:\n> Vamos?", "Sim.",
         "On Tuesday the third, Ben\n<b@x.example> wrote:\nVamos?"),
        ("Ok\n\n-----Original Message-----\nFrom: Ben\nWhich day?", "Ok",
         "-----Original Message-----\nFrom: Ben\nWhich day?"),
        ("Ok\n\nFrom: Ben\nSent: Tuesday\nTo: Ana\n\nWhich?", "Ok",
         "From: Ben\nSent: Tuesday\nTo: Ana\n\nWhich?"),
        ("> Which day?\nThursday.\n> And where?\nHere.", "Thursday.\n[…]\nHere.", "Which day?\nAnd where?"),
        ("She wrote: hello\nand more", "She wrote: hello\nand more", ""),
        ("From: here to there\nit is far", "From: here to there\nit is far", ""),
        ("", "", ""),
    ],
)  # fmt: skip
def test_plain_text_is_folded_by_its_signs(text: str, own: str, quoted: str) -> None:
    assert split(text) == (own, quoted)


def test_html_that_shows_no_words_gives_way_to_the_plain_text() -> None:
    assert mail_text('<img src="x">', "the words", 100) == MailText("the words", "", False)
    assert mail_text(None, None, 100) == MailText("", "", False)


def test_html_that_nobody_can_read_does_not_give_way_to_the_plain_text() -> None:
    """Or its sender would choose what is read instead of what is seen."""
    assert mail_text("<b>" * 25 + "what is seen", "what is not", 100) == MailText("", "", True)
    assert mail_text("<p>begun</p>" + "<b>" * 25 + "more", "not", 100) == MailText("begun", "", True)


def test_a_long_mail_is_cut_and_says_so() -> None:
    read = mail_text(None, "word " * 1000, 50)
    assert len(read.own) == 50
    assert read.cut


@given(st.text(max_size=400), st.text(max_size=400))
def test_any_mail_is_read(html: str, plain: str) -> None:
    read = mail_text(html, plain, 100)
    assert len(read.own) <= 100
    assert len(read.quoted) <= 100


@pytest.mark.parametrize("line", ["On ", "> ", "wrote:", "From: a\n", "-" * 50, "On a wrote:\n", "\n"])
def test_signs_without_end_are_read_in_one_pass(line: str) -> None:
    text = line * (200_000 // len(line))
    own, quoted = split(text)
    assert len(own) + len(quoted) <= len(text) + 10
