"""Planted secrets: whatever the upstream or we ever issued turns up nowhere it should not."""

from __future__ import annotations

import base64
import subprocess
from urllib.parse import parse_qs, urlsplit

import httpx2

from tests.support.emulator import EmulatorProcess
from tests.support.person import Person, link, text
from tests.support.valet import ValetProcess
from valet.embedded import connection_urls
from valet.embedded.binaries import locate


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
    person: Person, valet: ValetProcess, emulator: EmulatorProcess
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
            answer = await http.post(f"{valet.url}{path}", headers={"Authorization": "Bearer nonsense"})
            answers.append(answer.text)

    theirs = emulator.canaries()
    assert len(theirs) >= 8, "the search needs something to look for"
    assert {secret[:3] for secret in theirs} >= {"BQe", "AQe", "ya2", "1//", "eyJ"}
    haystacks = {"pg_dump": dump(valet), "logs": valet.logs.read_text(), "answers": "\n".join(answers)}
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
