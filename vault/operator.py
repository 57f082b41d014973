"""The operator's data key: small sealed things, and keys derived for one purpose each."""

from __future__ import annotations

from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from vault import envelope
from vault.cache import DekCache
from vault.datakey import DataKey
from vault.ids import operator_id
from vault.secret import Secret
from vault.store.deks import Deks


class Operator:
    """Seals what belongs to no person (PKCE verifiers, successors) and derives keys.

    Everything is HKDF of one data key with the purpose as info, so a leaked derived key opens
    nothing else.
    """

    def __init__(self, key: DataKey) -> None:
        self._key = key
        self._index_key = Secret(bytearray(key.derive("blind-index")))

    def __repr__(self) -> str:
        return "Operator(**)"

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose."""
        return self._key.derive(purpose)

    def seal(self, purpose: str, record: UUID, plaintext: bytes) -> bytes:
        """An envelope bound to the purpose and the record's id."""
        return self._key.seal(envelope.Context(operator_id(), purpose, record, 1), plaintext)

    def open(self, purpose: str, record: UUID, sealed: bytes) -> bytes:
        """What `seal` was given. Raises Sealed."""
        return self._key.open(envelope.Context(operator_id(), purpose, record, 1), sealed)

    def index(self, issuer: str, subject: str) -> bytes:
        """A keyed hash of an upstream identity: comparable inside this database, nowhere else."""
        message = b"".join(
            len(part).to_bytes(4, "big") + part for part in (issuer.encode(), subject.encode())
        )
        keyed = HMAC(self._index_key.reveal(), SHA256())
        keyed.update(message)
        return keyed.finalize()

    def wipe(self) -> None:
        """Zero its keys; nothing can be done with it any more."""
        self._key.wipe()
        self._index_key.wipe()


async def load_operator(deks: Deks, cache: DekCache) -> Operator:
    """Open the operator's key, making it on the first start. Any number of processes may race here.

    Raises Sealed when the key ring is not the one this database was sealed with.
    """
    kept = await deks.operator()
    if kept is None:
        kept = await deks.claim_operator(await cache.fresh(operator_id(), "operator"))
    return Operator(await cache.lasting(kept))
