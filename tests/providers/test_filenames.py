"""What a file may be called: no path, no line of its own, no other reading direction."""

from __future__ import annotations

import pytest

from providers.filenames import LONGEST, media_type, safe

CASES = {
    "plain": ("Quarterly report.pdf", "Quarterly report.pdf"),
    "a path": ("../../etc/passwd", "_.._etc_passwd"),
    "a path of Windows": ("..\\..\\boot.ini", "_.._boot.ini"),
    "hidden": (".bashrc", "bashrc"),
    "line breaks": ("a\r\nContent-Type: text/html\r\n\r\n<b>", "a Content-Type_ text_html _b_"),
    "a null": ("a\x00b.exe", "ab.exe"),
    "turned round": ("invoice\u202efdp.exe", "invoicefdp.exe"),
    "isolates and zero width": ("\u2066a\u2069\u200bb\ufeff.txt", "ab.txt"),
    "half a surrogate pair": ("a\ud83d.txt", "a.txt"),
    "right to left": ("תקציב 2026.pdf", "תקציב 2026.pdf"),
    "emoji": ("🎉 party.ics", "🎉 party.ics"),
    "combined": ("Cafe\u0301.txt", "Café.txt"),
    "quotes": ('a"b.txt', "a_b.txt"),
    "a device": ("CON.txt", "_CON.txt"),
    "a device with a space": ("nul .txt", "_nul .txt"),
    "nothing": ("", "file"),
    "nothing left": ("\u202e. /..", "_"),
    "dots": ("....", "file"),
    "a trailing dot": ("a.txt. ", "a.txt"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_name_is_made_safe(case: str) -> None:
    given, wanted = CASES[case]
    assert safe(given) == wanted
    assert safe(wanted) == wanted


@pytest.mark.parametrize("letter", ["a", "é", "漢", "🎉"])
def test_a_long_name_is_cut_and_keeps_its_ending(letter: str) -> None:
    name = safe(letter * 300 + ".docx")
    assert name.endswith(f"{letter}.docx")
    assert LONGEST - 4 <= len(name.encode()) <= LONGEST
    assert safe(letter * 300) == letter * (LONGEST // len(letter.encode()))
    assert len(safe("a." + letter * 300).encode()) <= LONGEST


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("application/pdf", "application/pdf"),
        ("Text/HTML; charset=utf-8", "text/html"),
        ("application/vnd.openxmlformats-officedocument.presentationml.presentation",) * 2,
        ("image/svg+xml", "image/svg+xml"),
        ("a/b\r\nX: y", ""),
        ("ü/x", ""),
        ("a/" + "b" * 128, ""),
        ("pdf", ""),
        ("", ""),
    ],
)
def test_a_type_is_a_type_or_none(said: str, found: str) -> None:
    assert media_type(said) == found
