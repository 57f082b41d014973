"""Whose address a request counts for: the peer's, and a header's word only behind a proxy that is trusted."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from connect.address import NOWHERE, Proxies, client_address

PROXY = Proxies.read(["10.0.0.0/8", "192.0.2.7", "fd00::/8", "::1"])


def request(peer: str | None, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    client = (peer, 40000) if peer is not None else None
    return Request({"type": "http", "headers": headers, "client": client})


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        # No proxy in front: the header is the sender's own word.
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("203.0.113.9", ["10.0.0.1, 10.0.0.2"], "203.0.113.9"),
        # One proxy; what the client had written stands to the left and is not believed.
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4", "198.51.100.1"], "198.51.100.1"),
        ("192.0.2.7", ["198.51.100.1"], "198.51.100.1"),
        ("192.0.2.8", ["198.51.100.1"], "192.0.2.8"),
        # A chain of proxies, each of which added who it had it from.
        ("10.0.0.1", ["1.2.3.4, 198.51.100.1, 10.9.9.9, 192.0.2.7"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1,10.9.9.9", "192.0.2.7"], "198.51.100.1"),
        # Everybody on the way is a proxy: the furthest one asked.
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["", " , "], "10.0.0.1"),
        # What can't be read ends the search; nothing behind it is believed.
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, garbage, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["1.2.3"], "10.0.0.1"),
        ("10.0.0.1", ["999.1.1.1"], "10.0.0.1"),
        ("10.0.0.1", ["\xff\x00;--"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.01"], "10.0.0.1"),
        ("10.0.0.1", ["_hidden"], "10.0.0.1"),
        # Spellings.
        ("10.0.0.1", ["198.51.100.1:443"], "198.51.100.1"),
        ("10.0.0.1", ['"198.51.100.1:443"'], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8:1:2:3:4:5:6]:443"], "2001:db8:1:2::/64"),
        ("10.0.0.1", ['"[2001:db8:1:2::9]"'], "2001:db8:1:2::/64"),
        ("10.0.0.1", ["fe80::1%eth0"], "fe80::/64"),
        # IPv6: the /64 counts; an IPv4 address in an IPv6 coat is that address.
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", [], "2001:db8:1:3::/64"),
        ("fd00::1", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("::ffff:203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        # A Unix socket has no address, and a peer without one is nobody's proxy.
        (None, [], NOWHERE),
        (None, ["198.51.100.1"], NOWHERE),
        ("", ["198.51.100.1"], NOWHERE),
        ("testclient", ["198.51.100.1"], NOWHERE),
    ],
)
def test_whose_address_counts(peer: str | None, forwarded: list[str], counted: str) -> None:
    assert client_address(request(peer, *forwarded), PROXY) == counted


def test_by_default_no_header_is_believed() -> None:
    assert client_address(request("127.0.0.1", "198.51.100.1"), Proxies()) == "127.0.0.1"


def test_only_the_end_of_a_long_header_is_read() -> None:
    chain = ", ".join(["198.51.100.1"] + ["10.0.0.9"] * 50)
    assert client_address(request("10.0.0.1", chain), PROXY) == "10.0.0.9"
    chain = ", ".join(["10.0.0.9"] * 50 + ["198.51.100.1"] + ["10.0.0.9"] * 5)
    assert client_address(request("10.0.0.1", chain), PROXY) == "198.51.100.1"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("nginx", "is not an address"),
        ("10.0.0.0/33", "is not an address"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("0.0.0.0/0", "anybody"),
        ("::/0", "anybody"),
    ],
)
def test_a_network_that_can_not_be_meant_is_explained(entry: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Proxies.read([entry])


def test_a_proxy_on_the_same_link_may_be_named_with_its_zone() -> None:
    named = Proxies.read(["fe80::1%eth0"])
    assert client_address(request("fe80::1", "198.51.100.1"), named) == "198.51.100.1"
    assert client_address(request("fe80::2", "198.51.100.1"), named) == "fe80::/64"
