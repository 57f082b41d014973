"""Whom a word on the command line means, and what an entry of the guest list may be."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from connect.admission import OWNER_ISSUER
from valet.people import NoSuchGuest, entry_of, known, whose
from vault.store.people import Person

GOOGLE, SPOTIFY = "https://accounts.google.com", "https://accounts.spotify.com"
ISSUERS = {"google": GOOGLE, "spotify": SPOTIFY}
TITLES = {GOOGLE: "Google", SPOTIFY: "Spotify"}
THEN = datetime(2026, 5, 3, 9, 30, tzinfo=UTC)


def person(id_: str, *identities: tuple[str, str]) -> Person:
    return Person(UUID(id_), identities[0][1], list(identities), THEN, THEN, False)


ANA = person(
    "0193ab12-0000-7000-8000-000000000001", (GOOGLE, "ana@example.org"), ("https://id.example", "Ana")
)
BEN = person("0193ab12-0000-7000-8000-000000000002", (SPOTIFY, "Ben"))
OWNER = person("0193ffff-0000-7000-8000-000000000003", (OWNER_ISSUER, "the owner"))
TWIN = person("0193ffff-0000-7000-8000-000000000004", (SPOTIFY, "Ben"))
EVERYBODY = known([ANA, BEN, OWNER, TWIN], TITLES)


def test_an_id_is_as_short_as_tells_people_apart() -> None:
    assert known([ANA, OWNER], TITLES)[0].line == "0193ab12  ana@example.org at Google, Ana at id.example"
    assert len({each.short for each in EVERYBODY}) == 4
    assert EVERYBODY[2].line.endswith("the owner at this terminal")


@pytest.mark.parametrize(
    ("who", "meant"),
    [
        ("ana@example.org", ANA),
        ("ANA@Example.org", ANA),
        ("ana", ANA),
        ("the owner", OWNER),
        (EVERYBODY[1].short, BEN),
        (str(TWIN.id), TWIN),
        (TWIN.id.hex.upper(), TWIN),
    ],
)
def test_an_id_or_a_label_means_one_person(who: str, meant: Person) -> None:
    assert whose(EVERYBODY, who).person == meant


@pytest.mark.parametrize("who", ["zoe", "", "019", "@example.org", "example.org", "%", "0193ab12zz"])
def test_what_names_nobody_is_refused(who: str) -> None:
    with pytest.raises(NoSuchGuest, match="nobody here is called that"):
        whose(EVERYBODY, who)


@pytest.mark.parametrize(("who", "several"), [("Ben", (BEN, TWIN)), ("0193", (ANA, BEN, OWNER, TWIN))])
def test_what_names_several_is_refused_with_all_of_them(who: str, several: tuple[Person, ...]) -> None:
    with pytest.raises(NoSuchGuest, match=f"could be {len(several)} people") as refused:
        whose(EVERYBODY, who)
    for each in several:
        assert next(k.line for k in EVERYBODY if k.person == each) in str(refused.value)


def test_a_label_that_looks_like_an_id_does_not_take_its_place() -> None:
    mallory = person("01990000-0000-7000-8000-000000000005", (SPOTIFY, str(ANA.id)))
    with pytest.raises(NoSuchGuest, match="could be 2 people"):
        whose(known([ANA, mallory], TITLES), str(ANA.id))


def test_a_label_does_not_drive_the_terminal() -> None:
    evil = person("01990000-0000-7000-8000-000000000006", (SPOTIFY, "\x1b[2Jx\nblocked\u202e"))
    assert known([evil], TITLES)[0].line == "01990000  [2Jx blocked at Spotify"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ana@Example.org", "ana@example.org"),
        ("@Example.ORG", "@example.org"),
        ("spotify:AbC", "spotify:AbC"),
        ("*", "*"),
    ],
)
def test_an_entry_has_one_spelling(given: str, kept: str) -> None:
    assert entry_of(given, ISSUERS) == kept


@pytest.mark.parametrize("given", ["ana", "@gmail.com", "myspace:1", "", "a@b.org c@d.org", "spotify:"])
def test_what_is_no_entry_is_refused(given: str) -> None:
    with pytest.raises(NoSuchGuest, match="no entry of a guest list"):
        entry_of(given, ISSUERS)
