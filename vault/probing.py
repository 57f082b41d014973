"""A question that only whoever has the operator's key can ask, and an answer that only this Valet can give.

The doctor sends the question through the public address. What comes back shows whether it is this very Valet
that answers there, and what arrived of the request. A question may be repeated by whoever saw it: the answer
speaks of nothing but the request that asks.
"""

from __future__ import annotations

import hmac
import secrets

HEADER = "Valet-Probe"
"""Carries the question."""

PROOF = "Valet-Proof"
"""Carries what proves the answer's body."""

_LONGEST = 200


def question(key: bytes) -> str:
    """A new question."""
    nonce = secrets.token_hex(16)
    return f"{nonce}.{_mac(key, 'ask', nonce.encode())}"


def asked(key: bytes, text: str) -> bool:
    """Whether that is a question of somebody who has the key."""
    nonce, _, found = text[:_LONGEST].partition(".")
    return _same(found, _mac(key, "ask", nonce.encode()))


def proof(key: bytes, text: str, body: bytes) -> str:
    """What proves that `body` answers the question `text`."""
    return _mac(key, "answer", text.encode(), body)


def proves(key: bytes, text: str, body: bytes, found: str) -> bool:
    """Whether `found` is that."""
    return _same(found, proof(key, text, body))


def _mac(key: bytes, *parts: bytes | str) -> str:
    mac = hmac.new(key, digestmod="sha256")
    for part in parts:
        plain = part.encode() if isinstance(part, str) else part
        mac.update(len(plain).to_bytes(4, "big") + plain)
    return mac.hexdigest()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="replace"), other.encode())
