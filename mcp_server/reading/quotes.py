"""What of a mail's plain text was written before: `>` lines, and the lines that lead into them.

One pass over lines, each looked at as far as a leading line is long; words of several languages.
"""

from __future__ import annotations

import re

_LONGEST_LEAD = 300
# "On Tue, 3 Nov 2026 at 10:02, Ana <…> wrote:" as mail programs write it in the language of their user.
_LEADS = re.compile(
    r"(?:wrote|schrieb|a écrit|escribió|escreveu|ha scritto|schreef|napisał\(?a?\)?|skrev|kirjoitti|"
    r"написала?|пише|yazdı|έγραψε|كتب|כתב/?ה?|写道|寫道|のメール|작성)[^:：]{0,80}[:：]\s*$",
    re.I,
)
# What Outlook and others put between an answer and what it answers; everything below was there before.
_CUTS = re.compile(
    r"-{2,} ?(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original|"
    r"Mensagem original|Messaggio originale|Oorspronkelijk bericht|Wiadomość oryginalna|"
    r"Исходное сообщение|原始邮件|元のメッセージ) ?-{2,}",
    re.I,
)
_FROM = re.compile(r"(?:From|Von|De|Da|Van|Od|От|发件人|差出人)\s*[:：]\s?\S", re.I)
_SENT = re.compile(
    r"(?:Sent|Date|Gesendet|Datum|Envoyé|Enviado|Inviato|Data|Verzonden|Wysłano|Отправлено|发送时间|送信日時)\s*[:：]",
    re.I,
)
FORWARDED = re.compile(
    r"-{2,} ?(?:Forwarded message|Weitergeleitete Nachricht|Message transféré|Mensaje reenviado|"
    r"Mensagem encaminhada|Messaggio inoltrato|Doorgestuurd bericht) ?-{2,}|Begin forwarded message:",
    re.I,
)
"""What stands above a mail that is passed on: that is what its sender wants to be read, and no quotation."""

GAP = "[…]"


def split(text: str) -> tuple[str, str]:
    """The part that is new, and the part from before. A quotation between new lines becomes `[…]`."""
    lines = text.replace("\r\n", "\n").split("\n")
    old = _old(lines)
    own: list[str] = []
    quoted: list[str] = []
    for line, before in zip(lines, old, strict=True):
        if before:
            quoted.append(line.lstrip("> "))
            if own and own[-1] != GAP:
                own.append(GAP)
        elif line.strip() or (own and own[-1] != GAP):
            own.append(line)
    while own and (own[-1] == GAP or not own[-1].strip()):
        own.pop()
    return "\n".join(own).strip(), "\n".join(quoted).strip()


def _old(lines: list[str]) -> list[bool]:
    old = [line.startswith(">") for line in lines]
    for at, line in enumerate(lines):
        if old[at] or len(line) > _LONGEST_LEAD:
            continue
        if _CUTS.match(line.strip()) or _headed(lines, at):
            return [before or place >= at for place, before in enumerate(old)]
        follows = _next(lines, at)
        if follows is not None and old[follows] and _LEADS.search(line):
            old[at] = True
            if at and lines[at - 1].strip() and not old[at - 1] and _begins(lines[at - 1]):
                old[at - 1] = True  # the line was folded
    return old


def _headed(lines: list[str], at: int) -> bool:
    """Whether a block of headers stands there, as Outlook repeats them: From, and Sent beneath it."""
    if not _FROM.match(lines[at].strip("* ")):
        return False
    return any(_SENT.match(line.strip("* ")) for line in lines[at + 1 : at + 4])


def _next(lines: list[str], at: int) -> int | None:
    """The next line that is not empty, within two."""
    return next((place for place in range(at + 1, min(at + 3, len(lines))) if lines[place].strip()), None)


def _begins(line: str) -> bool:
    return re.match(r"(?:On|Am|Le|El|Em|Il|Op|W dniu|Den|Dne)\b", line.strip()) is not None
