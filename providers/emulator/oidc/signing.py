"""The key that signs identities here: P-256, so ES256 (RFC 7518 §3.4)."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


class Key:
    """One signing key, new at every start."""

    def __init__(self) -> None:
        self._id = secrets.token_hex(8)
        self._key = _new()

    def published(self) -> dict[str, Any]:
        """The JSON Web Key Set (RFC 7517)."""
        point = self._key.public_key().public_numbers()
        x, y = (_b64(number.to_bytes(32, "big")) for number in (point.x, point.y))
        key = {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self._id, "x": x, "y": y}
        return {"keys": [key]}

    def sign(self, claims: Mapping[str, Any], *, forged: bool = False) -> str:
        """A JWT; `forged`: another key signs under the published id."""
        header = {"alg": "ES256", "kid": self._id, "typ": "JWT"}
        text = ".".join(_b64(json.dumps(part).encode()) for part in (header, claims))
        signer = _new() if forged else self._key
        r, s = decode_dss_signature(signer.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _new() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
