"""The token set that is sealed everywhere."""

from __future__ import annotations

from pydantic import SecretStr

from benchmarks.shapes import BYTES
from vault.records import Tokens, encode


def tokens() -> tuple[str, str]:
    """An access and a refresh token: together, and as the body of a connection, `BYTES` bytes."""
    refresh = "r" * 512
    return "a" * (BYTES - len(_body("", refresh))), refresh


def token_set() -> bytes:
    """The plaintext of a connection's body."""
    return _body(*tokens())


def _body(access: str, refresh: str) -> bytes:
    return encode(Tokens(SecretStr(access), SecretStr(refresh)), "google", "operator")
