"""The real doors behind nginx: what each answer carries, which door answers, and whom limits count."""

from __future__ import annotations

import json

import pytest

from tests.front.conftest import House
from tests.front.raw import Answer, Line

CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}'
KIND = "Content-Type: application/json"
EACH = {
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


def register(house: House, source: str, *fields: str) -> Answer:
    body = json.dumps({"redirect_uris": ["https://chat.example/cb"]}).encode()
    return house.post("/register", KIND, *fields, body=body, source=source)


# What every answer carries


ANSWERS = {
    "a page": ("GET /signin", 200),
    "a file of a page": ("GET /static/valet.css", 200),
    "a document": ("GET /.well-known/oauth-authorization-server", 200),
    "nobody signed in": ("GET /account", 303),
    "nothing there": ("GET /nothing", 404),
    "a link that nobody made": (f"GET /files/{'x' * 43}", 404),
    "no form": ("POST /consent", 303),
    "a method that a page does not have": ("DELETE /signin", 405),
    "the challenge": ("POST /mcp", 401),
    "the challenge at a look": ("GET /mcp", 401),
    "the end of a session": ("DELETE /mcp", 401),
    "a slash too many": ("GET /mcp/", 404),
    "nginx: crooked": ("GET /%6dcp", 404),
    "nginx: method": ("PUT /mcp", 405),
    "nginx: method of a page": ("PUT /signin", 405),
    "nginx: not understood": ("GET /%zz", 400),
    "nginx: too long": (f"GET /{'a' * 9_000}", 414),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_carries_the_headers_once(name: str, house: House) -> None:
    line, status = ANSWERS[name]
    method = line.split()[0]
    answer = house.say(house.ask(f"{line} HTTP/1.1", *(["Content-Length: 0"] if method == "POST" else [])))
    assert answer.status == status
    protected(answer)
    if name.startswith("nginx") and status != 414 and status != 400:
        assert "Nothing" in answer.text or "nothing" in answer.text or "no such request" in answer.text


def protected(answer: Answer) -> None:
    """Each header is there once, from whichever of the two."""
    for header, value in EACH.items():
        assert answer.all(header) == [value], header
    for policy in answer.all("content-security-policy"):
        assert "default-src 'none'" in policy or "sandbox" in policy
    assert answer.all("content-security-policy"), "there is one at least"
    for once in ("cache-control", "permissions-policy", "x-request-id", "content-type"):
        assert len(answer.all(once)) == 1 or (once == "content-type" and not answer.body), once
    assert answer.one("server") == "nginx", "and no version of it"


def test_what_is_too_large_or_for_another_host_carries_them_too(house: House) -> None:
    for path in ("/mcp", "/token"):
        large = house.say(house.ask(f"POST {path} HTTP/1.1", "Content-Length: 99999999"))
        foreign = house.say(house.ask(f"GET {path} HTTP/1.1", host="evil.example"))
        assert (large.status, foreign.status) == (413, 421)
        for answer in (large, foreign):
            protected(answer)
            if path == "/mcp":
                assert json.loads(answer.text)["error"]["message"].endswith("Nothing was done.")


# Which door answers


def test_each_door_is_reached_by_its_addresses_only(house: House) -> None:
    challenge = house.post("/mcp", KIND, body=CALL)
    assert challenge.status == 401
    metadata = f'resource_metadata="{house.nginx.url}/.well-known/oauth-protected-resource/mcp"'
    assert metadata in challenge.one("www-authenticate")
    for path in ("/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"):
        assert json.loads(house.get(path).text)["resource"] == f"{house.nginx.url}/mcp"
    for path in (
        "/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/mcp",
        "/.well-known/openid-configuration",
    ):  # fmt: skip
        assert json.loads(house.get(path).text)["issuer"] == house.nginx.url
    assert house.get("/healthz").text == "ok\n", "for a monitor that looks from outside"
    for inner in ("/metrics", "/readyz", "/docs", "/openapi.json", "/.git/config", "/.env", "/nginx_status"):
        assert house.get(inner).status == 404, inner


@pytest.mark.parametrize("host", ["10.244.3.7:8081", "balancer.internal"])
def test_who_looks_after_its_health_may_ask_by_address(host: str, house: House) -> None:
    answer = house.say(house.ask("GET /healthz HTTP/1.1", host=host))
    assert (answer.status, answer.text) == (200, "ok\n")
    protected(answer)


def test_a_page_sends_on_within_its_own_origin(house: House) -> None:
    for path in ("/account", "/signin/", "/"):
        answer = house.get(path)
        assert 300 <= answer.status < 400
        assert answer.one("location").startswith(("/", house.nginx.url + "/")), (
            "https, and not what nginx spoke"
        )


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example"])
def test_a_page_of_another_origin_is_refused_at_mcp(origin: str, house: House) -> None:
    answer = house.post("/mcp", KIND, f"Origin: {origin}", body=CALL)
    assert answer.status == 403 and answer.all("access-control-allow-origin") == []
    protected(answer)


def test_a_preflight_passes(house: House) -> None:
    fields = ("Origin: https://inspector.example", "Access-Control-Request-Method: POST")
    answer = house.say(house.ask("OPTIONS /token HTTP/1.1", *fields))
    assert answer.status in {200, 204} and answer.one("access-control-allow-origin") == "*"


# How much


def test_what_nginx_lets_through_the_doors_take(house: House) -> None:
    """Heads as large as nginx takes, and a body as large as /mcp takes, are no surprise to a worker."""
    large = [f"X-{name}: {'a' * 7_000}" for name in "AB"]
    assert house.get("/signin", *large).status == 200
    assert house.post("/mcp", KIND, *large, body=CALL).status == 401
    many = [f"X-{number}: a" for number in range(900)]
    assert house.get("/signin", *many).status == 200
    assert house.post("/mcp", KIND, *many, body=CALL).status == 401
    assert house.get(f"/authorize?state={'a' * 7_500}").status == 400, "the sidecar has read it"
    most = house.post("/mcp", KIND, "Authorization: Bearer nonsense", body=bytes(1_000_000))
    assert most.status == 401, "a worker has read it"
    form = house.post("/token", "Content-Type: application/x-www-form-urlencoded", body=b"a" * 64 * 1024)
    assert form.status in {400, 413} and form.one("content-type").startswith("application/json")


def test_a_second_request_on_a_line_is_judged_by_itself(house: House) -> None:
    """What follows on a line that was let in is not let in with it."""
    with Line(house.nginx) as line:
        line.send(
            house.ask("POST /mcp HTTP/1.1", KIND, f"Content-Length: {len(CALL)}", body=CALL)
            + house.ask("GET /signin HTTP/1.1")
            + house.ask("GET /signin HTTP/1.1", host="evil.example")
            + house.ask(
                "POST /mcp HTTP/1.1", KIND, f"Content-Length: {len(CALL)}", "Connection: close", body=CALL
            )
        )
        assert [answer.status for answer in line.answers()] == [401, 200, 421, 401]


# Whom limits count


def test_limits_count_who_really_asks(house: House) -> None:
    """Registrations have a burst of 120 an address; each of these says that it comes from somewhere else."""
    forged = [
        [f"X-Forwarded-For: {address}", f"Forwarded: for={address}", f"X-Real-IP: {address}"]
        for address in (f"198.51.100.{number}" for number in range(1, 151))
    ]
    got = [register(house, "127.0.0.50", *fields) for fields in forged]
    statuses = [answer.status for answer in got]
    allowed = statuses.count(201)
    assert 120 <= allowed < 150 and set(statuses) == {201, 429}
    refused = got[statuses.index(429)]
    assert int(refused.one("retry-after")) >= 1 and json.loads(refused.text)["error"], "Valet's own words"
    protected(refused)
    assert register(house, "127.0.0.51").status == 201, "nobody else is held up"
    taken_for = register(house, "127.0.0.52", "X-Forwarded-For: 127.0.0.50")
    assert taken_for.status == 201, "nobody passes for somebody else, either"
