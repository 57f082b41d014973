"""What a reply takes from the mail it answers, so that every mail program keeps the two together.

Gmail: the thread's id, In-Reply-To and References, and the same subject, all three (discovery document,
Message.threadId); other programs go by the headers (RFC 5322 §3.6.4).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from mcp_server.errors import Refusal
from mcp_server.tools.google.gmail.letter import LONGEST_SUBJECT, Answers, subject_of
from mcp_server.tools.google.gmail.recipients import Recipients, address, recipients
from mcp_server.tools.text import clip
from providers.google.gmail import Gmail, Message
from providers.google.gmail.parts import Address as Named
from providers.google.gmail.parts import addresses, words

_ID = re.compile(r"<[!-;=?-~]{1,900}>")
_PREFIX = re.compile(r"(?:(?:re|aw|sv|antw|vs|rif|odp|ynt|fwd?|wg|tr)\s*(?:\[\d+\]\s*)?[:\uff1a]\s*)+", re.I)
_UNSENDABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_MOST_BEFORE = 30


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands on the envelope: to whom, about what, in answer to which mail."""

    recipients: Recipients
    subject: str
    answers: Answers | None


async def framed(
    gmail: Gmail,
    to: Sequence[str],
    cc: Sequence[str],
    bcc: Sequence[str],
    subject: str,
    reply_to: str | None,
) -> Frame:
    """The envelope for these arguments; a reply is answered to whom it came from where `to` names nobody.

    Raises Refusal, and ProviderError where the mail that is answered can't be read.
    """
    named, about = recipients(to, cc, bcc), subject_of(subject)
    if not reply_to:
        if not named:
            raise Refusal("invalid_argument", "`to` names nobody: give at least one address.")
        return Frame(named, about, None)
    original = await gmail.head(reply_to)
    again = _subject(original)
    if about and _bare(about) != _bare(again):
        raise Refusal(
            "invalid_argument",
            "A reply keeps the subject, or mail programs begin a new conversation. Leave `subject` out, or "
            "leave `reply_to_message_id` out to write a new mail.",
        )
    if not to:
        named = recipients(_senders(original), cc, bcc)
    return Frame(named, again, answered(original))


def answered(original: Message) -> Answers:
    """What the headers of a reply name."""
    head = original.payload
    [own] = _ids(head.header("Message-ID"))[:1] or [""]
    before = _ids(head.header("References")) or _ids(head.header("In-Reply-To"))[:1]
    earlier = [each for each in dict.fromkeys(before) if each != own]
    kept = earlier if len(earlier) <= _MOST_BEFORE else [earlier[0], *earlier[1 - _MOST_BEFORE :]]
    return Answers(original.thread_id, own, tuple(kept))


def _ids(value: str) -> list[str]:
    return _ID.findall(value[:20_000])


def _subject(original: Message) -> str:
    """`Re:` and the subject as it was, joiners and direction marks too: another subject is another thread."""
    written = words(original.payload.header("Subject"))
    plain = (" " if unicodedata.category(char) in _UNSENDABLE else char for char in written)
    said = " ".join("".join(plain).split())[: LONGEST_SUBJECT - 4]
    return said if re.match(r"re\s*:", said, re.I) else f"Re: {said}".rstrip()


def _bare(subject: str) -> str:
    """A subject without `Re:` and the like, to tell whether two are of one conversation."""
    line = " ".join(subject.split())
    prefix = _PREFIX.match(line)
    return (line[prefix.end() :] if prefix else line).casefold()


def _senders(original: Message) -> list[str]:
    """Whom an answer goes to: Reply-To, else From; for a mail of one's own, whom that went to."""
    head = original.payload
    if "SENT" in original.label_ids:
        found = addresses(head.header("To"))
    else:
        found = addresses(head.header("Reply-To")) or addresses(head.header("From"))
    written = [text for each in found if (text := _written(each))]
    if not written:
        raise Refusal(
            "invalid_argument", "That mail names no address to answer to. Say in `to` whom to write to."
        )
    return written


def _written(person: Named) -> str | None:
    """Somebody whom a mail names, as an argument would; None where that is no address one can write to."""
    name = clip(person.name, 80).translate(str.maketrans("", "", "<>"))
    text = f"{name} <{person.address}>" if name else person.address
    try:
        address(text, "to")
    except Refusal:
        return None
    return text
