"""Google's record: what covers what, what an error means, and what an identity says."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from providers.base import App, Complaint, Rejected
from providers.google import CALENDAR_LIST, EVENTS, EVENTS_READ, GOOGLE, Calendar
from providers.google.record import MEANINGS, complaint
from providers.google.services import (
    COVERS,
    DRIVE_READ,
    FREE_BUSY,
    GMAIL_LABELS,
    GMAIL_MODIFY,
    GMAIL_READ,
    GMAIL_SEND,
)
from providers.http import Http
from providers.registry import Registry
from providers.transport import Transport
from tests.providers import discovery

APIS = discovery.APIS
NOT_OURS = {"youtube.tests.insert"}
REGISTRY = Registry((GOOGLE,), {"google": App("operator", "id")})


def body(*, errors: Any = None, details: Any = None, **more: Any) -> bytes:
    error = {"code": 403, "message": "secret", **more}
    error |= {"errors": errors} if errors is not None else {}
    error |= {"details": details} if details is not None else {}
    return json.dumps({"error": error}).encode()


@pytest.mark.parametrize(
    ("status", "raw", "expected"),
    [
        (403, body(errors=[{"reason": "insufficientPermissions"}]), Complaint("", "scope")),
        (403, body(details=[{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]), Complaint("", "scope")),
        (401, body(errors=[{"reason": "insufficientPermissions"}]), Complaint()),
        (403, body(errors=[{"reason": "userRateLimitExceeded"}]), Complaint("", "limit")),
        (429, body(details=[{"@type": "x"}, {"reason": "RATE_LIMIT_EXCEEDED"}]), Complaint("", "limit")),
        (403, body(errors=[{"reason": "quotaExceeded"}]), Complaint("QUOTA_EXCEEDED", "limit")),
        (403, body(errors=[{"reason": "rateLimitExceeded"}, {"reason": "dailyLimitExceeded"}]),
         Complaint("QUOTA_EXCEEDED", "limit")),
        (403, body(errors=[{"reason": "accessNotConfigured"}]), Complaint("accessNotConfigured")),
        (403, body(details=[{"reason": "SERVICE_DISABLED"}]), Complaint("accessNotConfigured")),
        (403, body(errors=[{"reason": "requiredAccessLevel"}]), Complaint("requiredAccessLevel")),
        (400, body(errors=[{"reason": "timeRangeEmpty"}]), Complaint("timeRangeEmpty")),
        (403, body(errors=[{"reason": "somethingNew: secret"}]), Complaint()),
        (403, body(errors="x", details={"reason": "rateLimitExceeded"}), Complaint()),
        (403, body(errors=[None, 5, {"reason": ["rateLimitExceeded"]}]), Complaint()),
        (403, b"[]", Complaint()), (403, b'{"error": "x"}', Complaint()), (500, b"<html>", Complaint()),
    ],
)  # fmt: skip
def test_an_error_in_either_form(status: int, raw: bytes, expected: Complaint) -> None:
    assert complaint(status, raw) == expected


@given(st.integers(100, 599), st.binary(max_size=200))
def test_nothing_an_upstream_sends_breaks_the_reader(status: int, raw: bytes) -> None:
    assert complaint(status, raw).reason in {*MEANINGS, "QUOTA_EXCEEDED", ""}


def test_writing_covers_reading() -> None:
    assert GOOGLE.widened({EVENTS}) == {EVENTS, EVENTS_READ}
    assert GOOGLE.widened({EVENTS_READ}) == {EVENTS_READ}
    assert GOOGLE.widened(()) == frozenset()
    assert GOOGLE.least({EVENTS, EVENTS_READ, CALENDAR_LIST}) == {EVENTS, CALENDAR_LIST}
    assert GOOGLE.least({EVENTS_READ}) == {EVENTS_READ}
    whole = {CALENDAR_LIST, FREE_BUSY}
    assert REGISTRY.upstream("google", {"calendar:write"}) == {EVENTS, *whole}
    assert REGISTRY.upstream("google", {"calendar:read"}) == {EVENTS_READ, *whole}
    assert REGISTRY.satisfied("google", {EVENTS, *whole}) == {"calendar:read", "calendar:write"}
    assert REGISTRY.satisfied("google", {EVENTS}) == frozenset()
    assert GOOGLE.least({GMAIL_MODIFY, GMAIL_READ, GMAIL_SEND, GMAIL_LABELS}) == {GMAIL_MODIFY}


def test_a_scope_covers_another_only_where_google_takes_it_for_every_call_of_ours() -> None:
    methods = [operation for api in APIS for operation in discovery.google(api).operations()]
    for wide, narrow in COVERS.items():
        for scope in narrow:
            takers = [each for each in methods if scope in each.get("scopes", [])]
            assert takers, f"{scope} is in no document"
            refusing = {each["id"] for each in takers if wide not in each["scopes"]}
            assert refusing <= NOT_OURS, f"{wide} does not do for {scope}: {refusing}"


def test_connecting_asks_for_no_restricted_scope() -> None:
    """support.google.com/cloud/answer/13464325: which scopes of Gmail and Drive are restricted."""
    asked = REGISTRY.upstream("google", REGISTRY.scopes)
    names = {scope.rsplit("/", 1)[1] for scope in asked}
    assert {name for name in names if name.startswith("gmail")} == {"gmail.labels", "gmail.send"}
    assert {name for name in names if name.startswith("drive")} == {"drive.file"}
    later = {scope for service in GOOGLE.services for more in service.later for scope in more.scopes}
    assert later >= {GMAIL_READ, GMAIL_MODIFY, DRIVE_READ}


def test_no_service_asks_for_more_than_its_calls_need() -> None:
    """Each scope of the record is one that a call of ours accepts, and is there in Google's documents."""
    methods = [operation for api in APIS for operation in discovery.google(api).operations()]
    accepted = {scope for each in methods for scope in each.get("scopes", [])}
    asked = REGISTRY.upstream("google", REGISTRY.scopes)
    asked |= {scope for service in GOOGLE.services for more in service.later for scope in more.scopes}
    assert asked <= accepted
    assert not {scope for scope in asked if scope.endswith(("/calendar", "/calendar.readonly", "/drive"))}
    assert "https://mail.google.com/" not in asked


def calendar(requests: list[httpx2.Request]) -> Calendar:
    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return httpx2.Response(200, json={"items": [{"id": None, "summary": 5}, None, {"id": "x"}]})

    return Calendar(Http(Transport(httpx2.MockTransport(answer))), SecretStr("token"))


@pytest.mark.parametrize(
    "id_",
    ["ana@example.org", "#holiday@group.v.calendar.google.com", "a/b", "a?b=c", "é ü", "..%2f.."],
)
async def test_an_id_is_one_segment_of_the_path(id_: str) -> None:
    requests: list[httpx2.Request] = []
    await calendar(requests).events(id_, time_min="a", time_max="b", time_zone="c")
    [asked] = requests
    path = asked.url.raw_path.decode().partition("?")[0]
    assert path.count("/") == 5
    assert path.startswith("/calendar/v3/calendars/")
    assert path.endswith("/events")
    assert asked.url.host == "www.googleapis.com"


@pytest.mark.parametrize("id_", ["", ".", "..", "...", "\ud800"])
async def test_what_can_be_no_segment_is_not_sent(id_: str) -> None:
    requests: list[httpx2.Request] = []
    with pytest.raises(Rejected):
        await calendar(requests).event(id_, "x")
    with pytest.raises(Rejected):
        await calendar(requests).event("x", id_)
    assert requests == []


async def test_answers_are_read_as_far_as_they_can_be() -> None:
    entries = await calendar([]).calendars()
    assert [(entry.id, entry.summary) for entry in entries] == [("", ""), ("x", "")]


def test_a_401_about_a_missing_channel_is_no_dead_token_and_a_status_alone_is_a_reason() -> None:
    channel = {
        "error": {"code": 401, "errors": [{"reason": "youtubeSignupRequired", "domain": "youtube.header"}]}
    }
    token = {"error": {"code": 401, "status": "UNAUTHENTICATED", "errors": [{"reason": "authError"}]}}
    stale = {"error": {"code": 400, "message": "x", "status": "FAILED_PRECONDITION"}}
    read = GOOGLE.complaint
    assert read(401, json.dumps(channel).encode()) == Complaint("youtubeSignupRequired", "refused")
    assert read(401, json.dumps(token).encode()) == Complaint()
    assert read(400, json.dumps(stale).encode()) == Complaint("FAILED_PRECONDITION")
