"""The registry, and what every provider's record must keep to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from providers.base import OPERATOR, Access, Account, App, Provider, Service
from providers.google import GOOGLE as REAL_GOOGLE
from providers.registry import PROVIDERS, Registry
from providers.spotify import SPOTIFY

APP = App(OPERATOR, "client-id")
OLD = {"user-read-playback-state", "user-read-currently-playing"}
"""All that reading took before Valet knew the whole Web API."""
READ = OLD | {
    "user-read-playback-position", "user-top-read", "user-read-recently-played", "user-library-read",
    "user-follow-read", "playlist-read-private", "playlist-read-collaborative",
}  # fmt: skip
WRITE = READ | {
    "user-modify-playback-state", "user-library-modify", "user-follow-modify", "playlist-modify-private",
    "playlist-modify-public",
}  # fmt: skip

CALENDAR = Service(
    "calendar", "Calendar", Access(frozenset({"cal.ro"}), "r"), Access(frozenset({"cal"}), "w")
)
TASKS = Service("tasks", "Tasks", Access(frozenset({"tasks.ro"}), "r"), Access(frozenset({"tasks"}), "w"))
GOOGLE = replace(
    SPOTIFY, name="google", title="Google", issuer="https://g.example", services=(CALENDAR, TASKS)
)
REGISTRY = Registry((SPOTIFY, GOOGLE), {"spotify": APP, "google": App(OPERATOR, "other")})


def test_only_providers_with_an_app_are_configured() -> None:
    registry = Registry((SPOTIFY, GOOGLE), {"google": APP})
    assert registry.configured == (GOOGLE,)
    assert registry.scopes == ("calendar:read", "calendar:write", "tasks:read", "tasks:write")
    with pytest.raises(KeyError):
        registry.get("spotify")
    with pytest.raises(KeyError):
        registry.service("spotify")
    with pytest.raises(KeyError):
        registry.app("spotify", OPERATOR)
    assert Registry(PROVIDERS, {}).configured == ()
    assert Registry(PROVIDERS, {}).scopes == ()


def test_names_find_their_records() -> None:
    assert REGISTRY.get("spotify") is SPOTIFY
    assert REGISTRY.service("tasks") == (GOOGLE, TASKS)
    assert REGISTRY.app("google", OPERATOR).client_id == "other"


@pytest.mark.parametrize(
    ("look", "sentence"),
    [
        (
            lambda: REGISTRY.get("deezer"),
            "There is no provider named 'deezer' here. There is: spotify, google.",
        ),
        (
            lambda: REGISTRY.service("mail"),
            "There is no service named 'mail' here. There is: spotify, calendar, tasks.",
        ),
        (
            lambda: REGISTRY.app("spotify", "own-1"),
            "There is no spotify app named 'own-1' here. There is: operator.",
        ),
    ],
)
def test_an_unknown_name_is_told_with_the_known_ones(look: object, sentence: str) -> None:
    assert callable(look)
    with pytest.raises(KeyError) as caught:
        look()
    assert str(caught.value) == sentence


def test_our_scopes_stand_in_the_records_order() -> None:
    assert REGISTRY.scopes == (
        "spotify:read",
        "spotify:write",
        "calendar:read",
        "calendar:write",
        "tasks:read",
        "tasks:write",
    )


@pytest.mark.parametrize(
    ("ours", "upstream"),
    [
        (set(), set()),
        ({"spotify:read"}, READ),
        ({"spotify:write"}, WRITE),
        ({"spotify:read", "spotify:write"}, WRITE),
        ({"calendar:write"}, set()),
        ({"spotify:delete", "spotify", "nonsense", ""}, set()),
    ],
)
def test_ours_to_upstream(ours: set[str], upstream: set[str]) -> None:
    assert REGISTRY.upstream("spotify", ours) == upstream


@pytest.mark.parametrize(
    ("granted", "ours"),
    [
        (set(), set()),
        ({"user-read-playback-state"}, set()),
        (READ, {"spotify:read"}),
        ({"user-modify-playback-state"}, set()),
        (WRITE | {"streaming"}, {"spotify:read", "spotify:write"}),
    ],
)
def test_upstream_to_ours(granted: set[str], ours: set[str]) -> None:
    assert REGISTRY.satisfied("spotify", granted) == ours


@pytest.mark.parametrize(
    ("granted", "begun"),
    [
        (set(), set()),
        ({"streaming"}, set()),
        (OLD, {"spotify:read"}),
        (OLD | {"user-modify-playback-state"}, {"spotify:read", "spotify:write"}),
        (READ, set()),
        (READ | {"user-library-modify"}, {"spotify:write"}),
        ({"user-modify-playback-state"}, {"spotify:write"}),
        (WRITE - {"user-top-read"}, {"spotify:read", "spotify:write"}),
        (WRITE, set()),
    ],
)
def test_what_was_allowed_in_part(granted: set[str], begun: set[str]) -> None:
    assert REGISTRY.begun("spotify", granted) == begun


def test_what_another_scope_covers_counts_as_a_part() -> None:
    registry = Registry((REAL_GOOGLE,), {"google": APP})
    held = {"https://www.googleapis.com/auth/calendar.events"}
    assert registry.begun("google", held) == {"calendar:read", "calendar:write"}


def test_services_are_satisfied_one_by_one() -> None:
    assert REGISTRY.satisfied("google", {"cal.ro", "tasks.ro", "tasks"}) == {
        "calendar:read",
        "tasks:read",
        "tasks:write",
    }


def test_twins_are_refused() -> None:
    with pytest.raises(ValueError, match="provider name spotify"):
        Registry((SPOTIFY, SPOTIFY), {})
    with pytest.raises(ValueError, match="service name spotify"):
        Registry((SPOTIFY, replace(SPOTIFY, name="other", issuer="https://other.example")), {})
    with pytest.raises(ValueError, match="issuer name https://accounts"):
        Registry((SPOTIFY, replace(GOOGLE, issuer=SPOTIFY.issuer)), {})


async def _nobody(http: object, token: object) -> Account:
    raise AssertionError


@pytest.mark.parametrize("change", [{"account": None, "openid": None}, {"account": _nobody}])
def test_a_record_says_in_one_way_whose_account_it_is(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="google must say whose account it is"):
        Registry((replace(REAL_GOOGLE, **change),), {})  # type: ignore[arg-type]


# --- Every record ---


@pytest.mark.parametrize("record", PROVIDERS, ids=lambda record: record.name)
def test_a_record_keeps_the_rules(record: Provider) -> None:
    urls = [record.issuer, record.authorize_url, record.token_url, record.manage_url, record.revoke_url]
    for url in filter(None, urls):
        parts = urlsplit(url)
        assert parts.scheme == "https"
        assert parts.hostname == parts.netloc
        assert not parts.query
    assert record.hosts
    assert all(host == host.lower() and "/" not in host and ":" not in host for host in record.hosts)
    assert record.services
    for service in record.services:
        assert service.name.isidentifier()
        assert service.name.islower()
        # An empty set would be satisfied by any grant.
        assert service.read.scopes
        assert service.write.scopes
        asked = service.upstream("write")
        for more in service.later:
            assert more.scopes
            assert not more.scopes & asked, "what comes later is not asked for at once"
        levels = (service.read, service.write, *service.later)
        for sentence in (level.sentence for level in levels):
            assert sentence[0].isupper()
            assert sentence.endswith(".")
    assert record.client_id_setting.endswith("_CLIENT_ID")
    assert record.client_secret_setting.endswith("_CLIENT_SECRET")


def test_spotifys_record() -> None:
    assert REGISTRY.get("spotify").service("spotify").upstream("write") == WRITE
    assert SPOTIFY.revoke_url is None
    assert SPOTIFY.grant_lifetime == timedelta(days=180)
    assert SPOTIFY.hosts == {"api.spotify.com"}
    with pytest.raises(KeyError):
        SPOTIFY.service("mail")
