"""Other people's text on its way to a model, and our own words around it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from html.parser import HTMLParser

_LONGEST = 200
_LONGEST_HTML = 20_000
_HIDDEN = frozenset({"script", "style", "template", "title"})
_BREAKS = frozenset({"br", "p", "div", "li", "ul", "ol", "tr", "td", "h1", "h2", "h3", "h4"})


def clip(text: str, most: int = _LONGEST) -> str:
    """One line of at most `most` characters, without control or direction-changing characters."""
    plain = "".join(
        " " if unicodedata.category(char) in {"Cc", "Zl", "Zp"} else char
        for char in text[: 4 * most]
        if unicodedata.category(char) not in {"Cf", "Cs"}
    )
    line = " ".join(plain.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def plain(text: str) -> str:
    """What a reader sees of a text that may be HTML: its words, without tags, scripts and comments."""
    if "<" not in text and "&" not in text:
        return text
    reader = _Words()
    reader.feed(text[:_LONGEST_HTML])
    reader.close()
    return "".join(reader.words)


class _Words(HTMLParser):
    """Collects text. A tag that begins a new line counts as white space."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _HIDDEN
        self.words.append(" " if tag in _BREAKS else "")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _HIDDEN and self._hidden > 0
        self.words.append(" " if tag in _BREAKS else "")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def quoted(text: str) -> str:
    """A clipped name in typographic quotes, so that it can't run into our own words."""
    inner = clip(text).replace("“", '"').replace("”", '"')
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
