"""Fetching a document: over real TLS, from the address that was checked, and within bounds."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connect.fetch import MAX_BYTES, NotFetched, PublicFetcher
from tests.connect.tlshost import Authority, TlsHost, answer, tls_host

HOST = "chat.example"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return authority.server(HOST, tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def host(server: ssl.SSLContext) -> AsyncIterator[TlsHost]:
    async with tls_host(server) as host:
        yield host


class Names:
    """A resolver of the tests': every host is on these addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.addresses


def fetcher(authority: Authority, *addresses: str, seconds: float = 10) -> PublicFetcher:
    """A fetcher that trusts the tests' authority and for which loopback is public."""
    return PublicFetcher(
        authority.trusted(),
        resolve=Names(*(addresses or ("127.0.0.1",))),
        allowed=lambda address: address.startswith("127."),
        seconds=seconds,
    )


def url(host: TlsHost, path: str = "/client.json") -> str:
    return f"https://{HOST}:{host.port}{path}"


async def refused(fetch: PublicFetcher, address: str) -> str:
    with pytest.raises(NotFetched) as caught:
        await fetch.fetch(address)
    assert caught.value.__cause__ is None
    return str(caught.value)


async def test_a_document_comes_over_tls_under_the_hosts_own_name(
    host: TlsHost, authority: Authority
) -> None:
    host.answers["/a/b.json?v=1&x=%2F"] = answer(b"{}", "Cache-Control: public, max-age=600")
    fetched = await fetcher(authority).fetch(url(host, "/a/b.json?v=1&x=%2F"))
    assert (fetched.body, fetched.max_age) == (b"{}", 600)
    assert host.names == [HOST]
    (head,) = host.heads
    assert head.startswith("GET /a/b.json?v=1&x=%2F HTTP/1.1\r\n")
    assert f"\r\nHost: {HOST}:{host.port}\r\n" in head
    lower = head.lower()
    assert "accept-encoding: identity" in lower
    assert "cookie" not in lower and "authorization" not in lower


async def test_the_certificate_must_be_the_hosts(host: TlsHost, authority: Authority) -> None:
    host.answers["/client.json"] = answer(b"{}")
    elsewhere = f"https://other.example:{host.port}/client.json"
    assert await refused(fetcher(authority), elsewhere) == "could not be reached"
    stranger = PublicFetcher(resolve=Names("127.0.0.1"), allowed=lambda _: True)
    assert await refused(stranger, url(host)) == "could not be reached"
    assert host.heads == []


async def test_a_name_in_punycode_is_not_translated_into_anothers(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`straße.de` and `strasse.de` are two hosts; by rules of 2003 the first is written like the second."""
    name = "xn--strae-oqa.example"
    real, asked = socket.getaddrinfo, list[str]()

    def here(host: Any, *more: Any, **named: Any) -> Any:
        asked.append(host.encode("idna").decode())
        return real("127.0.0.1", *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    async with tls_host(authority.server(name, tmp_path)) as host:
        host.answers["/client.json"] = answer(b"{}")
        fetch = PublicFetcher(authority.trusted(), allowed=lambda _: True)
        assert (await fetch.fetch(f"https://{name}:{host.port}/client.json")).body == b"{}"
    assert (asked, host.names) == ([name], [name])
    async with tls_host(authority.server("strasse.example", tmp_path)) as other:
        other.answers["/client.json"] = answer(b"{}")
        address = f"https://{name}:{other.port}/client.json"
        assert await refused(fetch, address) == "could not be reached"
        assert other.heads == []


async def test_every_address_must_be_public_and_nothing_is_connected_to(
    host: TlsHost, authority: Authority
) -> None:
    host.answers["/client.json"] = answer(b"{}")
    for addresses in (("127.0.0.1", "10.0.0.1"), ("10.0.0.1", "127.0.0.1"), ("::1",), ()):
        assert (
            await refused(fetcher(authority, *addresses) if addresses else _nowhere(authority), url(host))
            == "could not be reached"
        )
    real = PublicFetcher(authority.trusted(), resolve=Names("127.0.0.1"))
    assert await refused(real, url(host)) == "could not be reached"
    assert host.names == []


def _nowhere(authority: Authority) -> PublicFetcher:
    return PublicFetcher(authority.trusted(), resolve=Names(), allowed=lambda _: True)


async def test_the_name_is_resolved_once_and_the_checked_address_used(
    server: ssl.SSLContext, authority: Authority
) -> None:
    """Rebinding: whatever the name says a moment later does not matter."""
    names = Names("127.0.0.2")
    checked: list[str] = []

    def allowed(address: str) -> bool:
        checked.append(address)
        names.addresses = ("10.0.0.1",)
        return True

    async with tls_host(server, "127.0.0.2") as host:
        host.answers["/client.json"] = answer(b"{}")
        fetch = PublicFetcher(authority.trusted(), resolve=names, allowed=allowed)
        assert (await fetch.fetch(url(host))).body == b"{}"
    assert (names.asked, checked) == ([(HOST, host.port)], ["127.0.0.2"])


async def test_the_next_address_is_tried_when_one_is_dead(host: TlsHost, authority: Authority) -> None:
    host.answers["/client.json"] = answer(b"{}")
    assert (await fetcher(authority, "127.0.0.9", "127.0.0.1").fetch(url(host))).body == b"{}"


async def test_a_redirect_is_not_followed(host: TlsHost, authority: Authority) -> None:
    host.answers["/inside"] = answer(b"{}")
    for status in ("301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"):
        for target in (url(host, "/inside"), "http://169.254.169.254/latest/meta-data/"):
            host.answers["/client.json"] = answer(b"", f"Location: {target}", status=status)
            assert "redirect" in await refused(fetcher(authority), url(host))
    assert all(head.startswith("GET /client.json ") for head in host.heads)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (answer(b"{}", status="404 Not Found"), "status 404"),
        (answer(b"{}", status="500 Broken"), "status 500"),
        (answer(b"{}", status="201 Created"), "status 201"),
        (answer(b"{}", kind="text/html"), "not JSON"),
        (answer(b"{}", kind="application/jsonish"), "not JSON"),
        (answer(b"{}", kind="text/x+json"), "not JSON"),
        (answer(gzip.compress(b"{}"), "Content-Encoding: gzip"), "compressed"),
        (answer(b" " * (MAX_BYTES + 1)), "more than 5 KB"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "could not be reached"),
        (b"", "could not be reached"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{}", "reached"),
    ],
)
async def test_what_is_no_small_json_document_is_refused(
    host: TlsHost, authority: Authority, given: bytes, said: str
) -> None:
    host.answers["/client.json"] = given
    assert said in await refused(fetcher(authority), url(host))


async def test_the_largest_document_fits_and_kinds_of_json_count(host: TlsHost, authority: Authority) -> None:
    host.answers["/client.json"] = answer(
        b" " * MAX_BYTES, kind="application/ld+json; charset=utf-8", status="200 OK"
    )
    assert len((await fetcher(authority).fetch(url(host))).body) == MAX_BYTES


async def test_a_document_without_end_is_cut_off(host: TlsHost, authority: Authority) -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        while True:
            writer.write(b"400\r\n" + b" " * 1024 + b"\r\n")
            await writer.drain()
            sent += 1024

    host.answers["/client.json"] = endless
    assert "more than 5 KB" in await refused(fetcher(authority), url(host))


async def test_a_slow_host_is_given_up_on(host: TlsHost, authority: Authority) -> None:
    """A byte now and then keeps a read alive; the whole fetch has one deadline."""

    async def slow(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    host.answers["/client.json"] = slow
    begun = time.monotonic()
    assert await refused(fetcher(authority, seconds=0.5), url(host)) == "could not be reached"
    assert 0.4 < time.monotonic() - begun < 5


async def test_a_resolver_that_hangs_or_fails_is_given_up_on(authority: Authority) -> None:
    async def hangs(*_: object) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async def fails(*_: object) -> Sequence[str]:
        raise OSError("Name or service not known")

    async def odd(*_: object) -> Sequence[str]:
        raise UnicodeError("label too long")

    for resolve in (hangs, fails, odd):
        fetch = PublicFetcher(authority.trusted(), resolve=resolve, allowed=lambda _: True, seconds=0.2)
        assert await refused(fetch, f"https://{HOST}/client.json") == "could not be reached"


async def test_names_that_never_resolve_hold_up_nobody_else(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked, answered = socket.getaddrinfo, threading.Event(), threading.Event()

    def slow(host: Any, *more: Any, **named: Any) -> Any:
        if host == HOST:
            asked.set()
            answered.wait(20)
            raise socket.gaierror("no answer")
        return real(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    fetch = PublicFetcher(authority.trusted(), seconds=15)
    waiting = [asyncio.create_task(refused(fetch, f"https://{HOST}/{n}")) for n in range(40)]
    try:
        async with asyncio.timeout(60):
            while not asked.is_set():
                await asyncio.sleep(0.01)
            assert await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
    finally:
        answered.set()
    assert set(await asyncio.gather(*waiting)) == {"could not be reached"}


async def test_proxies_of_the_environment_are_not_used(
    host: TlsHost, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    host.answers["/client.json"] = answer(b"{}")
    assert (await fetcher(authority).fetch(url(host))).body == b"{}"


async def test_how_long_to_keep_is_read_with_care(host: TlsHost, authority: Authority) -> None:
    for header, age in (
        ("max-age=60", 60),
        ('public, MAX-AGE="61" , immutable', 61),
        ("s-maxage=5", None),
        ("x-max-age=5", None),
        ("max-age=-1", None),
        ("max-age=99999999999", None),
        ("no-store", None),
    ):
        host.answers["/client.json"] = answer(b"{}", f"Cache-Control: {header}")
        assert (await fetcher(authority).fetch(url(host))).max_age == age
