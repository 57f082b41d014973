"""Which addresses a stranger may make us reach."""

from __future__ import annotations

import pytest

from connect.reach import is_public


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "160.79.104.10",
        "1.1.1.1",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001:81b::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ],
)
def test_public_addresses_are_reached(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        # This machine, this network, nowhere.
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "::1", "::",
        # Private networks, carrier NAT, link-local.
        "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255",
        "169.254.1.1", "fc00::1", "fd12:3456:789a::1", "fe80::1", "fe80::1%eth0", "fec0::1",
        # Metadata services of clouds: AWS, Azure's host, Oracle, Alibaba, AWS over IPv6.
        "169.254.169.254", "168.63.129.16", "192.0.0.192", "100.100.100.200", "fd00:ec2::254",
        # Multicast, broadcast, reserved, documentation, benchmarks, relays.
        "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.51.100.1",
        "203.0.113.1", "198.18.0.1", "192.88.99.1", "ff02::1", "ff0e::1", "2001:db8::1", "3fff::1", "100::1",
        "5f00::1", "4000::1",
        # IPv4 inside IPv6: mapped, compatible, NAT64, local NAT64, 6to4, Teredo.
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1",
        "::127.0.0.1", "::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::8.8.8.8", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "2002:a00:1::1", "2002:808:808::1",
        "2001:0:808:808::1", "2001:0:7f00:1::1",
        # No address at all.
        "", "localhost", "2130706433", "0x7f000001", "127.1", "0177.0.0.1", "8.8.8.8:443", "[::1]", " 8.8.8.8"
    ],
)  # fmt: skip
def test_all_others_are_not(address: str) -> None:
    assert not is_public(address)
