"""How requests are read off a line: by httptools, which bounds nothing, within bounds and rules of our own.

What has come of a request without being its body is at most `MOST` bytes: request line and headers, whole or
not, and what stands between the chunks of a body and after them. So nobody fills the memory with one header
that never ends. What two readers could take for different requests (RFC 9112, 11.2) is refused here or by the
parser, which is strict: more than one Host, another transfer coding than `chunked`, a target that is no path.
"""

from __future__ import annotations

from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MOST = 65_536
"""Bytes of a request beside its body."""
_FRAMING = (b"content-length", b"transfer-encoding")
_FRAMES = 6
"""Bytes on the line for one of the body, where each comes in a chunk of its own: `1\\r\\nx\\r\\n`."""


class _TooLarge(Exception):
    """There is more of a head than is read."""


class _Refused(Exception):
    """It is not a request that is served here, whatever it is to the parser."""


class Heads(HttpToolsProtocol):
    """uvicorn's protocol over httptools, for one connection."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._headed = True
        self._fed = self._named = self._body = 0
        self._done = self._again = False

    def data_received(self, data: bytes) -> None:
        """Read on; after a fault nothing more is read."""
        if self._done:
            return
        self._unset_keepalive_if_required()
        self._fed += len(data)
        try:
            while data:
                data = self._feed(data)
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, _TooLarge):
                self._refuse(431, "The head of this request is too large.")
            else:
                self._refuse(400, "Invalid HTTP request received.")
        else:
            if self._fed > MOST + _FRAMES * self._body:
                self._refuse(431, "The head of this request is too large.")

    def _feed(self, data: bytes) -> bytes:
        """Read on; what is left where a request asked for another protocol."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Nothing here speaks anything else (RFC 9110, 7.8: then it is not heeded). To the parser the
            # request is over, so its body is read by another one, as that of the same framing.
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self._again = True
            framing = [b"%b: %b\r\n" % each for each in self.headers if each[0] in _FRAMING]
            self.parser.feed_data(b"POST / HTTP/1.1\r\nhost: a\r\n%b\r\n" % b"".join(framing))
            return data[upgrade.args[0] :]
        return b""

    def on_message_begin(self) -> None:
        """A request begins; what came before it in the same piece is another's."""
        if self._again:
            return
        super().on_message_begin()
        self._fed = self._fed if self._headed and not self._body else 0
        self._headed = False
        self._named = self._body = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        if self._again:
            return
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header. What comes after a body is none: a trailer says nothing to anybody here."""
        if not self._headed:
            self._count(len(name) + len(value))
            super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        """The head is whole: serve it, unless it could be read in two ways."""
        if self._again:
            self._again = False
            return
        self._headed = True
        if not _clear(self.parser.get_http_version(), self.url, self.headers):
            raise _Refused
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _count(self, size: int) -> None:
        self._named += size
        if self._named > MOST:
            raise _TooLarge

    def _refuse(self, status: int, sentence: str) -> None:
        """Say so, where it is this request's turn, and end the connection."""
        self._done = True
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False  # those before it are answered first, and the last of them ends it
            return
        begun = cycle is not None and not cycle.response_complete and cycle.response_started
        if not begun and not self.pipeline:
            kind = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
            length = b"content-length: %d\r\n\r\n" % len(sentence)
            self.transport.write(STATUS_LINE[status] + kind + length + sentence.encode())
        self.transport.close()


def _clear(version: str, target: bytes, headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether there is one way only to read that head (RFC 9112, 3.2 and 6.1)."""
    hosts = sum(name == b"host" for name, _ in headers)
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    return (
        version in {"1.0", "1.1"}
        and target.startswith(b"/")
        and b"#" not in target
        and (hosts == 1 or (hosts == 0 and version == "1.0"))
        and (not codings or (codings == [b"chunked"] and version == "1.1"))
    )
