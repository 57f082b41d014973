"""What a file may be called where it is saved: a name of one line that no path, shell or screen misreads."""

from __future__ import annotations

import unicodedata

LONGEST = 200
"""Bytes of UTF-8: file systems take 255, and a browser may add a number."""

_ENDING = 20
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
