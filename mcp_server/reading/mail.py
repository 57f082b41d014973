"""A mail's words: what its sender wrote now, apart from what they quote."""

from __future__ import annotations

from dataclasses import dataclass

from mcp_server.reading.html import LONGEST, pieces, tidy
from mcp_server.reading.letters import visible
from mcp_server.reading.quotes import FORWARDED, split


@dataclass(frozen=True, slots=True)
class MailText:
    """`own` is new, `quoted` was written before; `cut`: there is more of `own`."""

    own: str
    quoted: str
    cut: bool


def mail_text(html: str | None, plain: str | None, most: int) -> MailText:
    """The text of a mail's body, at most `most` characters of each part. Never raises.

    Where there is HTML, that is what a person sees; the plain alternative beside it might say anything, and
    counts only where the HTML shows no words.
    """
    own, quoted, cut = _parts(html, plain)
    if not own or FORWARDED.search(quoted[:2000]):
        own, quoted = "\n\n".join(part for part in (own, quoted) if part), ""
    return MailText(own[:most], quoted[:most], cut or len(own) > most)


def _parts(html: str | None, plain: str | None) -> tuple[str, str, bool]:
    """What is new, what is quoted, and whether there is more than was looked at."""
    if html:
        read = pieces(html)
        own = tidy("".join(piece.text for piece in read.pieces if not piece.quoted))
        quoted = tidy("".join(piece.text for piece in read.pieces if piece.quoted))
        if own or quoted or read.cut:  # a sender must not choose what is read by HTML that can't be
            # Some programs quote with `>` inside of HTML, too.
            new, before = split(own)
            return new, "\n\n".join(part for part in (before, quoted) if part), read.cut
    text = plain or ""
    new, before = split(visible(text[:LONGEST]))
    return tidy(new), tidy(before), len(text) > LONGEST
