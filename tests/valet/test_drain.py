"""A worker leaves its port: who reached it is answered, who did not is refused and has sent nothing."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from tests.support.doors import ROOT, environment
from tests.support.ports import free_port

WORKER = """
import asyncio, sys, time, uvloop
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from valet.serve import _Server, _listen

async def echo(request):
    body = await request.body()
    if request.url.path == "/busy":
        time.sleep(0.005)  # as a call does that is being worked on: nothing else has its turn meanwhile
    if request.url.path == "/stream":
        return StreamingResponse(pieces())
    return PlainTextResponse(body)

async def pieces():
    for _ in range(20):
        yield b"piece"
        await asyncio.sleep(0.05)

app = Starlette(routes=[Route("/{path}", echo, methods=["POST"])])
ready, told = (lambda: print("ready", flush=True)), (lambda: print("told", flush=True))
server = _Server(app, ready, told, float(sys.argv[2]))
loop = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[sys.argv[3]]
with asyncio.Runner(loop_factory=loop) as runner:
    runner.run(server.serve(sockets=[_listen("127.0.0.1", int(sys.argv[1]), "x")]))
"""


@contextmanager
def worker(notice: float = 0, loop: str = "uvloop") -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    command = [sys.executable, "-c", WORKER, str(port), str(notice), loop]
    given = environment({"PYTHONPATH": str(ROOT)})
    with subprocess.Popen(command, env=given, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process, port
            assert process.wait(30) == 0
        finally:
            process.kill()


def post(port: int, path: str = "/fast") -> str:
    """A request on a connection of its own: `answered`, `refused` before anything was sent, or what broke."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
            try:
                line.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi".encode())
                answer = http.client.HTTPResponse(line)
                answer.begin()
                return "answered" if answer.read() == b"hi" else "half"
            except (OSError, http.client.HTTPException) as error:
                return type(error).__name__
    except ConnectionRefusedError:
        return "refused"


LOOPS = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


@LOOPS
def test_nobody_who_reached_it_is_lost(loop: str) -> None:
    """Eight at once, a connection for each request, until the port is closed."""
    seen: Counter[str] = Counter()
    enough = threading.Semaphore(0)

    def client() -> None:
        while True:
            came = post(port)
            seen[came] += 1
            enough.release()
            if came != "answered":
                return

    with worker(loop=loop) as (process, port):
        clients = [threading.Thread(target=client) for _ in range(8)]
        for each in clients:
            each.start()
        for _ in range(200):
            assert enough.acquire(timeout=30)
        process.send_signal(signal.SIGTERM)
        for each in clients:
            each.join(30)
    assert set(seen) == {"answered", "refused"} and seen["refused"] == 8


@LOOPS
def test_whoever_waits_in_the_socket_is_still_answered(loop: str) -> None:
    """However many: uvloop takes in one at each of its turns."""
    with worker(loop=loop) as (process, port):
        process.send_signal(signal.SIGSTOP)
        lines = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(100)]
        for line in lines:
            line.sendall(b"POST /busy HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        for line in lines:
            answer = http.client.HTTPResponse(line)
            answer.begin()
            assert (answer.status, answer.read(), answer.getheader("connection")) == (200, b"hi", "close")
            line.close()


def test_who_keeps_a_connection_is_told_that_it_ends() -> None:
    told: list[str | None] = []

    def client() -> None:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as kept:
            while True:
                try:
                    answer = kept.post("/fast", content=b"hi")
                except httpx2.ConnectError:
                    return
                told.append(answer.headers.get("connection"))
                if len(told) == 100:
                    process.send_signal(signal.SIGTERM)

    with worker() as (process, port):
        clients = [threading.Thread(target=client) for _ in range(4)]
        for each in clients:
            each.start()
        for each in clients:
            each.join(30)
            assert not each.is_alive()
    assert told.count("close") >= 4, "each heard of it, and none was cut off"


def test_files_on_their_way_in_and_out_arrive_whole() -> None:
    """One that is given out a piece at a time, and one whose second half comes when the port is closed."""
    with worker() as (process, port):
        head = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\nhalf"
        out, given = (socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(2))
        out.sendall(head.format("/stream", 4).encode())
        streamed = http.client.HTTPResponse(out)
        streamed.begin()
        given.sendall(head.format("/fast", 8).encode())
        process.send_signal(signal.SIGTERM)
        while post(port) != "refused":
            pass
        assert streamed.read() == b"piece" * 20
        given.sendall(b"half")
        answer = http.client.HTTPResponse(given)
        answer.begin()
        assert (answer.status, answer.read(), answer.getheader("connection")) == (200, b"halfhalf", "close")
        out.close()
        given.close()


def test_it_serves_on_for_those_who_have_to_hear_of_it_first() -> None:
    """New connections too, until the time is over or a second signal comes."""
    with worker(notice=300) as (process, port):
        assert process.stdout is not None
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "told\n"
        for _ in range(3):
            answer = httpx2.post(f"http://127.0.0.1:{port}/fast", content=b"hi", trust_env=False)
            assert (answer.text, answer.headers["connection"]) == ("hi", "close")
        process.send_signal(signal.SIGINT)
