"""What a file may be called where it is saved, so that no path, shell or screen misreads it; and its type."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 200
"""Bytes of UTF-8: file systems take 255, and a browser may add a number."""

_ENDING = 20
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_FOREIGN = str.maketrans(dict.fromkeys('/\\:*?"<>|', "_"))
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{name}{number}" for name in ("com", "lpt") for number in range(1, 10))}
)


def safe(name: str, instead: str = "file") -> str:
    """`name` without what makes a path, ends a line or turns the reading direction; else `instead`.

    Characters of Unicode's category C (control, bidi and zero-width, half surrogates) are left out, so are
    dots and spaces at either end. Names that Windows keeps for devices get a `_`. Its ending survives a cut.
    """
    kept = "".join(each for each in name if unicodedata.category(each)[0] != "C" or each in "\t\r\n")
    line = " ".join(unicodedata.normalize("NFC", kept).translate(_FOREIGN).split()).strip(". ")
    if line.partition(".")[0].strip().lower() in _DEVICES:
        line = f"_{line}"
    return _cut(line) or instead


def _cut(line: str) -> str:
    if len(line.encode()) <= LONGEST:
        return line
    stem, dot, ending = line.rpartition(".")
    if not dot or len(ending.encode()) > _ENDING:
        stem, dot, ending = line, "", ""
    room = LONGEST - len((dot + ending).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + dot + ending


def media_type(said: str) -> str:
    """A media type (RFC 6838 §4.2) without its parameters, in lower case; "" where that is none."""
    bare = said.partition(";")[0].strip().lower()
    return bare if _TYPE.fullmatch(bare) else ""
