"""What is typed into Gmail's search box, as a question to one message.

The operators are those of support.google.com/mail/answer/7190.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from providers.emulator.google.gmail.mail import Mail
from providers.emulator.google.gmail.words import says, spaced

PACIFIC = ZoneInfo("America/Los_Angeles")
"""A date means its midnight there (developers.google.com, Gmail API: search and filter messages)."""

TOKEN = re.compile(r'\s*(?:([(){}|])|(-?)(?:(\w+):)?(?:"([^"]*)"?|(?=[({])|([^\s(){}|"]+)))')
SPANS = {"h": 3600, "d": 86400, "w": 7 * 86400, "m": 30 * 86400, "y": 365 * 86400}
SIZES = {"": 1, "k": 1024, "m": 1024 * 1024}
PLACES = {"draft": "DRAFT", "drafts": "DRAFT"}
STATES = {
    "unread": "UNREAD",
    "starred": "STARRED",
    "important": "IMPORTANT",
    "sent": "SENT",
    "draft": "DRAFT",
}
TABS = {"primary": "PERSONAL", "reservations": "UPDATES", "purchases": "UPDATES"}

Test = Callable[[Mail], bool]


class Search:
    """A query. `everywhere`: it names the bin or spam itself, so they are not left out.

    `names` are the ids of labels by name; `now` is in epoch seconds.
    """

    def __init__(self, text: str, names: Mapping[str, str], me: str, now: float) -> None:
        self._names = {_dashed(name): id_ for name, id_ in names.items()}
        self._me, self._now = me, now
        self._tokens = [found for found in TOKEN.finditer(text) if found[0].strip()]
        self._at = 0
        self.everywhere = False
        self._test = self._all("", None)

    def __call__(self, mail: Mail) -> bool:
        """Whether a message is meant."""
        return self._test(mail)

    # Grammar: OR joins its neighbours before everything else is joined by AND; {a b} is a OR b.

    def _all(self, field: str, close: str | None) -> Test:
        tests: list[Test] = []
        joining = False
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token[1] in {")", "}"}:
                self._at += 1
                if token[1] == close:
                    break
                continue
            if token[1] == "|" or (token[5] in {"OR", "AND"} and not token[3]):
                joining, self._at = token[5] != "AND" and bool(tests), self._at + 1
                continue
            test = self._one(field)
            tests = [*tests[:-1], _either(tests[-1], test)] if joining else [*tests, test]
            joining = False
        return _any(tests) if close == "}" else _every(tests)

    def _one(self, field: str) -> Test:
        token = self._tokens[self._at]
        self._at += 1
        if token[1]:
            return self._all(field, ")" if token[1] == "(" else "}")
        name = (token[3] or field).lower()
        if token[4] is None and token[5] is None:
            test = self._group(name)
        else:
            test = self._term(name, token[4] if token[4] is not None else token[5])
        return _none(test) if token[2] else test

    def _group(self, field: str) -> Test:
        opening = self._tokens[self._at][1]
        self._at += 1
        return self._all(field, ")" if opening == "(" else "}")

    # Terms

    def _term(self, field: str, value: str) -> Test:
        for names, make in self._fields.items():
            if field in names:
                return make(field, value)
        words = f"{field} {value}" if field else value
        return lambda mail: mail.says(words)

    @property
    def _fields(self) -> Mapping[tuple[str, ...], Callable[[str, str], Test]]:
        return {
            ("from", "to", "cc", "bcc", "subject", "list", "deliveredto"): self._named,
            ("in", "label", "is", "category"): self._placed,
            ("newer_than", "older_than", "after", "before", "newer", "older"): self._timed,
            ("larger", "smaller", "size", "larger_than", "smaller_than"): _sized,
            ("rfc822msgid",): _identified,
            ("filename",): _filed,
            ("has",): _having,
        }

    def _named(self, field: str, value: str) -> Test:
        value = self._me if value.lower() == "me" else value
        headers = {"deliveredto": ("Delivered-To",), "list": ("List-Id",), "to": ("To", "Cc", "Bcc")}
        names = headers.get(field, (field,))
        return lambda mail: any(_has(mail.root.header(name), value) for name in names)

    def _placed(self, field: str, value: str) -> Test:
        value = value.lower()
        if field == "category":
            return _labelled(f"CATEGORY_{TABS.get(value, value.upper())}")
        if field == "is" and value == "read":
            return lambda mail: "UNREAD" not in mail.labels
        if field == "is":
            return _labelled(STATES.get(value, value.upper()))
        if value in {"trash", "spam", "bin", "anywhere"}:
            self.everywhere = True
        if value == "anywhere":
            return lambda mail: True
        system = PLACES.get(value, "TRASH" if value == "bin" else value.upper())
        return _labelled(self._names.get(_dashed(value), system))

    def _timed(self, field: str, value: str) -> Test:
        value = value.lower()
        late = field in {"newer_than", "after", "newer"}
        span = re.fullmatch(r"(\d{1,5})([hdwmy])", value)
        if field.endswith("_than") and span:
            edge = self._now - int(span[1]) * SPANS[span[2]]
        else:
            edge = _moment(value)
        return lambda mail: (mail.at / 1000 >= edge) if late else (mail.at / 1000 < edge)


def _moment(value: str) -> float:
    """Epoch seconds, or a date such as 2026/11/28; one that is neither is no time at all."""
    if value.isdigit() and len(value) > 8:
        return float(value)
    try:
        year, month, day = (int(number) for number in re.split(r"[/-]", value))
        return datetime(year, month, day, tzinfo=PACIFIC).timestamp()
    except ValueError:
        return float("nan")


def _sized(field: str, value: str) -> Test:
    number = re.fullmatch(r"(\d{1,12})([km]?)b?", value.lower())
    edge = int(number[1]) * SIZES[number[2]] if number else 0
    if field.startswith("smaller"):
        return lambda mail: len(mail.raw) < edge
    return lambda mail: len(mail.raw) >= edge


def _identified(field: str, value: str) -> Test:
    return lambda mail: mail.message_id.strip("<>") == value.strip("<>")


def _filed(field: str, value: str) -> Test:
    return lambda mail: any(_has(name, value) for name in mail.files)


def _having(field: str, value: str) -> Test:
    value = value.lower()
    if value == "attachment":
        return lambda mail: bool(mail.files)
    if value in {"userlabels", "nouserlabels"}:
        return lambda mail: (value == "userlabels") == any(one.startswith("Label_") for one in mail.labels)
    if value.endswith("star"):
        return _labelled("STARRED")
    return lambda mail: False


def _labelled(label: str) -> Test:
    return lambda mail: label in mail.labels


def _has(text: str, value: str) -> bool:
    """Whether the words of `value` stand in `text` one after the other."""
    return says(spaced(text), value)


def _dashed(name: str) -> str:
    """A label as the search box writes it: `Travel/Porto 2026` is `travel-porto-2026`."""
    return re.sub(r"[\s/]+", "-", name.lower())


def _either(one: Test, other: Test) -> Test:
    return lambda mail: one(mail) or other(mail)


def _every(tests: list[Test]) -> Test:
    return lambda mail: all(test(mail) for test in tests)


def _any(tests: list[Test]) -> Test:
    return lambda mail: any(test(mail) for test in tests)


def _none(test: Test) -> Test:
    return lambda mail: not test(mail)
