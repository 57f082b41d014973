"""HTML as the text that its reader sees, in linear time whatever a stranger wrote.

A browser's parser repairs what is broken, and can be made to build millions of elements out of a few
kilobytes. So a document is read only as far as it has no more tags than a mail ever has, and leaves no more
of them open.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from selectolax.lexbor import LexborHTMLParser, LexborNode
from tinycss2.color3 import RGBA

from mcp_server.reading.css import Sheet, Style, background, colour, declared, hides, pictured, same
from mcp_server.reading.letters import visible

LONGEST = 500_000
"""Characters of HTML that are looked at; what comes after is cut."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MOST_TAGS = 20_000
_MOST_OPEN = 1_000
_MOST_STYLED = 24
_TAGS = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})")
# WHATWG HTML §13.1.2 (void elements), §13.2.4.3 (formatting elements); those whose end may be left out.
_VOID = _words("area base br col embed hr img input link meta param source track wbr")
_STYLED = _words("a b big code em font i nobr s small strike strong tt u")
_ENDLESS = _words("p li td th tr dd dt option body html head tbody thead")
_UNSEEN = _words(
    "head title style script template noscript noembed iframe object embed svg math canvas video audio "
    "select datalist meter progress textarea input map"
)
_BLOCKS = _words(
    "address article aside blockquote center div dl dt dd fieldset figure footer form h1 h2 h3 h4 h5 h6 "
    "header hr li main nav ol p pre section table tr ul"
)
_GAPS = _words("p h1 h2 h3 h4 h5 h6 blockquote table ul ol pre hr")
_QUOTES = _words(
    "gmail_quote gmail_quote_container yahoo_quoted moz-cite-prefix protonmail_quote gmail_extra zmail_extra"
)
_QUOTES_AFTER = _words("divrplyfwdmsg appendonsend x_divrplyfwdmsg stopspelling")
_LINK = re.compile(r"(?:https?://|mailto:)[!-~]+", re.I)
_LONGEST_LINK = 120
WHITE = colour("white")

Step = Literal["in", "out"]


@dataclass(slots=True)
class Piece:
    """A run of text, and whether it stands in a quoted part."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class _Sight:
    """How things look at a place: whether anything is seen, in which colours, whether it is a quotation."""

    seen: bool = True
    quoted: bool = False
    front: RGBA | None = None
    behind: RGBA | None = WHITE
    pre: bool = False


def readable(html: str, most: int, *, ours: bool = False) -> str:
    """What a reader sees of HTML, at most `most` characters. Never raises.

    `ours`: a library of ours has just written it, so it is well formed and may be long.
    """
    read = _Reader(LexborHTMLParser(html)).read() if ours else pieces(html)
    return tidy("".join(piece.text for piece in read))[:most]


def pieces(html: str) -> list[Piece]:
    """The text of HTML in order, quoted parts marked as mail programs mark them. Never raises."""
    return _Reader(LexborHTMLParser(bounded(html))).read()


def tidy(text: str) -> str:
    """Lines without trailing blanks, at most one empty line between two."""
    lines = [" ".join(line.split(" ")).strip() for line in text.split("\n")]
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip()


def bounded(html: str) -> str:
    """As much of HTML as a parser that repairs can read within bounds: its first tags, few left open."""
    html = html[:LONGEST].replace("\x00", "")
    left: Counter[str] = Counter()
    total = styled = 0
    for count, found in enumerate(_TAGS.finditer(html)):
        name = found[2].lower()
        if name not in _VOID and name not in _ENDLESS:
            step = -1 if found[1] else 1
            if step > 0 or left[name]:
                left[name] += step
                total += step
                styled += step * (name in _STYLED)
        if count >= _MOST_TAGS or total > _MOST_OPEN or styled > _MOST_STYLED:
            return html[: found.start()]
    return html


class _Reader:
    """One walk through a document."""

    def __init__(self, document: LexborHTMLParser) -> None:
        self._document = document
        self._sheet = Sheet()
        self._out: list[Piece] = []
        self._links: list[tuple[str, int, int]] = []
        self._length = 0
        self._rest_is_quoted = False

    def read(self) -> list[Piece]:
        root = self._document.root
        if root is None:
            return []
        for style in self._document.css("style"):
            self._sheet.read(style.text() or "")
        sights = [_Sight()]
        for step, node in _steps(root):
            if node.is_text_node:
                self._write(node, sights[-1])
            elif step == "in":
                sights.append(self._enter(node, sights[-1]))
            else:
                self._leave(node, sights.pop())
        return self._out

    def _enter(self, node: LexborNode, around: _Sight) -> _Sight:
        tag, attributes = node.tag or "", node.attributes
        if not around.seen or tag in _UNSEEN or "hidden" in attributes:
            return _Sight(seen=False)
        style = self._style(tag, attributes)
        if hides(style):
            return _Sight(seen=False)
        sight = _Sight(
            quoted=self._quotes(tag, attributes, around),
            front=colour(style.get("color") or attributes.get("color")) or around.front,
            behind=self._behind(style, attributes, around),
            pre=around.pre or tag == "pre",
        )
        self._open(tag, attributes, sight)
        return sight

    def _behind(self, style: Style, attributes: dict[str, str | None], around: _Sight) -> RGBA | None:
        if pictured(style) or attributes.get("background"):
            return None
        return background(style, attributes.get("bgcolor")) or around.behind

    def _style(self, tag: str, attributes: dict[str, str | None]) -> Style:
        whole: dict[str, str] = {}
        for style in self._sheet.of(tag, attributes.get("class") or "", attributes.get("id") or ""):
            whole |= style
        return {**whole, **declared(attributes.get("style") or "")}

    def _quotes(self, tag: str, attributes: dict[str, str | None], around: _Sight) -> bool:
        """Whether what is inside was written before, by the marks that mail programs leave."""
        if (attributes.get("id") or "").lower() in _QUOTES_AFTER:
            self._rest_is_quoted = True
        names = (attributes.get("class") or "").lower().split()
        cited = tag == "blockquote" and (
            (attributes.get("type") or "").lower() == "cite" or "cite" in attributes
        )
        return around.quoted or self._rest_is_quoted or cited or not _QUOTES.isdisjoint(names)

    def _open(self, tag: str, attributes: dict[str, str | None], sight: _Sight) -> None:
        if tag == "br":
            self._put("\n", sight.quoted)
        elif tag in _BLOCKS:
            self._break(2 if tag in _GAPS else 1, sight.quoted)
            if tag == "li":
                self._put("- ", sight.quoted)
        elif tag in {"td", "th"}:
            self._put(" ", sight.quoted)
        elif tag == "img":
            words = visible(attributes.get("alt") or "").strip()
            if words:
                self._put(f"[{words[:200]}]", sight.quoted)
        elif tag == "a":
            self._links.append((attributes.get("href") or "", len(self._out), self._length))

    def _leave(self, node: LexborNode, sight: _Sight) -> None:
        tag = node.tag or ""
        if not sight.seen:
            return
        if tag == "a" and self._links:
            self._target(*self._links.pop(), sight.quoted)
        elif tag in _BLOCKS:
            self._break(2 if tag in _GAPS else 1, sight.quoted)

    def _target(self, href: str, first: int, length: int, quoted: bool) -> None:
        """Where a link leads, where its words do not say it already; a long address as far as it tells."""
        shown = "".join(piece.text for piece in self._out[first:]).strip()
        address = href.strip()
        if self._length == length or not shown or not _LINK.fullmatch(address):
            return
        bare = address.removeprefix("mailto:").split("?")[0] if address.startswith("mailto:") else address
        if bare.rstrip("/").lower() in {shown.lower(), f"https://{shown.lower()}", f"http://{shown.lower()}"}:
            return
        short = bare if len(bare) <= _LONGEST_LINK else bare.split("?")[0][: _LONGEST_LINK - 1] + "…"
        self._put(f" <{short}>", quoted)

    def _write(self, node: LexborNode, sight: _Sight) -> None:
        front, behind = sight.front, sight.behind
        if not sight.seen or (front is not None and behind is not None and same(front, behind)):
            return
        text = visible(node.text_content or "")
        if not sight.pre:
            text = re.sub(r"\s+", " ", text)
        if text:
            self._put(text, sight.quoted)

    def _break(self, lines: int, quoted: bool) -> None:
        """At least so many line breaks; what is there already counts."""
        last = self._out[-1].text if self._out else "\n\n"
        there = len(last) - len(last.rstrip("\n "))
        if (missing := lines - last[len(last) - there :].count("\n")) > 0:
            self._put("\n" * missing, quoted)

    def _put(self, text: str, quoted: bool) -> None:
        self._length += len(text)
        if self._out and self._out[-1].quoted == quoted and not self._links:
            self._out[-1].text += text
        else:
            self._out.append(Piece(text, quoted))


def _steps(root: LexborNode) -> Iterator[tuple[Step, LexborNode]]:
    """Every node in document order, elements when they begin and when they end, without recursion."""
    node: LexborNode | None = root
    trail: list[LexborNode] = []
    while node is not None:
        yield "in", node
        child = None if node.is_text_node else node.child
        if child is not None:
            trail.append(node)
            node = child
            continue
        if not node.is_text_node:
            yield "out", node
        while node.next is None:
            if not trail:
                return
            node = trail.pop()
            yield "out", node
        node = node.next
