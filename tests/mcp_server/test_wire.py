"""HTTP shapes: who may come in, and how everybody else is told."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import PUBLIC, Resident
from vault.errors import Busy
from vault.store.callers import Caller

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
METADATA = f'resource_metadata="{PUBLIC}/.well-known/oauth-protected-resource/mcp"'
SCOPE = 'scope="spotify:read spotify:write"'


def sentence(response: httpx2.Response) -> str:
    body = response.json()
    assert body["jsonrpc"] == "2.0"
    assert body["id"] is None
    message: str = body["error"]["message"]
    assert message.endswith(".")
    return message


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_without_a_token_there_is_no_error_attribute(serve: Serve, method: str) -> None:
    async with serve() as desk:
        response = await desk.post(LIST, method=method)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == f"Bearer {SCOPE}, {METADATA}"
    assert "sign in" in sentence(response)


async def test_another_scheme_counts_as_no_token(serve: Serve) -> None:
    async with serve() as desk:
        response = await desk.post(LIST, headers={"authorization": "Basic YTpi"})
    assert response.status_code == 401
    assert "error=" not in response.headers["www-authenticate"]


@pytest.mark.parametrize(
    "value", ["Bearer nonsense", "Bearer", "Bearer a b", "Bearer " + "x" * 600, "Bearer ,"]
)
async def test_a_bad_token_is_invalid(serve: Serve, value: str) -> None:
    async with serve() as desk:
        response = await desk.post(LIST, headers={"authorization": value})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == f'Bearer error="invalid_token", {SCOPE}, {METADATA}'
    sentence(response)


async def test_two_authorization_headers_are_refused(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.resident()
        headers = [
            ("content-type", "application/json"),
            ("authorization", f"Bearer {who.token}"),
            ("authorization", f"Bearer {who.token}"),
        ]
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(desk.app), base_url=PUBLIC) as client:
            response = await client.post("/mcp", headers=headers, json=LIST)
    assert response.status_code == 401


async def test_a_token_in_the_query_is_ignored(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.resident()
        response = await desk.post(LIST, query=f"?access_token={who.token}")
    assert response.status_code == 401
    assert "error=" not in response.headers["www-authenticate"]


async def test_the_scheme_is_case_insensitive(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.resident()
        response = await desk.post(LIST, headers={"authorization": f"bEARER {who.token}"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "resource", ["https://elsewhere.example/mcp", PUBLIC, f"{PUBLIC}/mcp/", f"{PUBLIC}/MCP"]
)
async def test_a_token_for_another_resource_is_invalid(serve: Serve, resource: str) -> None:
    async with serve() as desk:
        who = await desk.resident(resource=resource)
        response = await desk.post(LIST, token=who.token)
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def test_an_expired_token_is_invalid(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.resident(lifetime="-1 second")
        response = await desk.post(LIST, token=who.token)
    assert response.status_code == 401


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE grants SET revoked_at = now() WHERE id = %(grant)s",
        "UPDATE families SET revoked_at = now() WHERE grant_id = %(grant)s",
        "UPDATE users SET blocked_at = now() WHERE id = %(user)s",
    ],
)
async def test_a_revocation_works_at_the_next_call(serve: Serve, statement: Any) -> None:
    async with serve() as desk:
        who = await desk.resident()
        assert (await desk.post(LIST, token=who.token)).status_code == 200
        async with desk.database.connection() as link:
            await link.execute(statement, {"grant": who.grant_id, "user": who.user_id})
        assert (await desk.post(LIST, token=who.token)).status_code == 401


class Away:
    async def look(self, token_hash: bytes) -> Caller | None:
        raise Busy("the database does not answer", 1.5)


async def test_a_database_that_is_away_is_no_401(serve: Serve) -> None:
    async with serve(tokens=Away()) as desk:
        response = await desk.post(LIST, token="any")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"
    assert "www-authenticate" not in response.headers
    sentence(response)


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "HEAD", "PATCH"])
async def test_only_post(serve: Serve, method: str) -> None:
    async with serve() as desk:
        who = await desk.resident()
        response = await desk.post(LIST, token=who.token, method=method)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    if method != "HEAD":
        assert "POST" in sentence(response)


async def test_only_json(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.resident()
        response = await desk.post(b"{}", token=who.token, headers={"content-type": "text/plain"})
    assert response.status_code == 415
    sentence(response)


@pytest.mark.parametrize("declared", [True, False])
async def test_a_large_body_is_refused(serve: Serve, declared: bool) -> None:
    async def parts() -> Any:
        for _ in range(11):
            yield b" " * 100_000

    async with serve() as desk:
        who = await desk.resident()
        headers = {"content-type": "application/json", "authorization": f"Bearer {who.token}"}
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(desk.app), base_url=PUBLIC) as client:
            content = b" " * 1_100_000 if declared else parts()
            response = await client.post("/mcp", headers=headers, content=content)
    assert response.status_code == 413
    assert "1000000" in sentence(response)


async def test_a_large_body_without_a_token_is_not_read(serve: Serve) -> None:
    async with serve() as desk:
        response = await desk.post(b" " * 1_100_000)
    assert response.status_code == 401


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff", b'{"jsonrpc":"2.0","id":1}'])
async def test_a_malformed_body_is_a_400(serve: Serve, body: bytes) -> None:
    async with serve() as desk:
        who = await desk.resident()
        response = await desk.post(body, token=who.token)
    assert response.status_code == 400
    assert "error" in response.json()


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1:9999", "127.0.0.1.evil.example:8420", "127.0.0.1"]
)
async def test_a_foreign_host_is_misdirected(serve: Serve, host: str) -> None:
    async with serve() as desk:
        who = await desk.resident()
        response = await desk.post(LIST, token=who.token, headers={"host": host})
    assert response.status_code == 421
    sentence(response)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example", "file://"]
)
async def test_a_foreign_origin_is_refused(serve: Serve, origin: str) -> None:
    async with serve() as desk:
        who = await desk.resident()
        response = await desk.post(LIST, token=who.token, headers={"origin": origin})
    assert response.status_code == 403
    assert "www-authenticate" not in response.headers
    assert "access-control-allow-origin" not in response.headers
    sentence(response)


@pytest.mark.parametrize("host", ["127.0.0.1:8420", "localhost:8420", "[::1]:8420"])
async def test_a_loopback_server_answers_under_every_loopback_name(serve: Serve, host: str) -> None:
    async with serve() as desk:
        who = await desk.resident()
        response = await desk.post(LIST, token=who.token, headers={"host": host})
    assert response.status_code == 200


async def test_a_local_inspector_may_read_the_challenge(serve: Serve) -> None:
    async with serve() as desk:
        response = await desk.post(LIST, headers={"origin": "http://localhost:6274"})
    assert response.status_code == 401
    assert response.headers["access-control-allow-origin"] == "http://localhost:6274"
    assert "WWW-Authenticate" in response.headers["access-control-expose-headers"]
    assert "Mcp-Session-Id" in response.headers["access-control-expose-headers"]


async def test_a_preflight_needs_no_token(serve: Serve) -> None:
    asked = {
        "origin": "http://localhost:6274",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, mcp-protocol-version",
    }
    async with serve() as desk:
        allowed = await desk.post(LIST, method="OPTIONS", headers=asked)
        foreign = await desk.post(LIST, method="OPTIONS", headers={**asked, "origin": "https://evil.example"})
    assert allowed.status_code == 200
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    assert foreign.status_code == 400
    assert "access-control-allow-origin" not in foreign.headers


async def test_a_public_server_takes_no_loopback(serve: Serve) -> None:
    public = "https://valet.example"
    async with serve(public_url=public) as desk:
        who = await desk.resident(resource=f"{public}/mcp")

        async def status(host: str, origin: str | None = None) -> int:
            headers = {"host": host} | ({"origin": origin} if origin else {})
            return (await desk.post(LIST, token=who.token, headers=headers)).status_code

        assert await status("valet.example") == 200
        assert await status("valet.example:443") == 200
        assert await status("valet.example", public) == 200
        assert await status("localhost:8420") == 421
        assert await status("valet.example", "http://localhost:6274") == 403


async def test_other_paths_are_not_ours(serve: Serve) -> None:
    async with serve() as desk:
        who: Resident = await desk.resident()
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(desk.app), base_url=PUBLIC) as client:
            for path in ("/", "/mcp/", "/mcp/x", "/.well-known/oauth-protected-resource"):
                response = await client.post(
                    path, headers={"authorization": f"Bearer {who.token}"}, json=LIST
                )
                assert response.status_code == 404


async def test_a_token_is_never_logged(
    serve: Serve, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("WARNING", "httpx2")  # the test's own client logs its URLs
    async with serve() as desk:
        who = await desk.ready()
        await desk.post(LIST, token=who.token)
        await desk.post(LIST, token="wrong-token-1")
        await desk.post(LIST, query="?access_token=wrong-token-2")
    said = capsys.readouterr().out + caplog.text
    assert "bearer_refused" in said
    for secret in (who.token, "wrong-token", "upstream-token"):
        assert secret not in said


@pytest.mark.parametrize(
    ("method", "params", "data"),
    [
        ("resources/read", {"uri": "test://nothing"}, {"uri": "test://nothing"}),
        ("resources/read", {"uri": 7}, ""),
        ("prompts/get", {"name": "nothing"}, None),
    ],
)
async def test_what_is_not_here_is_named_in_the_error_and_not_in_the_log(
    serve: Serve,
    method: str,
    params: dict[str, Any],
    data: object,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    async with serve() as desk:
        who = await desk.resident()
        response = await desk.post(
            {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, token=who.token
        )
    error = response.json()["error"]
    assert error["code"] == -32602
    assert error.get("data") == data
    assert "nothing" not in caplog.text
