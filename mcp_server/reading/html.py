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
from typing import TYPE_CHECKING, Literal

from mcp_server.reading.css import (
    RGBA,
    Style,
    background,
    colour,
    declared,
    hides,
    length,
    letters,
    opacity,
    pictured,
    same,
)
from mcp_server.reading.letters import visible
from mcp_server.reading.sheet import Element, Sheet, Spent

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

LONGEST = 500_000
"""Characters of HTML that are looked at; what comes after is cut."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MOST_TAGS = 20_000
_MOST_OPEN = 1_000
_MOST_STYLED = 24
_MOST_REMADE = 50_000  # elements: a parser opens all styles anew in each paragraph that began in one
_MOST_ATTRIBUTES = 200  # of one tag: a parser compares each with all others
_TAGS = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})")
# WHATWG HTML §13.2.5.32 to 37: one attribute, as the tokenizer takes it.
_ATTRIBUTE = re.compile(r"[\s/]*=?[^\s/>=]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>\"'][^\s>]*)?)?")
# WHATWG HTML §13.1.2 (void elements), §13.2.4.3 (formatting elements); those whose end may be left out.
_VOID = _words("area base br col embed hr img input link meta param source track wbr")
_STYLED = _words("a b big code em font i nobr s small strike strong tt u")
_ENDLESS = _words("p li td th tr dd dt option body html head tbody thead")
_UNSEEN = _words(
    "head title style script template noscript noembed iframe object embed svg math canvas video audio "
    "select datalist meter progress textarea input map noframes rp"
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
_TAIL = 40
_LEAST_SIZE = 2  # px
_LEAST_OPACITY = 0.1
WHITE, BLACK = RGBA(1, 1, 1), RGBA(0, 0, 0)
_LINKED = RGBA(0, 0, 0.93)  # as programs colour a link (WHATWG HTML §15.3.1)

Step = Literal["in", "out"]


@dataclass(slots=True)
class Piece:
    """A run of text, and whether it stands in a quoted part."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Pieces:
    """The text of HTML; `cut`: what comes after them is left out, for there is too much of it."""

    pieces: list[Piece]
    cut: bool


@dataclass(frozen=True, slots=True)
class _Sight:
    """How things look at a place: whether anything is seen, in which colours, whether it is a quotation.

    `seen` is of all that is inside. The letters' size and whether they are `shown` is inherited, but what is
    inside may have it otherwise: many mails are made of boxes with letters of no size around those that have
    one. `behind` is None where there is a picture.
    """

    seen: bool = True
    quoted: bool = False
    front: RGBA = BLACK
    behind: RGBA | None = WHITE
    pre: bool = False
    size: float = 16.0
    opacity: float = 1.0
    shown: bool = True

    @property
    def legible(self) -> bool:
        """Whether a text at this place can be read."""
        if not self.seen or not self.shown or self.size < _LEAST_SIZE:
            return False
        return self.behind is None or not same(self.front, self.behind)


def readable(html: str, most: int, *, ours: bool = False) -> str:
    """What a reader sees of HTML, at most `most` characters. Never raises.

    `ours`: a library of ours has just written it, so it is well formed and may be long.
    """
    read = _Reader(_parsed(html)).read() if ours else pieces(html)
    return tidy("".join(piece.text for piece in read.pieces))[:most]


def pieces(html: str) -> Pieces:
    """The text of HTML in order, quoted parts marked as mail programs mark them. Never raises."""
    kept = bounded(html)
    read = _Reader(_parsed(kept)).read()
    return Pieces(read.pieces, read.cut or len(kept) < len(html) - html.count("\x00"))


def _parsed(html: str) -> LexborHTMLParser:
    # Loaded by the first document: 2 MB that a worker which reads none need not hold.
    from selectolax.lexbor import LexborHTMLParser

    return LexborHTMLParser(html)


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
    total = styled = scanned = remade = 0
    for count, found in enumerate(_TAGS.finditer(html)):
        name = found[2].lower()
        if name not in _VOID and name not in _ENDLESS:
            step = -1 if found[1] else 1
            if step > 0 or left[name]:
                left[name] += step
                total += step
                styled += step * (name in _STYLED)
        ends, crowded = _attributes(html, found.end())
        scanned += ends - found.end()
        remade += max(styled, 0)
        too_much = count >= _MOST_TAGS or total > _MOST_OPEN or styled > _MOST_STYLED
        if too_much or crowded or scanned > 4 * LONGEST or remade > _MOST_REMADE:
            return html[: found.start()]
    return html


def _attributes(html: str, at: int) -> tuple[int, bool]:
    """Where the attributes end of the tag whose name ends there; whether an honest one has fewer."""
    for _ in range(_MOST_ATTRIBUTES):
        found = _ATTRIBUTE.match(html, at)
        if found is None:
            return at, False
        at = found.end()
    return at, True


class _Reader:
    """One walk through a document."""

    def __init__(self, document: LexborHTMLParser) -> None:
        self._document = document
        self._sheet = Sheet()
        self._out: list[Piece] = []
        self._links: list[tuple[str, int, int]] = []
        self._length = 0
        self._tail = "\n\n"
        self._rest_is_quoted = False
        self._elements: list[Element | None] = [None]

    def read(self) -> Pieces:
        root = self._document.root
        if root is None:
            return Pieces([], cut=False)
        for style in self._document.css("style"):
            self._sheet.read(style.text() or "")
        try:
            self._walk(root)
        except Spent:
            return Pieces(self._out, cut=True)
        return Pieces(self._out, cut=False)

    def _walk(self, root: LexborNode) -> None:
        sights = [_Sight()]
        for step, node in _steps(root):
            if node.is_text_node:
                self._write(node, sights[-1])
            elif step == "in":
                sights.append(self._enter(node, sights[-1]))
            else:
                self._elements.pop()
                self._leave(node, sights.pop())

    def _enter(self, node: LexborNode, around: _Sight) -> _Sight:
        tag, attributes = node.tag or "", node.attributes
        element = self._element(tag, attributes)
        if not around.seen or tag in _UNSEEN:
            return _Sight(seen=False)
        style = self._sheet.of(element, declared(attributes.get("style") or ""))
        closed = "hidden" in attributes or (tag == "dialog" and "open" not in attributes)
        clear = around.opacity * opacity(style)
        if hides(style) or clear < _LEAST_OPACITY or (closed and "display" not in style):
            return _Sight(seen=False)
        sight = _Sight(
            quoted=self._quotes(tag, attributes, around),
            front=_front(tag, style, attributes, around),
            behind=self._behind(style, attributes, around),
            pre=around.pre or tag == "pre",
            size=letters(style, around.size),
            opacity=clear,
            shown=style.get("visibility", "visible" if around.shown else "") in {"visible", "initial"},
        )
        self._open(tag, attributes, style, sight)
        return sight

    def _element(self, tag: str, attributes: dict[str, str | None]) -> Element:
        parent = self._elements[-1]
        element = Element(
            tag, attributes, parent, len(parent.children) if parent is not None else 0,
            classes=frozenset((attributes.get("class") or "").split()), id=attributes.get("id") or "",
        )  # fmt: skip
        if parent is not None and tag[:1].isalpha():  # and no comment
            parent.children.append(element)
        self._elements.append(element)
        return element

    def _behind(self, style: Style, attributes: dict[str, str | None], around: _Sight) -> RGBA | None:
        if pictured(style) or attributes.get("background"):
            return None
        return background(style, attributes.get("bgcolor")) or around.behind

    def _quotes(self, tag: str, attributes: dict[str, str | None], around: _Sight) -> bool:
        """Whether what is inside was written before, by the marks that mail programs leave."""
        if (attributes.get("id") or "").lower() in _QUOTES_AFTER:
            self._rest_is_quoted = True
        names = (attributes.get("class") or "").lower().split()
        cited = tag == "blockquote" and (
            (attributes.get("type") or "").lower() == "cite" or "cite" in attributes
        )
        return around.quoted or self._rest_is_quoted or cited or not _QUOTES.isdisjoint(names)

    def _open(self, tag: str, attributes: dict[str, str | None], style: Style, sight: _Sight) -> None:
        if tag == "br":
            self._put("\n", sight.quoted)
        elif tag in _BLOCKS:
            self._break(2 if tag in _GAPS else 1, sight.quoted)
            if tag == "li":
                self._put("- ", sight.quoted)
        elif tag in {"td", "th"}:
            self._put(" ", sight.quoted)
        elif tag == "img":
            if not sight.shown or any(
                _dot(style.get(name) or attributes.get(name)) for name in ("width", "height")
            ):
                return
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
        if not sight.legible:
            return
        text = visible(node.text_content or "")
        if not sight.pre:
            text = re.sub(r"\s+", " ", text)
        if text:
            self._put(text, sight.quoted)

    def _break(self, lines: int, quoted: bool) -> None:
        """At least so many line breaks; what is there already counts."""
        there = len(self._tail) - len(self._tail.rstrip("\n "))
        if (missing := lines - self._tail[len(self._tail) - there :].count("\n")) > 0:
            self._put("\n" * missing, quoted)

    def _put(self, text: str, quoted: bool) -> None:
        self._length += len(text)
        self._tail = (self._tail + text)[-_TAIL:]
        self._out.append(Piece(text, quoted))


def _front(tag: str, style: Style, attributes: dict[str, str | None], around: _Sight) -> RGBA:
    """The colour of letters there."""
    own = attributes.get("text") if tag == "body" else attributes.get("color")
    words = (style.get("-webkit-text-fill-color"), style.get("color"), own)
    found = next((known for word in words if (known := colour(word)) is not None), None)
    if found is None and tag == "a" and attributes.get("href"):
        return _LINKED
    return found or around.front


def _dot(size: str | None) -> bool:
    """Whether that is the size of a picture that nobody sees, as mail that reports its reading has one."""
    px = length(size if not size or not size.isdigit() else f"{size}px") if size else None
    return px is not None and px <= _LEAST_SIZE


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
