"""Other people's text on its way to a model, and our own words around it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from html import unescape

from mcp_server.reading.letters import unseen

_LONGEST = 200
_LONGEST_HTML = 4000
_TAG = re.compile(r"<(?:(?P<comment>!--)|(?P<closing>/)?(?P<name>[A-Za-z][A-Za-z0-9]*)|[!?/])")
_HIDDEN = frozenset({"script", "style", "template", "title"})
_BREAKS = frozenset({"br", "p", "div", "li", "ul", "ol", "tr", "td", "h1", "h2", "h3", "h4"})


def clip(text: str, most: int = _LONGEST) -> str:
    """One line of at most `most` characters, without control or direction-changing characters."""
    plain = text[: 4 * most]
    if not (plain.isascii() and plain.isprintable()):  # in most texts there is nothing to look for
        plain = plain.translate({ord(char): _shown(char) for char in set(plain)})
    line = " ".join(plain.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _shown(char: str) -> str:
    kind = unicodedata.category(char)
    if kind in {"Cc", "Zl", "Zp"}:
        return " "
    return "" if kind in {"Cf", "Cs"} or (char > "~" and unseen(char)) else char


def plain(text: str, most: int = _LONGEST_HTML) -> str:
    """What a reader sees of a text that may be HTML: its words, without tags, scripts and comments.

    Only the first `most` characters are looked at, each once: the text is a stranger's, and a parser that
    repairs what is broken can be made to work for minutes. Never raises.
    """
    text = text[:most]
    words: list[str] = []
    at = 0
    while (opens := text.find("<", at)) >= 0:
        words.append(text[at:opens])
        tag = _TAG.match(text, opens)
        if tag is None:  # a lone angle bracket, as in "a < b"
            words.append("<")
            at = opens + 1
            continue
        at = _past(text, opens, tag)
        words.append(" " if (tag["name"] or "").lower() in _BREAKS else "")
    words.append(text[at:])
    return unescape("".join(words))


def _past(text: str, opens: int, tag: re.Match[str]) -> int:
    """Where a reader goes on after what begins at `opens`: a comment, a hidden element, or one tag."""
    name = (tag["name"] or "").lower()
    if tag["comment"]:
        end, length = text.find("-->", opens), 3
    elif name in _HIDDEN and not tag["closing"]:
        closing = re.compile(f"</{name}", re.I).search(text, opens)
        end, length = closing.start() if closing else -1, 0
    else:
        end, length = text.find(">", opens), 1
    return len(text) if end < 0 else end + length


def quoted(text: str, most: int = _LONGEST) -> str:
    """A clipped name in typographic quotes, so that it can't run into our own words."""
    inner = clip(text, most).replace("“", '"').replace("”", '"')
    return f"“{inner}”"


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def span(milliseconds: int) -> str:
    """`3:48`, `1:02:07`."""
    seconds = max(0, milliseconds) // 1000
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
