"""The doctor's question through the public address: who gets an answer, and what it proves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from connect.address import Proxies
from connect.probe import PASSAGE, PATH, PIECES, Probe
from vault import probing

KEY, OTHER = b"k" * 32, b"o" * 32


@pytest.fixture
def client() -> TestClient:
    probe = Probe(KEY, Proxies.read(["127.0.0.1"]), "1.2.3")
    return TestClient(Starlette(routes=list(probe.routes())), client=("127.0.0.1", 5))


@pytest.mark.parametrize("asked", ["", "x", "a.b", probing.question(OTHER), "é.ü"], ids=range(5))
def test_nothing_is_there_for_who_has_not_the_key(client: TestClient, asked: str) -> None:
    for method, path in (("GET", PATH), ("GET", PASSAGE), ("POST", PASSAGE)):
        answer = client.request(method, path, headers={probing.HEADER: asked.encode()})
        assert answer.status_code == 404 and "1.2.3" not in answer.text
        assert probing.PROOF not in answer.headers


def test_the_answer_says_what_arrived_and_proves_itself(client: TestClient) -> None:
    asked = probing.question(KEY)
    answer = client.get(PATH, headers={probing.HEADER: asked, "X-Forwarded-For": "192.0.2.9"})
    seen = answer.json()
    assert (seen["address"], seen["peer"], seen["trusted"]) == ("192.0.2.9", "127.0.0.1", True)
    assert seen["forwarded"] is True and answer.headers["Cache-Control"] == "no-store"
    found = answer.headers[probing.PROOF]
    assert probing.proves(KEY, asked, answer.content, found)
    assert not probing.proves(KEY, asked, answer.content + b" ", found), "another body"
    assert not probing.proves(KEY, probing.question(KEY), answer.content, found), "an answer of before"
    assert not probing.proves(OTHER, asked, answer.content, found)
    assert KEY.hex() not in repr(Probe(KEY, Proxies(), ""))


def test_a_file_that_is_none_goes_out_in_pieces_and_comes_in_unread(client: TestClient) -> None:
    asked = probing.question(KEY)
    out = client.get(PASSAGE, headers={probing.HEADER: asked})
    assert out.content == b"".join(PIECES)
    assert probing.proves(KEY, asked, out.content, out.headers[probing.PROOF])

    def body() -> Iterator[bytes]:
        yield b"x"
        raise AssertionError("nobody asks for more")

    taken = client.post(PASSAGE, headers={probing.HEADER: asked, "Content-Length": "1000"}, content=body())
    assert taken.content == b"" and probing.proves(KEY, asked, b"", taken.headers[probing.PROOF])
