"""A client that sends bytes, whatever they are, and an upstream that notes the bytes it gets."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.support.nginx import Nginx
from tests.support.ports import free_port

PATIENCE = 20.0
"""Seconds for anything to come at all."""


@dataclass
class Answer:
    """One answer as it came."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Each value of a header."""
        return [value for key, value in self.fields if key == name.lower()]

    def one(self, name: str) -> str:
        """The value of a header that is there once."""
        [value] = self.all(name)
        return value

    @property
    def text(self) -> str:
        return self.body.decode()


class Line:
    """One connection to nginx: with TLS, or to its plain port. `source` is our own address on it."""

    def __init__(
        self, nginx: Nginx, source: str = "127.0.0.1", *, plain: bool = False, slow: bool = False
    ) -> None:
        six = ":" in source
        bare = socket.socket(socket.AF_INET6 if six else socket.AF_INET)
        if slow:
            # Before it is connected, or it has been promised more room already. By small segments, for the
            # kernel keeps room for ten of them, and on loopback those would take any answer of ours.
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        bare.settimeout(PATIENCE)
        bare.bind((source, 0))
        bare.connect(("::1" if six else nginx.host, nginx.http_port if plain else nginx.https_port))
        if plain:
            self._socket = bare
        else:
            context = ssl.create_default_context(cafile=str(nginx.authority))
            self._socket = context.wrap_socket(bare, server_hostname=nginx.host)
        self._in = self._socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """What is already refused need not be taken any more."""
        with suppress(OSError):
            self._socket.sendall(data)

    def answer(self) -> Answer | None:
        """The next answer; None where the line was closed instead."""
        try:
            return _read(self._in)
        except OSError:
            return None

    def answers(self) -> list[Answer]:
        """All until it is closed."""
        found = []
        while (one := self.answer()) is not None:
            found.append(one)
        return found

    def until(self, text: bytes) -> bytes:
        """Bytes up to the line that ends with that."""
        seen = b""
        while text not in seen:
            line = self._in.readline()
            assert line, seen
            seen += line
        return seen

    def rest(self) -> bytes:
        """All bytes until it is closed."""
        try:
            return self._in.read()
        except OSError:
            return b""

    def close(self) -> None:
        with suppress(OSError):
            self._in.close()
            self._socket.close()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read(stream: object) -> Answer | None:
    line = stream.readline()  # type: ignore[attr-defined]
    if not line:
        return None
    status = int(line.split()[1])
    fields = []
    while (line := stream.readline().rstrip(b"\r\n")) != b"":  # type: ignore[attr-defined]
        name, _, value = line.decode("latin-1").partition(":")
        fields.append((name.lower(), value.strip()))
    answer = Answer(status, fields, b"")
    if 100 <= status < 200:
        return _read(stream)
    if answer.all("transfer-encoding"):
        answer.body = _chunks(stream)
    elif answer.all("content-length"):
        answer.body = stream.read(int(answer.one("content-length")))  # type: ignore[attr-defined]
    return answer


def _chunks(stream: object) -> bytes:
    body = b""
    while True:
        size = int(stream.readline().split(b";")[0], 16)  # type: ignore[attr-defined]
        body += stream.read(size)  # type: ignore[attr-defined]
        stream.readline()  # type: ignore[attr-defined]
        if size == 0:
            return body


@dataclass
class Received:
    """One connection to an upstream: what was asked, and what came after it."""

    head: bytes
    body: bytes = b""
    more: bytes = b""

    @property
    def line(self) -> str:
        """Method and path."""
        return " ".join(self.head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")[:-1])

    def all(self, name: str) -> list[str]:
        """Each value of a header."""
        pairs = [line.decode("latin-1").partition(":") for line in self.head.split(b"\r\n")[1:] if line]
        return [value.strip() for key, _, value in pairs if key.lower() == name.lower()]


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
Respond = Callable[[Received, socket.socket], None]


def fine(received: Received, line: socket.socket) -> None:
    """Say that all is well."""
    line.sendall(OK)


@dataclass
class Upstream:
    """A port that notes what it gets, and answers by `respond`."""

    respond: Respond = fine
    whole: Callable[[socket.socket], None] | None = None
    port: int = 0
    received: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Of the tests' own: one that the system gave out would be somebody's next, once it is closed.
        self.port = self.port or free_port()
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self._ended = threading.Condition()
        self._begun = self._done = 0
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        """Refuse connections from now on."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def expect(self, count: int) -> None:
        """Wait until so many requests have come, answered or not."""
        with self._ended:
            assert self._ended.wait_for(lambda: len(self.received) >= count, PATIENCE)

    def take(self) -> list[Received]:
        """What came since the last time, once all of it has ended."""
        with self._ended:
            assert self._ended.wait_for(lambda: self._begun == self._done, PATIENCE)
            found, self.received = self.received, []
            return found

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            with self._ended:
                self._begun += 1
            threading.Thread(target=self._one, args=(line,), daemon=True).start()

    def _one(self, line: socket.socket) -> None:
        line.settimeout(PATIENCE)
        try:
            with line:
                if self.whole is not None:
                    self.whole(line)
                    return
                stream = line.makefile("rb")
                head = b"".join(iter(stream.readline, b"\r\n")) if stream.peek(1) else b""
                if not head:
                    return
                received = Received(head)
                with self._ended:
                    self.received.append(received)
                    self._ended.notify_all()
                if received.all("transfer-encoding"):
                    received.body = _chunks(stream)
                else:
                    received.body = stream.read(int((received.all("content-length") or ["0"])[0]))
                self.respond(received, line)
                with suppress(OSError):
                    line.shutdown(socket.SHUT_WR)
                    received.more = stream.read()
        except OSError:
            pass
        finally:
            with self._ended:
                self._done += 1
                self._ended.notify_all()


def in_the_clear(nginx: Nginx, data: bytes) -> Answer:
    """What is answered to that at the port without TLS."""
    with Line(nginx, plain=True) as line:
        line.send(data)
        answer = line.answer()
    assert answer is not None
    return answer


@contextmanager
def upstreams(count: int) -> Iterator[list[Upstream]]:
    """So many of them, for as long as the block."""
    made = [Upstream() for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            one.close()
