"""Which addresses a fetch that a stranger asked for may reach: public ones, and no others.

`ipaddress` does the reading. Its `is_global` differs between versions of Python and lets some through that
lead inside, so what is special is listed here too (IANA special-purpose registries, RFC 6890).
"""

from __future__ import annotations

import ipaddress

_SPECIAL4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments; a cloud keeps its metadata at 192.0.0.192
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # the host of a virtual machine at Azure: public by number, inside by route
    )
)
_UNICAST6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
        "2002::/16",  # 6to4, given up by RFC 7526; it hides an IPv4 address
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Is this the address of a host on the public internet? An IPv4 address inside an IPv6 one counts too."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return _public4(ip)
    if ip.ipv4_mapped is not None:
        return _public4(ip.ipv4_mapped)
    if ip in _NAT64:
        return _public4(ipaddress.IPv4Address(ip.packed[-4:]))
    special = any(ip in network for network in _SPECIAL6)
    return ip in _UNICAST6 and ip.is_global and not special


def _public4(ip: ipaddress.IPv4Address) -> bool:
    special = ip.is_multicast or ip.is_reserved or any(ip in network for network in _SPECIAL4)
    return ip.is_global and not special
