"""Fetching one small JSON document from a public https address that a stranger named.

Server-side request forgery is what this guards against (MCP security best practices, "SSRF against
authorization servers"): every address of the host must be public, the connection goes to the address that was
checked, TLS is verified for the host's name, no redirect is followed and no proxy of the environment used.
The fetch never goes to the emulator.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

import httpx2
import structlog

from connect.reach import is_public

_log = structlog.get_logger(__name__)

MAX_BYTES = 5 * 1024
"""The most bytes a document may have (draft-ietf-oauth-client-id-metadata-document-02 §4)."""
SECONDS = 10.0
"""The most a fetch may take, from the name to the last byte."""

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "Valet"}
_MAX_AGE = re.compile(r"(?:^|,)\s*max-age=\"?(\d{1,9})\"?\s*(?:,|$)", re.IGNORECASE)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""`(host, port) -> its IP addresses`. Raises OSError."""


class NotFetched(Exception):
    """There is no document to read. The text completes "The host …", and says nothing of our network."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document as it came: its bytes, and for how many seconds its host would have it kept."""

    body: bytes
    max_age: int | None


class Fetcher(Protocol):
    """Whatever fetches a document."""

    async def fetch(self, url: str) -> Fetched:
        """The document at `url`, an https URL that was checked. Raises NotFetched."""


class Names:
    """The addresses of a host, as the system knows them.

    In threads of its own: a name whose server never answers holds one up for long, and the event loop's own
    threads look up the providers' hosts.
    """

    def __init__(self, threads: int = 4) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="names")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Each address once. Raises OSError, and UnicodeError for what can't be a name."""
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class PublicFetcher:
    """Fetches over https from public hosts. `tls` holds the authorities that are trusted.

    `resolve`, `allowed` and `seconds` are for tests.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        *,
        resolve: Resolve | None = None,
        allowed: Callable[[str], bool] = is_public,
        seconds: float = SECONDS,
    ) -> None:
        self._tls = tls or httpx2.create_ssl_context(trust_env=False)
        self._resolve = resolve or Names()
        self._allowed = allowed
        self._seconds = seconds

    async def fetch(self, url: str) -> Fetched:
        """The document at `url`. Raises NotFetched."""
        host = urlsplit(url).hostname or ""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._fetch(httpx2.URL(url))
        except (TimeoutError, OSError, httpx2.TransportError, httpx2.InvalidURL, UnicodeError) as error:
            # One sentence for all of these: which it was would tell a stranger about the network we are in.
            _log.info("document_unreachable", host=host, error=type(error).__name__)
            raise NotFetched("could not be reached") from None

    async def _fetch(self, url: httpx2.URL) -> Fetched:
        addresses = await self._resolve(_name(url), url.port or 443)
        if not addresses or not all(self._allowed(address) for address in addresses):
            raise OSError("not a public address")
        for address in addresses[:-1]:
            try:
                return await self._get(url, address)
            except httpx2.ConnectError:
                continue
        return await self._get(url, addresses[-1])

    async def _get(self, url: httpx2.URL, address: str) -> Fetched:
        """Ask the host at this one address; TLS still proves the host's name."""
        request = httpx2.Request(
            "GET",
            url.copy_with(host=address),
            headers={**_HEADERS, "Host": url.netloc.decode("ascii")},
            extensions={
                "sni_hostname": _name(url),
                "timeout": httpx2.Timeout(self._seconds, connect=self._seconds / 2).as_dict(),
            },
        )
        # A transport of its own: a pooled connection would be shared by hosts on one address, and TLS had
        # proven only the first one's name.
        async with httpx2.AsyncHTTPTransport(verify=self._tls, trust_env=False, http1=True) as transport:
            response = await transport.handle_async_request(request)
            try:
                _check(response)
                return Fetched(await _body(response), _max_age(response))
            finally:
                await response.aclose()


def _name(url: httpx2.URL) -> str:
    """The host as it stands in the id, in ASCII.

    `URL.host` is read for people: `xn--strae-oqa.de` becomes `straße.de`. The resolver and TLS would write
    that in ASCII again by the older rules of Python (IDNA 2003), as `strasse.de`: somebody else's host, which
    would then vouch for this one.
    """
    return url.raw_host.decode("ascii")


def _check(response: httpx2.Response) -> None:
    if 300 <= response.status_code < 400:
        raise NotFetched("answered with a redirect, which is not followed")
    if response.status_code != 200:
        raise NotFetched(f"answered with status {response.status_code}")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise NotFetched("answered with something that is not JSON")
    if response.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise NotFetched("answered with a compressed document, which was not asked for")


async def _body(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BYTES:
            raise NotFetched(f"answered with more than {MAX_BYTES // 1024} KB")
    return bytes(body)


def _max_age(response: httpx2.Response) -> int | None:
    found = _MAX_AGE.search(response.headers.get("cache-control", ""))
    return int(found[1]) if found else None
