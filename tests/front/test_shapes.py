"""Requests that two programs could read in two ways: what nginx makes of them, byte by byte.

Behind it stand ports that note what they get. Whatever was sent, a worker gets whole requests only, one a
connection, each of which can be read in one way.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.front.conftest import Porch
from tests.front.raw import Line, Received

SMUGGLED = "POST /mcp HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\nAuthorization: Bearer smuggled\r\n\r\n"
FORM, MCP = "POST /token HTTP/1.1", "POST /mcp HTTP/1.1"
CHUNKED = "Transfer-Encoding: chunked"


@dataclass
class Shape:
    """What is sent, with HOST for our own; what is answered; what reaches a door of it, as `door line`."""

    sent: str
    answered: list[int]
    reached: list[str]


def request(line: str, *fields: str, body: str = "") -> str:
    return "".join(f"{one}\r\n" for one in (line, "Host: HOST", *fields)) + "\r\n" + body


TOKEN = ["sidecar POST /token"]
X = ["sidecar GET /x"]
CROOKED = (
    *("//mcp", "/%6dcp", "/mcp%2f", "/mcp;x", "/mcp#x", "/./mcp", "/x/../mcp", "/mcp/..", "/\\mcp", "/mcp//"),
    *(
        "/files/../mcp",
        "/mcp/../files/x",
        "/%2e/mcp",
        "/mcp%3fx",
        "/mcp%20",
        "/m%63p",
        "/.",
        "/x/.",
        "/files%2fx",
    ),
)
# A request of nobody's interest follows each, so that a body that was read too short or too long shows.
SHAPES = {
    "as-it-should-be": Shape(request(FORM, "Content-Length: 3", body="a=b"), [200, 200], TOKEN),
    "in-chunks": Shape(request(FORM, CHUNKED, body="3\r\na=b\r\n0\r\n\r\n"), [200, 200], TOKEN),
    # Two lengths
    "length-and-chunks": Shape(
        request(FORM, "Content-Length: 5", CHUNKED, body="0\r\n\r\n" + SMUGGLED), [400], []
    ),
    "chunks-and-length": Shape(
        request(FORM, CHUNKED, "Content-Length: 5", body="0\r\n\r\n" + SMUGGLED), [400], []
    ),
    "two-lengths": Shape(
        request(FORM, "Content-Length: 0", "Content-Length: 5", body="0\r\n\r\n"), [400], []
    ),
    "the-same-length-twice": Shape(
        request(FORM, "Content-Length: 5", "Content-Length: 5", body="0\r\n\r\n"), [400], []
    ),
    "a-list-of-lengths": Shape(request(FORM, "Content-Length: 5, 5", body="0\r\n\r\n"), [400], []),
    "length-with-a-plus": Shape(request(FORM, "Content-Length: +5", body="0\r\n\r\n"), [400], []),
    "length-below-nothing": Shape(request(FORM, "Content-Length: -5", body="0\r\n\r\n"), [400], []),
    "length-in-hex": Shape(request(FORM, "Content-Length: 0x5", body="0\r\n\r\n"), [400], []),
    "length-beyond-numbers": Shape(request(FORM, f"Content-Length: {'9' * 30}"), [400], []),
    "length-with-an-underscore": Shape(request(FORM, "Content_Length: 5"), [200, 200], TOKEN),
    # Transfer codings in disguise
    "chunks-xchunked": Shape(request(FORM, "Transfer-Encoding: xchunked", body="0\r\n\r\n"), [501], []),
    "chunks-space-before-colon": Shape(
        request(FORM, "Transfer-Encoding : chunked", body="0\r\n\r\n"), [400], []
    ),
    "chunks-tab": Shape(request(FORM, "Transfer-Encoding:\tchunked", body="0\r\n\r\n"), [501], []),
    "chunks-vertical-tab": Shape(request(FORM, "Transfer-Encoding:\x0bchunked", body="0\r\n\r\n"), [501], []),
    "chunks-folded": Shape(request(FORM, "Transfer-Encoding:\r\n chunked", body="0\r\n\r\n"), [400], []),
    "chunks-gzip": Shape(request(FORM, "Transfer-Encoding: gzip, chunked", body="0\r\n\r\n"), [501], []),
    "chunks-and-identity": Shape(
        request(FORM, CHUNKED, "Transfer-Encoding: identity", body="0\r\n\r\n"), [400], []
    ),
    "chunks-in-http-1.0": Shape(request("POST /token HTTP/1.0", CHUNKED, body="0\r\n\r\n"), [400], []),
    # Chunks
    "chunk-extension": Shape(request(FORM, CHUNKED, body="3;a=b\r\na=b\r\n0\r\n\r\n"), [200, 200], TOKEN),
    "chunk-extension-bare-lf": Shape(request(FORM, CHUNKED, body="3;\na=b\r\n0\r\n\r\n"), [200, 200], TOKEN),
    "chunk-0x": Shape(request(FORM, CHUNKED, body="0x3\r\na=b\r\n0\r\n\r\n"), [400], []),
    "chunk-minus": Shape(request(FORM, CHUNKED, body="-3\r\na=b\r\n0\r\n\r\n"), [400], []),
    "chunk-overflow": Shape(request(FORM, CHUNKED, body="fffffffffffffffff3\r\na=b\r\n0\r\n\r\n"), [400], []),
    "trailer": Shape(
        request(FORM, CHUNKED, body="3\r\na=b\r\n0\r\nHost: evil\r\nContent-Length: 9\r\n\r\n"),
        [200, 200],
        TOKEN,
    ),
    "body-of-a-get": Shape(
        request("GET /x HTTP/1.1", "Content-Length: LENGTH", body=SMUGGLED), [200, 200], X
    ),
    # Line ends
    "bare-lf": Shape("GET /x HTTP/1.1\nHost: HOST\n\n", [200, 200], X),
    "bare-cr": Shape("GET /x HTTP/1.1\rHost: HOST\r\r", [400], []),
    "cr-in-a-value": Shape(request("GET /x HTTP/1.1", "X-A: b\rX-B: c"), [400], []),
    "nul-in-a-value": Shape(request("GET /x HTTP/1.1", "X-A: b\0c"), [400], []),
    "nul-in-a-name": Shape(request("GET /x HTTP/1.1", "X\0A: b"), [400], []),
    "space-in-a-name": Shape(request("GET /x HTTP/1.1", "X A: b"), [400], []),
    "folded": Shape(request("GET /x HTTP/1.1", "X-A: b", " folded: c"), [400], []),
    "folded-first": Shape("GET /x HTTP/1.1\r\n Host: HOST\r\n\r\n", [400], []),
    "no-colon": Shape(request("GET /x HTTP/1.1", "nonsense"), [200, 200], X),
    "crlf-in-the-path": Shape(request("GET /x%0d%0aX-Evil:%20y HTTP/1.1"), [404, 200], []),
    "control-in-the-path": Shape(request("GET /x\x01y HTTP/1.1"), [400], []),
    "space-in-the-path": Shape(request("GET /x y HTTP/1.1"), [400], []),
    # Versions
    "http-1.0-without-host": Shape("GET /x HTTP/1.0\r\n\r\n", [421], []),
    "no-host": Shape("GET /x HTTP/1.1\r\n\r\n", [400], []),
    "http-2-in-words": Shape(request("GET /x HTTP/2.0"), [505], []),
    "http-2-preface": Shape("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400], []),
    "h2c": Shape(
        request(
            "GET /x HTTP/1.1",
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABk",
        ),
        [200, 200],
        X,
    ),
    # Methods
    "trace": Shape(request("TRACE /x HTTP/1.1"), [405], []),
    "connect": Shape(request("CONNECT evil:443 HTTP/1.1"), [400], []),
    "put": Shape(request("PUT /x HTTP/1.1"), [405, 200], []),
    "purge": Shape(request("PURGE /mcp HTTP/1.1"), [405, 200], []),
    "small-letters": Shape(request("get /x HTTP/1.1"), [400], []),
    "asterisk": Shape(request("OPTIONS * HTTP/1.1"), [400], []),
    # Hosts
    "another-host": Shape("GET /x HTTP/1.1\r\nHost: evil\r\n\r\n", [421, 200], []),
    "another-host-at-mcp": Shape(
        "POST /mcp HTTP/1.1\r\nHost: evil\r\nContent-Length: 0\r\n\r\n", [421, 200], []
    ),
    "two-hosts": Shape(request("GET /x HTTP/1.1", "Host: evil"), [400], []),
    "the-same-host-twice": Shape(request("GET /x HTTP/1.1", "Host: HOST"), [400], []),
    "a-list-of-hosts": Shape("GET /x HTTP/1.1\r\nHost: HOST, evil\r\n\r\n", [400], []),
    "host-with-a-path": Shape("GET /x HTTP/1.1\r\nHost: HOST/evil\r\n\r\n", [400], []),
    "host-with-a-user": Shape("GET /x HTTP/1.1\r\nHost: evil@HOST\r\n\r\n", [421, 200], []),
    "no-port": Shape("GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", [421, 200], []),
    "another-port": Shape("GET /x HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n", [421, 200], []),
    "ours-and-a-forwarded-one": Shape(request("GET /x HTTP/1.1", "X-Forwarded-Host: evil"), [200, 200], X),
    "ours-in-full": Shape(request("GET https://HOST/x HTTP/1.1"), [200, 200], X),
    "another-in-full": Shape(request("GET https://evil/x HTTP/1.1"), [421, 200], []),
    "ours-in-full-another-in-the-header": Shape(
        "GET https://HOST/x HTTP/1.1\r\nHost: evil\r\n\r\n", [421, 200], []
    ),
    # Exactly /mcp
    "mcp": Shape(request(MCP, "Content-Length: 0"), [200, 200], ["worker POST /mcp"]),
    "mcp-in-full": Shape(
        request("POST https://HOST/mcp HTTP/1.1", "Content-Length: 0"), [200, 200], ["worker POST /mcp"]
    ),
    "mcp-with-a-query": Shape(
        request("POST /mcp?x=%2f HTTP/1.1", "Content-Length: 0"), [200, 200], ["worker POST /mcp?x=%2f"]
    ),
    "mcp-with-a-slash": Shape(
        request("POST /mcp/ HTTP/1.1", "Content-Length: 0"), [200, 200], ["sidecar POST /mcp/"]
    ),
    "mcp-in-capitals": Shape(
        request("POST /MCP HTTP/1.1", "Content-Length: 0"), [200, 200], ["sidecar POST /MCP"]
    ),
    "mcp-and-nul": Shape(request("POST /mcp%00 HTTP/1.1", "Content-Length: 0"), [400], []),
    "out-of-the-root": Shape(request("GET /../../etc/passwd HTTP/1.1"), [400], []),
    "no-escape": Shape(request("GET /%zz HTTP/1.1"), [400], []),
    # One after the other
    "the-second-is-for-the-other-door": Shape(
        request(MCP, "Content-Length: 2", body="{}") + request(FORM, "Content-Length: 3", body="a=b"),
        [200, 200, 200],
        ["worker POST /mcp", *TOKEN],
    ),
    # Hop by hop
    "headers-that-a-proxy-is-told-to-drop": Shape(
        request(
            "GET /x HTTP/1.1",
            "Connection: X-Forwarded-For, Host, Content-Length",
            "X-Forwarded-For: 192.0.2.1",
        ),
        [200, 200],
        X,
    ),
    "it-expects-something": Shape(
        request(FORM, "Content-Length: 3", "Expect: 200-maybe", body="a=b"), [200, 200], TOKEN
    ),
}

SHAPES |= {
    f"crooked-{number}": Shape(request(f"POST {path} HTTP/1.1", "Content-Length: 0"), [404, 200], [])
    for number, path in enumerate(CROOKED)
}


@pytest.mark.parametrize("name", SHAPES)
def test_it_is_read_in_one_way(name: str, porch: Porch) -> None:
    shape = SHAPES[name]
    smuggled = SMUGGLED.replace("HOST", porch.host)
    sent = shape.sent.replace("HOST", porch.host).replace("LENGTH", str(len(smuggled))).encode("latin-1")
    with Line(porch.nginx) as line:
        line.send(sent + porch.ask("GET /end HTTP/1.1", "Connection: close"))
        answered = [answer.status for answer in line.answers()]
    reached = {"worker": porch.workers.take(), "sidecar": porch.sidecar.take()}
    assert answered == shape.answered
    for received in [*reached["worker"], *reached["sidecar"]]:
        plain(received, porch)
    lines = [f"{door} {one.line}" for door, all_of in reached.items() for one in all_of]
    ended = ["sidecar GET /end"] if len(answered) > 1 else []
    assert lines == [*shape.reached, *ended]


def plain(received: Received, porch: Porch) -> None:
    """It can be read in one way, and says what nginx says and not what its sender chose."""
    assert received.head.count(b"\r\n") == received.head.count(b"\n") == received.head.count(b"\r")
    assert received.more == b"", "one request a connection"
    assert not received.all("transfer-encoding") and not received.all("upgrade") and not received.all("te")
    assert received.all("content-length") in ([], [str(len(received.body))])
    assert received.all("host") == [porch.host] and received.all("connection") == ["close"]
    assert received.all("x-forwarded-for") == ["127.0.0.1"] and received.all("x-forwarded-host") == []


def test_http_0_9_gets_a_sentence_and_nothing_else(porch: Porch) -> None:
    for path in (b"/mcp", b"/x"):
        with Line(porch.nginx) as line:
            line.send(b"GET " + path + b"\r\n")
            assert b"does not answer under that host name" in line.rest()
    assert not porch.workers.take() and not porch.sidecar.take()


@pytest.mark.parametrize("kind", ["value", "name", "many", "path", "query", "cookie"])
def test_a_head_that_is_too_large_goes_nowhere(kind: str, porch: Porch) -> None:
    fields = {
        "value": ["X-A: " + "a" * 9_000],
        "name": ["X-" + "a" * 9_000 + ": b"],
        "many": [f"X-{number}: {'a' * 100}" for number in range(400)],
        "cookie": ["Cookie: " + "; ".join(f"c{number}={'a' * 100}" for number in range(90))],
    }.get(kind, [])
    path = {"path": "/" + "a" * 9_000, "query": "/authorize?state=" + "a" * 9_000}.get(kind, "/x")
    answer = porch.get(path, *fields)
    assert answer.status in {400, 414}
    assert answer.one("strict-transport-security") == "max-age=31536000"
    assert not porch.sidecar.take()


def test_a_large_head_that_is_no_larger_than_allowed_goes_through(porch: Porch) -> None:
    answer = porch.get("/authorize?state=" + "a" * 7_000, "X-A: " + "b" * 7_000)
    assert answer.status == 200
    [received] = porch.sidecar.take()
    assert len(received.head) > 14_000
