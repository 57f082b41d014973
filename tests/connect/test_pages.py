"""Pages: what holds for all of them, in words and in bytes."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

import connect
from connect.pages import Refusal, Step, error_page, leave, refused
from connect.session import safe_next
from tests.connect.inn import HTTP_URL, Inn

ROOM = Path(connect.__file__).parent
TEMPLATES = sorted(ROOM.glob("templates/*.html"))


def request(accept: str = "text/html") -> Request:
    headers = [(b"accept", accept.encode())]
    return Request({"type": "http", "headers": headers, "state": {"request_id": "abc123"}})


def test_the_stylesheet_is_small_and_holds_no_other_address() -> None:
    css = (ROOM / "static" / "valet.css").read_bytes()
    assert len(css) < 12 * 1024
    assert b"url(" not in css
    assert b"@import" not in css
    assert b"prefers-color-scheme: dark" in css


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_holds_anything_the_policy_would_block(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\son[a-z]+\s*=", text)
    assert "style=" not in text
    assert "<style" not in text
    assert "|safe" not in text
    assert not re.search(r"<script(?! src=\"/static/)", text)
    assert not re.search(r"(src|href)=\"(https?:)?//", text)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_form_posts_with_a_token(template: Path) -> None:
    text = template.read_text()
    forms = re.findall(r"<form\b.*?</form>", text, re.S)
    for form in forms:
        assert 'method="post"' in form
        # What a link of its own opens has no session behind it that a stranger's page could use.
        by_link = template.name in {"download.html", "upload.html"}
        assert ('name="csrf" value="{{ csrf }}"' in form) is not by_link


def test_an_error_page_says_three_things_and_escapes_them() -> None:
    page = error_page(request(), 410, "<i>Over</i>", "Nothing was <b>lost</b>.", Step("Go & see", "/account"))
    text = bytes(page.body).decode()
    assert page.status_code == 410
    assert "&lt;i&gt;Over&lt;/i&gt;" in text
    assert "Nothing was &lt;b&gt;lost&lt;/b&gt;." in text
    assert '<a class="button" href="/account">Go &amp; see</a>' in text
    assert "abc123" not in text


def test_what_is_to_be_typed_is_shown_as_such_and_nothing_gets_in_by_it() -> None:
    page = error_page(request(), 410, "Over", "It is `<b>` here & gone.", "Run `valet link` <i>now</i>.")
    text = bytes(page.body).decode()
    assert "It is <code>&lt;b&gt;</code> here &amp; gone." in text
    assert "Run <code>valet link</code> &lt;i&gt;now&lt;/i&gt;." in text


def test_a_server_error_page_shows_its_reference() -> None:
    assert b"abc123" in bytes(error_page(request(), 503, "Busy", "Nothing was lost.", "Try again.").body)


def test_a_refusal_is_text_for_a_program() -> None:
    refusal = Refusal(404, "There is nothing here", "It may be mistyped.", Step("Go home", "/account"))
    answer = refused(request("application/json"), refusal)
    assert bytes(answer.body) == b"There is nothing here. It may be mistyped. Go home\n"


def test_leaving_shows_where_to_and_escapes_it() -> None:
    page = leave('https://claude.ai/cb?a=1&b="><script>x</script>', "Going back", "Continue")
    text = bytes(page.body).decode()
    assert page.status_code == 200
    assert "<script>" not in text
    assert '<meta http-equiv="refresh" content="0; url=https://claude.ai/cb?a=1&amp;b=&#34;' in text
    assert "It leads to claude.ai." in text


@pytest.mark.parametrize(
    "location",
    ["javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//evil.example",
     "/relative", "", "vbscript:x", "blob:https://x/y", "about:blank", "cursor://x", "https:nohost", "http://"],
)  # fmt: skip
def test_leaving_is_for_the_web_and_named_schemes_only(location: str) -> None:
    with pytest.raises(ValueError, match="will not send"):
        leave(location, "Going", "Go")


def test_leaving_to_a_named_scheme() -> None:
    page = leave("cursor://anysphere/cb?code=x", "Going", "Go", schemes=frozenset({"cursor"}))
    assert b"url=cursor://anysphere/cb?code=x" in bytes(page.body)


@given(st.text(alphabet=st.characters(codec="utf-8")) | st.text(alphabet="/\\.:@?#a%\t\r\n "))
def test_no_text_makes_next_leave_our_origin(text: str) -> None:
    for candidate in (text, f"/{text}", f"/connect/{text}", f"/consent?{text}"):
        goal = urlsplit(urljoin(HTTP_URL, safe_next(candidate)))
        assert (goal.scheme, goal.netloc) == ("http", "127.0.0.1:8420")
        assert goal.path.startswith(("/account", "/consent", "/connect/", "/disconnect/", "/approve"))


async def test_pages_name_their_language_and_work_without_script(inn: Inn) -> None:
    browser, _ = await inn.guest()
    handle = await inn.asks(await inn.client())
    for path in ("/account", f"/consent?h={handle}", "/connect/spotify", "/signin?switch=1", "/nothing"):
        page = await browser.get(path)
        assert '<html lang="en">' in page.text
        assert "<title>" in page.text
        assert '<meta name="viewport"' in page.text
        # What it does for somebody who presses twice, they can do without.
        assert "<script" not in page.text.replace('<script src="/static/once.js" defer></script>', "")


async def test_every_field_of_the_consent_page_has_its_label(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page = await browser.get(f"/consent?h={await inn.asks(await inn.client())}")
    radios = re.findall(r"<label><input type=\"radio\"", page.text)
    assert len(radios) == page.text.count('type="radio"') == 3
    assert "<legend>Spotify</legend>" in page.text


# WCAG 2.2 §1.4.3 (text 4.5 : 1) and §1.4.11 (what marks a control 3 : 1), in both themes.
PAIRS = [
    ("ink", "paper", 4.5), ("ink", "card", 4.5), ("soft", "paper", 4.5), ("soft", "card", 4.5),
    ("brass", "card", 4.5), ("brass", "paper", 4.5), ("brass", "note", 4.5), ("brass-deep", "card", 4.5),
    ("on-brass", "brass", 4.5), ("on-brass", "brass-deep", 4.5), ("bad", "card", 4.5), ("card", "bad", 4.5),
    ("ink", "note", 4.5), ("good", "card", 3.0),
]  # fmt: skip


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_contrast_is_enough(theme: int, front: str, back: str, least: float) -> None:
    css = (ROOM / "static" / "valet.css").read_text()
    block = re.findall(r":root \{(.*?)\}", css, re.S)[theme]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
    light, dark = sorted((luminance(colours[front]), luminance(colours[back])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= least
