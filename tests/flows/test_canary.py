"""Planted secrets: whatever the upstream or we ever issued turns up nowhere it should not."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.flows.watching import held_to_the_lists, spans_are_closed, templates
from tests.support.collector import Collector
from tests.support.emulator import EmulatorProcess
from tests.support.person import Person, link, text
from tests.support.ports import free_port
from tests.support.valet import ValetProcess
from tests.vault.upstreams import until
from valet.embedded import connection_urls
from valet.embedded.binaries import locate

TRACE = "0af7651916cd43dd8448eb211c80319c"
STRANGER = {
    "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
    "tracestate": "canary=state-of-a-stranger",
    "baggage": "person=canary-of-a-stranger",
    "X-Request-ID": "canary-id-of-a-stranger",
    "User-Agent": "canary-agent-of-a-stranger",
}
COLLECTORS = "canary-token-of-the-collector"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def valet(emulator: EmulatorProcess, collector: Collector) -> Iterator[ValetProcess]:
    """With all that whoever runs it can see of it: metrics, traces, and JSON for logs."""
    with ValetProcess(
        VALET_EMULATOR_ORIGIN=emulator.origin,
        VALET_LOG_FORMAT="json",
        VALET_OPS_PORT=str(free_port()),
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_EXPORTER_OTLP_HEADERS=f"authorization={COLLECTORS}",
        OTEL_BSP_SCHEDULE_DELAY="100",
    ) as valet:
        for name in ("spotify", "google", "oidc"):
            emulator.client(f"emulator-{name}", upstream=name, redirects=[f"{valet.url}/callback/{name}"])
        yield valet


def dump(valet: ValetProcess, folder: str = "demo") -> str:
    """`pg_dump` of everything, as the role that owns the schema."""
    urls = connection_urls(valet.data / folder)
    assert urls is not None
    program = locate().program("pg_dump")
    command = [str(program), "--dbname", urls.owner.get_secret_value()]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def private_parts(url: str) -> list[str]:
    """State and nonce of a trip to a provider."""
    query = parse_qs(urlsplit(url).query)
    return [*query.get("state", []), *query.get("nonce", [])]


def spellings(secret: str) -> set[str]:
    """The ways a secret could hide in text: as it is, and as hex or base64 of its bytes."""
    raw = secret.encode()
    return {secret, raw.hex(), base64.b64encode(raw).decode().rstrip("=")}


async def test_no_secret_reaches_the_database_the_logs_or_an_answer(
    person: Person, valet: ValetProcess, emulator: EmulatorProcess, collector: Collector
) -> None:
    answers: list[str] = []
    ours = {valet.owner_link.partition("t=")[2]}
    async with person.chat() as client:
        refused = await client.call_tool("spotify_play", {"query": "Despacito"})
        answers.append(refused.model_dump_json())
        await person.connect(link(refused))
        ours.add(link(refused).partition("h=")[2])
        for arguments in ({"query": "Despacito"}, {"items": ["spotify:track:nonsense"]}):
            answers.append((await client.call_tool("spotify_play", arguments)).model_dump_json())
        emulator.expire("access")
        answers.append((await client.call_tool("spotify_get_playback", {})).model_dump_json())
        for kind, more in (("garbage", {}), ("status", {"status": 500}), ("status", {"status": 401})):
            emulator.fault("* api.spotify.com/*", kind=kind, times=3, **more)
            broken = await client.call_tool("spotify_search", {"query": "Despacito"})
            answers.append(broken.model_dump_json())
            emulator.clear_faults()
        refused = await client.call_tool("calendar_list_calendars", {})
        answers.append(refused.model_dump_json())
        await person.connect(link(refused))
        ours.add(link(refused).partition("h=")[2])
        day = {"start": "2026-12-01", "end": "2027-12-01"}
        answers.append((await client.call_tool("calendar_search_events", day)).model_dump_json())
        emulator.settings(id_token={"nonce": "another"})
        asked = await client.call_tool("connections_connect", {"service": "calendar", "another": True})
        await person.connect((asked.structured_content or {})["url"], "ben")
        assert "did not finish" in person.headings[-1]
        answers.append(await person.page.content())
        emulator.revoke("ana")
        await client.call_tool("calendar_list_calendars", {})
        dead = await client.call_tool("spotify_play", {"query": "Despacito"})
        assert dead.is_error, text(dead)
        answers.append(dead.model_dump_json())
    tokens = person.storage.tokens
    assert tokens is not None and tokens.refresh_token is not None
    ours |= {tokens.access_token, tokens.refresh_token}
    ours |= {secret for url in person.visited for secret in private_parts(url)}
    cookies = await person.page.context.cookies()
    ours |= {str(cookie.get("value")) for cookie in cookies}
    async with httpx2.AsyncClient(trust_env=False) as http:
        for path in ("/mcp", "/token", "/callback/spotify?code=x&state=y", "/consent?h=z"):
            headers = {"Authorization": "Bearer nonsense", **STRANGER}
            answer = await http.post(f"{valet.url}{path}", headers=headers)
            answers.append(answer.text)
            assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])
        unknown = await http.get(f"{valet.url}/canary-path-of-a-stranger/{'x' * 40}")
        assert unknown.status_code == 404
        ops = f"http://127.0.0.1:{valet.environment['VALET_OPS_PORT']}"
        metrics = (await http.get(f"{ops}/metrics")).text
    await until(lambda: any(TRACE in (link.hex() for link in span.links) for span in collector.spans))

    theirs = emulator.canaries()
    assert len(theirs) >= 8, "the search needs something to look for"
    assert {secret[:3] for secret in theirs} >= {"BQe", "AQe", "ya2", "1//", "eyJ"}
    haystacks = {"pg_dump": dump(valet), "logs": valet.logs.read_text(), "answers": "\n".join(answers)}
    haystacks |= {"metrics": metrics, "spans": collector.raw.decode("latin-1")}
    assert "refreshed" in haystacks["logs"] and "connections" in haystacks["pg_dump"]
    logs = [path.read_text() for path in valet.data.rglob("*.log")]
    assert any("ready to accept connections" in log for log in logs)
    haystacks["PostgreSQL's log"] = "\n".join(logs)
    for place, haystack in haystacks.items():
        found = [s for s in theirs | ours if s and any(spelling in haystack for spelling in spellings(s))]
        if place == "answers":
            # The link is what the answer is for.
            found = [s for s in found if f"h={s}" not in haystack]
        assert not found, f"{len(found)} secrets in the {place}"
        if place in {"logs", "metrics", "spans"}:
            for word in (*STRANGER.values(), "of-a-stranger", COLLECTORS, "Despacito"):
                assert word not in haystack, f"{word} in the {place}"
            assert not re.search(r"\w@\w+\.\w", haystack), f"an address in the {place}"
    counted = held_to_the_lists(metrics, templates())
    assert counted['valet_tool_calls_total{"outcome": "ok", "tool": "spotify_play"}'] >= 1
    assert (
        counted[
            'valet_upstream_requests_total{"operation": "refresh", "outcome": "ok", "provider": "spotify"}'
        ]
        >= 1
    )
    assert counted['valet_leases_total{"outcome": "taken"}'] >= 1
    spans_are_closed(collector, templates())
    assert collector.authorized == {COLLECTORS}
    assert {each["service.name"] for each in collector.resources} == {"valet"}
    one_trace_from_request_to_provider(collector)
    every_line_of_a_request_has_its_id(valet.logs.read_text(), collector)


def one_trace_from_request_to_provider(collector: Collector) -> None:
    """Though a refresh runs in a task of its own, and the SDK runs a tool in another."""
    [refresh, *_] = [span for span in collector.spans if span.name == "spotify refresh"]
    ours = ["POST /mcp", "tool spotify_get_playback", "vault.credential", "vault.refresh", "spotify refresh"]
    assert collector.path(refresh) == ours
    names = {span.name for span in collector.within(refresh)}
    assert {"database", "POST /mcp"} < names and any(name.startswith("spotify ") for name in names - {*ours})
    # In the background, of no request, there are only refreshes ahead of time and what is sent by itself.
    begun = {
        span.name for span in collector.spans if not span.parent and "valet.request_id" not in span.attributes
    }
    assert all(name.split()[0] in {"vault.refresh", "spotify", "google", "oidc"} for name in begun), begun
    assert TRACE not in {span.trace.hex() for span in collector.spans}, "a stranger's trace is no parent"


def every_line_of_a_request_has_its_id(logs: str, collector: Collector) -> None:
    lines = [json.loads(line) for line in logs.splitlines()]
    roots = [span for span in collector.spans if "valet.request_id" in span.attributes]
    of = {span.attributes["valet.request_id"]: span.trace.hex() for span in roots}
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) > 20
    for line in requests:
        assert set(line) >= {"door", "method", "route", "status", "ms", "request_id", "level", "timestamp"}
        assert line["route"] in templates()
    inside = [line for line in lines if line["event"] in {"upstream_call", "tool_answered", "bearer_refused"}]
    assert len(inside) > 5 and all(line["trace_id"] == of[line["request_id"]] for line in inside)
    played = [line for line in requests if line.get("tool") == "spotify_play"]
    assert {line["outcome"] for line in played} >= {"ok"} and {line["route"] for line in played} == {"/mcp"}
