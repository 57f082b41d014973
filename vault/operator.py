"""The operator's data key: small sealed things, and keys derived for one purpose each."""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

from vault import envelope
from vault.alarms import Alarms
from vault.cache import DekCache, open_sealed
from vault.ids import new_id, operator_id
from vault.store.deks import Deks, WrappedDek


class Operator:
    """Seals what belongs to no person (PKCE verifiers, successors) and derives keys.

    Everything is HKDF of one data key with the purpose as info, so a leaked derived key opens
    nothing else.
    """

    def __init__(self, dek: bytes, alarms: Alarms) -> None:
        self._dek = dek
        self._alarms = alarms
        self._index_key = envelope.derive(dek, "blind-index")

    def __repr__(self) -> str:
        return "Operator(**)"

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose."""
        return envelope.derive(self._dek, purpose)

    def seal(self, purpose: str, record: UUID, plaintext: bytes) -> bytes:
        """An envelope bound to the purpose and the record's id."""
        return envelope.seal(self._dek, envelope.Context(operator_id(), purpose, record, 1), plaintext)

    def open(self, purpose: str, record: UUID, sealed: bytes) -> bytes:
        """What `seal` was given. Raises Sealed."""
        context = envelope.Context(operator_id(), purpose, record, 1)
        return open_sealed(self._dek, context, sealed, self._alarms)

    def index(self, issuer: str, subject: str) -> bytes:
        """A keyed hash of an upstream identity: comparable inside this database, nowhere else."""
        message = b"".join(
            len(part).to_bytes(4, "big") + part for part in (issuer.encode(), subject.encode())
        )
        return hmac.new(self._index_key, message, hashlib.sha256).digest()


async def load_operator(deks: Deks, cache: DekCache) -> Operator:
    """Open the operator's key, making it on the first start. Any number of processes may race here.

    Raises Sealed when the key ring is not the one this database was sealed with.
    """
    kept = await deks.operator()
    if kept is None:
        blank = WrappedDek(new_id(), operator_id(), "operator", "", b"")
        kept = await deks.claim_operator(await cache.wrap(blank, envelope.new_dek()))
    return Operator(await cache.get(kept), cache.alarms)
