"""What nginx passes on and what it keeps: addresses, sizes, slow clients, second tries, streams, TLS, logs.

Behind it stand ports that note what they get, and answer as a test wants.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from starlette.requests import Request

from connect.address import Proxies, client_address
from tests.front.conftest import SHORT, Porch
from tests.front.raw import OK, PATIENCE, Answer, Line, Received, Upstream, in_the_clear, upstreams
from tests.support.nginx import Nginx

CANARY = "canary-of-the-front"
JSON = "application/json"


def told(answer: Answer) -> str:
    """The sentence for a program that asked /mcp."""
    assert answer.one("content-type").startswith(JSON)
    error = json.loads(answer.text)["error"]
    assert error["code"] == -32600 and error["data"]["error"]
    sentence: str = error["message"]
    return sentence


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Porch]:
    """Limits that a test reaches; 127.0.0.9 is a proxy before it."""
    few = {
        "zone=calls:10m rate=200r/s": "zone=calls:10m rate=1r/m",
        "zone=pages:10m rate=100r/s": "zone=pages:10m rate=1r/m",
        "zone=calls burst=1000 nodelay": "zone=calls burst=3 nodelay",
        "limit_conn open_calls 300": "limit_conn open_calls 2",
        "limit_conn open_pages 200": "limit_conn open_pages 2",
    }
    with (
        upstreams(2) as (workers, sidecar),
        Nginx(
            tmp_path, few, MCP_1=workers.address, CONNECT_1=sidecar.address, TRUSTED_PROXY="127.0.0.9"
        ) as nginx,
    ):
        yield Porch(nginx, workers, sidecar)


# Who asks


SPOOFED = (
    "X-Forwarded-For: 192.0.2.1, 127.0.0.1",
    "X_Forwarded_For: 192.0.2.1",
    "Forwarded: for=192.0.2.1;host=evil;proto=http",
    "X-Real-IP: 192.0.2.1",
    "X-Forwarded-Host: evil",
    "X-Forwarded-Proto: http",
    "X-Forwarded-Port: 80",
    f"X-Request-ID: {CANARY}",
    "TE: trailers",
    "Keep-Alive: timeout=99",
    "Proxy: http://evil",
)


@pytest.mark.parametrize("path", ["/mcp", "/token", "/files/x"])
def test_nothing_that_a_client_says_of_itself_is_passed_on(path: str, porch: Porch) -> None:
    assert porch.post(path, *SPOOFED, "X-Forwarded-For: 192.0.2.2", source="127.0.0.77").status == 200
    [received] = (porch.workers if path == "/mcp" else porch.sidecar).take()
    assert received.all("x-forwarded-for") == ["127.0.0.77"] and received.all("x-forwarded-proto") == [
        "https"
    ]
    for name in ("forwarded", "x-real-ip", "x-forwarded-host", "x-forwarded-port", "x_forwarded_for", "te"):
        assert received.all(name) == [], name
    [number] = received.all("x-request-id")
    assert len(number) == 32 and CANARY not in number
    assert received.all("host") == [porch.host]


def test_one_socket_for_ipv4_and_ipv6_changes_nothing(tmp_path: Path) -> None:
    """As compose.yaml has it: an IPv4 address comes in the coat of an IPv6 one, and is still itself."""
    with upstreams(2) as (workers, sidecar):
        addresses = {"MCP_1": workers.address, "CONNECT_1": sidecar.address, "TRUSTED_PROXY": "127.0.0.9"}
        nginx = Nginx(tmp_path, **addresses)
        nginx.given["HTTPS_PORT"] = f"[::]:{nginx.https_port} ipv6only=off"
        with nginx:
            porch = Porch(nginx, workers, sidecar)
            porch.get("/x", "X-Forwarded-For: 192.0.2.1", source="127.0.0.8")
            porch.get("/x", "X-Forwarded-For: 192.0.2.1", source="127.0.0.9")
        counted = [Request(scope(one)) for one in sidecar.take()]
    assert [client_address(one, Proxies.read(["127.0.0.1"])) for one in counted] == ["127.0.0.8", "192.0.2.1"]


def scope(received: Received) -> dict[str, Any]:
    """What the sidecar is told of it."""
    fields = [(b"x-forwarded-for", value.encode()) for value in received.all("x-forwarded-for")]
    return {"type": "http", "headers": fields, "client": ("127.0.0.1", 1)}


def test_a_browsers_session_does_not_reach_the_workers(porch: Porch) -> None:
    fields = (f"Cookie: __Host-valet={CANARY}", "Cookie: a=b", "Authorization: Bearer x")
    porch.post("/mcp", *fields)
    porch.post("/consent", *fields)
    [call], [page] = porch.workers.take(), porch.sidecar.take()
    assert call.all("cookie") == [] and call.all("authorization") == ["Bearer x"]
    assert "; ".join(page.all("cookie")) == f"__Host-valet={CANARY}; a=b"


def test_only_a_named_proxy_says_whose_address_it_is(small: Porch) -> None:
    for source, forwarded, counted in (
        ("127.0.0.8", "192.0.2.1", "127.0.0.8"),
        ("127.0.0.9", "192.0.2.1", "192.0.2.1"),
        ("127.0.0.9", "192.0.2.9, 192.0.2.2", "192.0.2.2"),
        ("127.0.0.9", "192.0.2.3, 127.0.0.9", "192.0.2.3"),
        ("127.0.0.9", "nonsense", "127.0.0.9"),
    ):
        small.get("/x", f"X-Forwarded-For: {forwarded}", source=source)
        [received] = small.sidecar.take()
        assert received.all("x-forwarded-for") == [counted]


# How much


def test_beyond_the_rate_of_an_address_it_says_when_to_come_again(small: Porch) -> None:
    def call(source: str, spoofed: str) -> Answer:
        return small.post("/mcp", f"X-Forwarded-For: {spoofed}", source=source)

    answers = [call("127.0.0.20", f"192.0.2.{number}") for number in range(6)]
    assert [answer.status for answer in answers] == [200] * 4 + [429] * 2, (
        "what it says of itself is no way out"
    )
    assert answers[-1].one("retry-after") == "1" and "try again" in told(answers[-1])
    assert len(small.workers.take()) == 4
    assert call("127.0.0.21", "192.0.2.1").status == 200, "another address is another"


@pytest.mark.parametrize(
    ("addresses", "one"),
    [
        ([f"2001:db8:1:2::{number:x}" for number in range(1, 6)], True),
        ([f"2001:db8:1:2:{number:x}::1" for number in range(1, 6)], True),
        ([f"2001:db8:0:2:{number:x}:2:3:4" for number in range(1, 6)], True),
        ([f"2001:db8::{number:x}" for number in range(1, 6)], True),
        ([f"2001:db8:1:{number:x}::1" for number in range(1, 6)], False),
        ([f"2001:db8:{number:x}::1" for number in range(1, 6)], False),
        ([f"::ffff:192.0.2.{number}" for number in range(1, 6)], False),
    ],
    ids=["hosts", "interfaces", "with-a-nought", "short", "networks", "short-networks", "mapped"],
)
def test_ipv6_counts_by_its_64(addresses: list[str], one: bool, small: Porch) -> None:
    got = [
        small.post("/mcp", f"X-Forwarded-For: {address}", source="127.0.0.9").status for address in addresses
    ]
    assert got == ([200] * 4 + [429] if one else [200] * 5)


def test_so_many_at_once_of_one_address(small: Porch) -> None:
    hold = threading.Event()

    def wait(received: Received, line: socket.socket) -> None:
        assert hold.wait(PATIENCE)
        line.sendall(OK)

    small.sidecar.respond = wait
    with ExitStack() as stack:
        held = []
        for _ in range(2):
            line = stack.enter_context(Line(small.nginx, "127.0.0.30"))
            line.send(small.ask("GET /x HTTP/1.1"))
            held.append(line)
        small.sidecar.expect(2)
        turned_away = small.get("/x", source="127.0.0.30")
        assert turned_away.status == 429 and turned_away.one("retry-after") == "1"
        assert "Nothing was done" in turned_away.text
        hold.set()
        answers = [line.answer() for line in held]
        assert [answer.status for answer in answers if answer is not None] == [200, 200]
    assert small.get("/x", source="127.0.0.31").status == 200


def test_calls_that_wait_hold_up_no_token_and_no_file_of_the_same_address(small: Porch) -> None:
    """A chat service calls, renews tokens and fetches files from one address: each has its own number."""
    hold = threading.Event()

    def wait(received: Received, line: socket.socket) -> None:
        assert hold.wait(PATIENCE)
        line.sendall(OK)

    small.workers.respond = wait
    with ExitStack() as stack:
        for _ in range(2):
            line = stack.enter_context(Line(small.nginx, "127.0.0.32"))
            line.send(small.ask("POST /mcp HTTP/1.1", "Content-Length: 2", body=b"{}"))
        small.workers.expect(2)
        try:
            assert small.post("/mcp", source="127.0.0.32").status == 429
            for path in ("/token", "/files/x"):
                assert small.post(path, source="127.0.0.32").status == 200, path
        finally:
            hold.set()


def test_a_whole_chat_service_calls_from_one_address(porch: Porch) -> None:
    """Three hundred people at once: the limits of the file itself, and one connection for all of them."""
    call = porch.ask("POST /mcp HTTP/1.1", "Content-Length: 2", body=b"{}")
    with Line(porch.nginx, "127.0.0.40") as line:
        line.send(call * 300 + porch.ask("GET /end HTTP/1.1", "Connection: close"))
        assert {answer.status for answer in line.answers()} == {200}
    assert len(porch.workers.take()) == 300
    porch.sidecar.take()


SIZES = [("/mcp", 1_000_000), ("/token", 64 * 1024), ("/files/x", 26 * 1024 * 1024)]


@pytest.mark.parametrize(
    ("path", "most", "how"),
    [(*SIZES[0], "declared"), (*SIZES[0], "in-chunks"), (*SIZES[1], "declared"), (*SIZES[1], "in-chunks"),
     (*SIZES[2], "declared")],
    ids=["mcp", "mcp-in-chunks", "token", "token-in-chunks", "files"],
)  # fmt: skip
def test_a_body_has_its_most(path: str, most: int, how: str, porch: Porch) -> None:
    door = porch.workers if path == "/mcp" else porch.sidecar
    for size, status in ((most, 200), (most + 1, 413)):
        body = bytes(size)
        if how == "in-chunks":
            chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)
            answer = porch.say(porch.ask(f"POST {path} HTTP/1.1", "Transfer-Encoding: chunked", body=chunk))
        else:
            answer = porch.post(path, body=body)
        assert answer.status == status
        received = door.take()
        if status == 200:
            assert [len(one.body) for one in received] == [size]
        elif path != "/files/x":
            assert received == [] and "Nothing was done" in (told(answer) if path == "/mcp" else answer.text)


def test_a_body_that_says_it_is_too_large_is_not_waited_for(porch: Porch) -> None:
    for path, most in SIZES:
        answer = porch.say(porch.ask(f"POST {path} HTTP/1.1", f"Content-Length: {most + 1}"))
        assert answer.status == 413
    assert not porch.workers.take() and not porch.sidecar.take()


def test_bodies_that_wait_for_their_end_do_not_fill_the_memory_of_nginx(tmp_path: Path) -> None:
    """In memory 300 of them, which one address may have under way, were 312 MB; compose.yaml gives 512."""
    with upstreams(1) as [door], Nginx(tmp_path, MCP_1=door.address, CONNECT_1=door.address) as nginx:
        porch, lot = Porch(nginx, door, door), range(40)

        def memory() -> int:
            return sum(psutil.Process(pid).memory_full_info().uss for pid in nginx.workers())

        before = memory()
        with ExitStack() as stack:
            lines = [stack.enter_context(Line(nginx, "127.0.1.1")) for _ in lot]
            for line in lines:
                line.send(porch.ask("POST /mcp HTTP/1.1", "Content-Length: 1000000", body=bytes(900_000)))
            for line in lines:  # each is read that far, and waits
                line.send(bytes(99_999))
            grown = memory() - before
            for line in lines:
                line.send(b"}")
            assert {line.answer().status for line in lines} == {200}
        assert grown < len(lot) * 250_000
        assert [len(one.body) for one in door.take()] == [1_000_000] * len(lot)


def test_where_there_is_no_room_for_a_body_nothing_was_done_and_small_calls_pass(tmp_path: Path) -> None:
    with upstreams(1) as [door], Nginx(tmp_path, MCP_1=door.address, CONNECT_1=door.address) as nginx:
        porch = Porch(nginx, door, door)
        (nginx.folder / "body").rmdir()
        (nginx.folder / "body").write_text("no folder any more")
        refused = porch.post("/mcp", body=bytes(500_000))
        assert refused.status == 503 and "Nothing was done" in told(refused)
        assert refused.one("retry-after") == "2" and not door.take()
        assert porch.post("/mcp").status == 200


# How slowly


def test_slow_heads_and_bodies_are_given_up_and_nobody_waits_for_them(porch: Porch) -> None:
    beginnings = {
        "nothing": b"",
        "half a line": b"POST /mcp HT",
        "half a head": porch.ask("POST /mcp HTTP/1.1", "X-A: b")[:-2],
        "a body that stops": porch.ask("POST /mcp HTTP/1.1", "Content-Length: 9", body=b"{"),
        "a chunk that stops": porch.ask("POST /token HTTP/1.1", "Transfer-Encoding: chunked", body=b"5\r\na"),
        "no chunk": porch.ask("POST /token HTTP/1.1", "Transfer-Encoding: chunked"),
    }
    with ExitStack() as stack:
        lines = {}
        for name, data in beginnings.items():
            for number in range(20):
                line = stack.enter_context(Line(porch.nginx, f"127.0.1.{number + 1}"))
                line.send(data)
                lines[name, number] = line
        assert porch.post("/mcp", source="127.0.1.1").status == 200, "while all of them are open"
        for (name, _), line in lines.items():
            answer = line.answer()
            assert answer is None or answer.status == 408, name
            if name.startswith("a body"):
                assert answer is None or "send it again" in told(answer)
    assert len(porch.workers.take()) == 1 and not porch.sidecar.take(), "no worker heard of them"


def test_whoever_holds_every_connection_idle_shuts_nobody_out(tmp_path: Path) -> None:
    """They ask nothing, so no limit counts them: they give way to who does."""
    few = {
        **SHORT,
        "worker_connections 4096": "worker_connections 64",
        "worker_processes 2": "worker_processes 1",
    }
    with (
        upstreams(2) as (workers, sidecar),
        Nginx(tmp_path, few, MCP_1=workers.address, CONNECT_1=sidecar.address) as nginx,
        ExitStack() as stack,
    ):
        porch = Porch(nginx, workers, sidecar)
        for _ in range(90):
            line = stack.enter_context(Line(nginx, "127.0.0.60"))
            line.send(porch.ask("GET /x HTTP/1.1"))
            answer = line.answer()
            assert answer is not None and answer.status == 200
        assert [porch.post("/mcp", source="127.0.0.61").status for _ in range(5)] == [200] * 5


def test_a_connection_that_says_nothing_before_tls_is_given_up(porch: Porch) -> None:
    with socket.create_connection((porch.nginx.host, porch.nginx.https_port), PATIENCE) as line:
        assert line.recv(1) == b""


def test_a_reader_who_does_not_read_holds_no_worker(porch: Porch) -> None:
    body = bytes(200_000)
    porch.workers.respond = lambda _, line: line.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        % (len(body), body)
    )
    try:
        with Line(porch.nginx, slow=True) as line:
            line.send(porch.ask("POST /mcp HTTP/1.1", "Content-Length: 2", body=b"{}"))
            porch.workers.expect(1)
            assert len(porch.workers.take()) == 1, "its connection has ended although nobody has read"
            answer = line.answer()
            assert answer is not None and len(answer.body) == len(body)
    finally:
        porch.workers.respond = Upstream.respond


# Once and not twice


def closed() -> Upstream:
    """A port that refuses connections."""
    one = Upstream()
    one.close()
    return one


def both(folder: Path, first: Upstream, second: Upstream, **changes: str) -> Nginx:
    short = {**SHORT, "proxy_read_timeout 120s": "proxy_read_timeout 1s", **changes}
    addresses = {"MCP_1": first.address, "MCP_2": second.address}
    return Nginx(folder, short, **addresses, CONNECT_1=first.address, CONNECT_2=second.address)


def test_where_one_refuses_the_other_one_takes_it(tmp_path: Path) -> None:
    with upstreams(1) as [alive], both(tmp_path, closed(), alive) as nginx:
        porch = Porch(nginx, alive, alive)
        assert [porch.post("/mcp").status for _ in range(8)] == [200] * 8
        assert [porch.post("/token").status for _ in range(8)] == [200] * 8
        assert len(alive.take()) == 16


def test_where_both_refuse_it_says_that_nothing_was_done_and_asks_again_at_once(tmp_path: Path) -> None:
    first, second = closed(), closed()
    with both(tmp_path, first, second) as nginx:
        porch = Porch(nginx, first, second)
        call, page = porch.post("/mcp"), porch.get("/account")
        assert [call.status, page.status] == [503, 503]
        assert call.one("retry-after") == page.one("retry-after") == "2"
        assert "Nothing was done" in told(call) and "Nothing was done" in page.text
        again = Upstream(port=second.port)
        try:
            assert porch.post("/mcp").status == 200, "it is back, and is not left alone for having been away"
        finally:
            again.close()


def test_what_may_have_been_done_is_not_sent_twice(tmp_path: Path) -> None:
    with upstreams(2) as (first, second), both(tmp_path, first, second) as nginx:
        first.respond = second.respond = lambda received, line: None
        porch = Porch(nginx, first, second)
        for path in ("/mcp", "/token"):
            answer = porch.post(path)
            assert answer.status == 502 and answer.all("retry-after") == []
            assert "may have been done" in (told(answer) if path == "/mcp" else answer.text)
            assert len(first.take()) + len(second.take()) == 1, path


def test_a_worker_that_does_not_answer_in_time_is_not_asked_twice_either(tmp_path: Path) -> None:
    over = threading.Event()
    with upstreams(2) as (first, second), both(tmp_path, first, second) as nginx:
        first.respond = second.respond = lambda received, line: assert_(over.wait(PATIENCE))
        answer = Porch(nginx, first, second).post("/mcp")
        over.set()
        assert answer.status == 502 and "may have been done" in told(answer)
        assert len(first.take()) + len(second.take()) == 1


def assert_(held: bool) -> None:
    assert held


# Streams


@pytest.mark.parametrize("how", ["declared", "in-chunks"])
def test_a_file_goes_in_as_it_comes(how: str, porch: Porch) -> None:
    arrived = threading.Event()

    def take(line: socket.socket) -> None:
        data = b""
        while b"first" not in data:
            data += line.recv(4096)
        arrived.set()
        while b"second" not in data:
            data += line.recv(4096)
        line.sendall(OK)

    porch.sidecar.whole = take
    try:
        with Line(porch.nginx) as line:
            length, *pieces = ("Content-Length: 11", b"first", b"second")
            if how == "in-chunks":
                length, *pieces = (
                    "Transfer-Encoding: chunked",
                    b"5\r\nfirst\r\n",
                    b"6\r\nsecond\r\n0\r\n\r\n",
                )
            line.send(porch.ask("POST /files/x HTTP/1.1", length, body=pieces[0]))
            assert arrived.wait(PATIENCE), "the sidecar has the first piece before the second was sent"
            line.send(pieces[1])
            answer = line.answer()
            assert answer is not None and answer.status == 200
    finally:
        porch.sidecar.whole = None


@pytest.mark.parametrize(
    ("method", "path", "field"), [("GET", "/files/x", ""), ("POST", "/mcp", "X-Accel-Buffering: no\r\n")]
)
def test_an_answer_that_streams_comes_out_as_it_is_made(
    method: str, path: str, field: str, porch: Porch
) -> None:
    read = threading.Event()

    def pour(received: Received, line: socket.socket) -> None:
        line.sendall(
            b"HTTP/1.1 200 OK\r\n" + field.encode() + b"Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"
        )
        assert read.wait(PATIENCE)
        line.sendall(b"6\r\nsecond\r\n0\r\n\r\n")

    door = porch.workers if path == "/mcp" else porch.sidecar
    door.respond = pour
    try:
        with Line(porch.nginx) as line:
            line.send(porch.ask(f"{method} {path} HTTP/1.1", "Content-Length: 0", "Connection: close"))
            seen = line.until(b"first")
            read.set()
            assert b"second" not in seen and b"second" in line.rest()
    finally:
        read.set()
        door.respond = Upstream.respond
        door.take()


# TLS


def negotiated(nginx: Nginx, lowest: ssl.TLSVersion, highest: ssl.TLSVersion, suites: str = "") -> str:
    """The version and suite of a handshake; what went wrong where there is none."""
    context = ssl.create_default_context(cafile=str(nginx.authority))
    context.minimum_version, context.maximum_version = lowest, highest
    context.set_ciphers((suites or "ALL") + ":@SECLEVEL=0")
    bare = socket.create_connection((nginx.host, nginx.https_port), PATIENCE)
    try:
        with context.wrap_socket(bare, server_hostname=nginx.host) as line:
            return f"{line.version()} {(line.cipher() or ('',))[0]}"
    except ssl.SSLError as error:
        return f"refused: {error.reason}"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_tls_below_1_2_is_refused(version: str, porch: Porch) -> None:
    old = ssl.TLSVersion[version]
    assert "TLSV1_ALERT_PROTOCOL_VERSION" in negotiated(porch.nginx, old, old)


def test_tls_1_3_is_what_a_client_of_today_gets(porch: Porch) -> None:
    got = negotiated(porch.nginx, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.MAXIMUM_SUPPORTED)
    assert got.startswith("TLSv1.3 TLS_")


@pytest.mark.parametrize(
    "suite", ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"], ids=str.lower
)
def test_with_tls_1_2_only_suites_that_keep_a_secret_for_good(suite: str, porch: Porch) -> None:
    two = ssl.TLSVersion.TLSv1_2
    assert negotiated(porch.nginx, two, two, f"ECDHE-ECDSA-{suite}") == f"TLSv1.2 ECDHE-ECDSA-{suite}"


@pytest.mark.parametrize(
    "suite",
    ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-NULL-SHA"],
)
def test_other_suites_are_refused(suite: str, porch: Porch) -> None:
    two = ssl.TLSVersion.TLSv1_2
    assert negotiated(porch.nginx, two, two, suite).startswith("refused: ")


def test_no_ticket_leaves_the_house(porch: Porch) -> None:
    """A session is resumed from nginx's memory: nobody holds what a key could open that leaks later."""
    context = ssl.create_default_context(cafile=str(porch.nginx.authority))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    session = None
    reused = []
    for _ in range(2):
        bare = socket.create_connection((porch.nginx.host, porch.nginx.https_port), PATIENCE)
        with context.wrap_socket(bare, server_hostname=porch.nginx.host, session=session) as line:
            reused.append(line.session_reused)
            session = line.session
            assert session is not None and not session.has_ticket
    assert reused == [False, True]


# Names


@pytest.mark.parametrize(
    ("public", "good", "bad"),
    [
        (
            "https://valet.example",
            ["valet.example", "VALET.Example", "valet.example:443"],
            [
                *("valet.example.", "valet.example:80", "valet.example:", "xvalet.example", "valet-example"),
                *("x.valet.example", "valet.example.evil", "valet.exampl", "127.0.0.1", "443", ""),
                "valet.example:443:443",
            ],
        ),
        ("https://valet.example/", ["valet.example"], ["valet.example:8443"]),
        (
            "https://valet.example:8443",
            ["valet.example:8443", "Valet.example:8443"],
            ["valet.example", "valet.example:443"],
        ),
        ("https://[::1]:8443", ["[::1]:8443"], ["[::1]", "[::2]:8443", "::1"]),
    ],
    ids=["name", "slash", "port", "address"],
)  # fmt: skip
def test_one_name_is_ours(public: str, good: list[str], bad: list[str], tmp_path: Path) -> None:
    with (
        upstreams(2) as (workers, sidecar),
        Nginx(tmp_path, MCP_1=workers.address, CONNECT_1=sidecar.address, PUBLIC_URL=public) as nginx,
    ):
        porch = Porch(nginx, workers, sidecar)
        for hosts, statuses in ((good, {200}), (bad, {400, 421})):
            for host in hosts:
                for line in ("GET /x HTTP/1.1", "GET /mcp HTTP/1.1"):
                    assert porch.say(porch.ask(line, host=host)).status in statuses, host
        ours = public.removeprefix("https://").rstrip("/")
        assert {host for one in workers.take() + sidecar.take() for host in one.all("host")} == {ours}
        moved = in_the_clear(nginx, b"GET /account?h=1 HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert moved.status == 301 and moved.one("location") == f"https://{ours}/account?h=1"


# Plain http


@pytest.mark.parametrize(
    "path", ["/", "/mcp", "//evil.example/x", "/x%0d%0aSet-Cookie:%20a=b", "/x?u=https://evil"]
)
@pytest.mark.parametrize("host", ["evil.example", "HOST", "evil.example:80"])
def test_http_leads_to_https_by_the_configured_name(path: str, host: str, porch: Porch) -> None:
    host = porch.host if host == "HOST" else host
    answer = in_the_clear(porch.nginx, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.status == 301 and answer.one("location") == porch.nginx.url + path
    assert answer.all("set-cookie") == []


@pytest.mark.parametrize("path", ["/mcp", "/token"])
def test_a_secret_in_the_clear_is_refused_and_not_led_on(path: str, porch: Porch) -> None:
    sent = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {CANARY}\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    answer = in_the_clear(porch.nginx, sent.encode())
    assert answer.status == 403 and porch.nginx.url in answer.text and answer.all("location") == []
    assert not porch.workers.take() and not porch.sidecar.take()


def test_answers_to_a_certificate_authority_are_served_and_nothing_beside_them(porch: Porch) -> None:
    folder = porch.nginx.acme / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token-1").write_text("answer-1")
    (porch.nginx.acme / "secret").write_text(CANARY)

    def get(path: str) -> Answer:
        return in_the_clear(porch.nginx, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    assert get("/.well-known/acme-challenge/token-1").body == b"answer-1"
    assert get("/.well-known/acme-challenge/").status in {403, 404}
    assert get("/.well-known/acme-challenge/token-2").status == 404
    for crooked in (
        "/.well-known/acme-challenge/../../secret",
        "/.well-known/acme-challenge/..%2f..%2fsecret",
    ):
        assert CANARY.encode() not in get(crooked).body


# Logs


def test_no_log_holds_a_secret(porch: Porch) -> None:
    handle = "A" * 20 + CANARY + "A" * 10
    porch.get(f"/connect/spotify?h={CANARY}", f"Cookie: a={CANARY}", f"Referer: https://x/?{CANARY}")
    porch.get(f"/files/{CANARY}")
    porch.get(f"/file/{handle}")
    porch.get(f"/link?t={CANARY}", f"Authorization: Bearer {CANARY}")
    porch.get(f"/%66iles/{CANARY}")
    porch.get(f"//files/{CANARY}")
    porch.get(f"/files/../files/{CANARY}")
    porch.post("/token", f"X-A: {CANARY}", body=f"code={CANARY}".encode())
    porch.post("/mcp", f"Authorization: Bearer {CANARY}", body=CANARY.encode())
    porch.say(porch.ask(f"GET https://{porch.host}/files/{CANARY}?x={CANARY} HTTP/1.1"))
    porch.say(porch.ask(f"GET /x?{CANARY} HTTP/1.1", host=f"{CANARY}.example"))
    porch.say(f"GET /x?{CANARY} HTTP/9.9\r\n\r\n".encode())
    porch.say(porch.ask(f"GET /x?{CANARY} HTTP/1.1", f"Content-Length: {CANARY}"))
    porch.post(f"/token?{CANARY}", body=bytes(70_000))
    in_the_clear(porch.nginx, f"GET /files/{CANARY}?x={CANARY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    porch.get("/logged?x=1", 'User-Agent: chat "quoted" \\ \x1b[31m')
    logged = porch.nginx.logged("/logged")
    assert CANARY not in porch.nginx.logs.read_text() + porch.nginx.errors.read_text()
    assert logged["status"] == 200 and logged["address"] == "127.0.0.1" and logged["worker_status"] == "200"
    assert "\x1b" not in porch.nginx.logs.read_text()
    received = [*porch.workers.take(), *porch.sidecar.take()]
    assert logged["request_id"] == received[-1].all("x-request-id")[0], "one number for both logs"


def test_a_line_of_the_log_is_short_and_plain_whatever_was_sent(porch: Porch) -> None:
    """A log that has its most is not to be emptied by a thousand requests, nor made unreadable by one."""
    before = porch.nginx.logs.stat().st_size
    porch.get("/plain", "User-Agent: " + "\x01" * 7_900)
    porch.get("/plain", "User-Agent: chat/1.0 \xff\xfe" + "a" * 7_000)
    porch.get("/plain", "User-Agent: " + "a" * 7_900)
    porch.say(porch.ask("A" * 1_000 + " /plain HTTP/1.1"))
    porch.get("/plainest")
    porch.nginx.logged("/plainest")
    porch.sidecar.take()
    with porch.nginx.logs.open("rb") as log:
        log.seek(before)
        lines = log.read().decode("ascii").splitlines()
    assert max(map(len, lines)) < 700
    called = [json.loads(line)["client"] for line in lines]
    assert called[:4] == ["", "chat/1.0 ", "a" * 160, ""]
    assert json.loads(lines[3])["method"] == "A" * 16


def test_what_went_wrong_is_in_the_access_log_and_its_query_nowhere(tmp_path: Path) -> None:
    first, second = closed(), closed()
    with both(tmp_path, first, second) as nginx:
        Porch(nginx, first, second).get(f"/account?h={CANARY}")
        logged = nginx.logged("/account")
        assert logged["status"] == 503 and first.address in logged["worker"]
        assert CANARY not in nginx.logs.read_text() + nginx.errors.read_text()
