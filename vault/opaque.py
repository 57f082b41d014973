"""Opaque tokens of our own: 256 random bits for the bearer, SHA-256 for the row.

A fast hash is enough because the input has 256 bits of entropy: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import secrets

from pydantic import SecretStr


def mint(prefix: str = "") -> SecretStr:
    """A new token: `prefix` and 43 characters of base64url."""
    return SecretStr(prefix + secrets.token_urlsafe(32))


def digest(text: str) -> bytes:
    """What the database keeps of a token: 32 bytes of SHA-256."""
    return hashlib.sha256(text.encode()).digest()
