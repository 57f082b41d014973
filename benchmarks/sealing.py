"""One token set at rest: our envelope beside Fernet, Tink's envelope and FastMCP's encrypted store.

Each `Sealer` does what its library does for one record; what it makes is opened again and compared. Beside
the time it is tried whether a record opens in the place of another, and whether what has no seal is taken.
"""

from __future__ import annotations

import gc
import json
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.wrappers.encryption import FernetEncryptionWrapper
from prometheus_client import CollectorRegistry
from tink import aead, new_keyset_handle

from benchmarks.shapes import BINDING, SEALING
from benchmarks.table import Table, summed
from benchmarks.tokens import token_set
from vault import envelope
from vault.alarms import Alarms
from vault.cache import DekCache
from vault.ids import new_id
from vault.records import context
from vault.rings.file import FileKeyRing

# By row of BINDING: whether each record has a key of its own, and whether it commits to that key, so that
# nobody makes one that opens under two. Both are read in the source. Fernet's HMAC is keyed by one half of
# its key, and passes whatever the other half is; AES-GCM alone commits to nothing.
_READ = {
    "Fernet": ("no", "no"),
    "Tink, KmsEnvelopeAead": ("yes", "no"),
    "FastMCP, encrypted store in memory": ("no", "no"),
    "Valet, data key cached": ("yes", "yes"),
}


class Sealer(ABC):
    """Seals the same token set for the record with some number, and opens it."""

    def __init__(self, plaintext: bytes) -> None:
        self.plaintext = plaintext
        self.opened: Any = plaintext
        """What opening gives."""

    @abstractmethod
    async def seal(self, record: int) -> Any:
        """What rests of it."""

    @abstractmethod
    async def open(self, record: int, sealed: Any) -> Any:
        """What was sealed."""

    def more(self, sealed: Any) -> int:
        """Bytes that rest beside the plaintext's own."""
        return len(sealed) - len(self.plaintext)

    async def moved(self) -> bool:
        """Whether a record opens in the place of another."""
        return await self._opens(2, await self.seal(1))

    async def unsealed(self) -> bool:
        """Whether something that was never sealed is taken."""
        return await self._opens(1, self.plaintext)

    async def _opens(self, record: int, sealed: Any) -> bool:
        try:
            return await self.open(record, sealed) == self.opened
        except Exception:  # noqa: BLE001 - each library refuses with an error of its own
            return False


class OfFernet(Sealer):
    def __init__(self, plaintext: bytes) -> None:
        super().__init__(plaintext)
        self._fernet = Fernet(Fernet.generate_key())

    async def seal(self, record: int) -> bytes:
        return self._fernet.encrypt(self.plaintext)

    async def open(self, record: int, sealed: bytes) -> bytes:
        return self._fernet.decrypt(sealed)


class OfTink(Sealer):
    """With a local key in the place of the key service, and the record as associated data."""

    def __init__(self, plaintext: bytes) -> None:
        super().__init__(plaintext)
        aead.register()
        template = aead.aead_key_templates.AES256_GCM
        self._aead = aead.KmsEnvelopeAead(template, new_keyset_handle(template).primitive(aead.Aead))

    async def seal(self, record: int) -> bytes:
        return self._aead.encrypt(self.plaintext, record.to_bytes(16, "big"))

    async def open(self, record: int, sealed: bytes) -> bytes:
        return self._aead.decrypt(sealed, record.to_bytes(16, "big"))


class OfFastmcp(Sealer):
    """The wrapper of FastMCP's OAuthProxy over a store that costs little."""

    def __init__(self, plaintext: bytes) -> None:
        super().__init__(plaintext)
        self.opened = json.loads(plaintext)
        self._inner = MemoryStore()
        self._store = FernetEncryptionWrapper(self._inner, fernet=Fernet(Fernet.generate_key()))

    async def seal(self, record: int) -> int:
        await self._store.put(str(record), self.opened)
        return record

    async def open(self, record: int, sealed: int) -> dict[str, Any] | None:
        return await self._store.get(str(record))

    def more(self, sealed: int) -> int:
        return len(json.dumps(self._store._encrypt_value(self.opened))) - len(self.plaintext)

    async def moved(self) -> bool:
        await self.seal(1)
        value = await self._inner.get("1")
        assert value is not None
        await self._inner.put("2", value)
        return await self._opens(2, 2)

    async def unsealed(self) -> bool:
        await self._inner.put("1", self.opened)
        return await self._opens(1, 1)


class OfEnvelope(Sealer):
    """Our envelope alone, its data key at hand."""

    def __init__(self, plaintext: bytes) -> None:
        super().__init__(plaintext)
        self._dek = envelope.new_dek()
        self._owner = new_id()

    async def seal(self, record: int) -> bytes:
        return envelope.seal(self._dek, context(self._owner, UUID(int=record), 1), self.plaintext)

    async def open(self, record: int, sealed: bytes) -> bytes:
        return envelope.open_sealed(self._dek, context(self._owner, UUID(int=record), 1), sealed)


class OfVault(Sealer):
    """As the vault does it. `anew`: a data key made and wrapped for each record, and unwrapped to open it."""

    def __init__(self, plaintext: bytes, ring: FileKeyRing, *, anew: bool) -> None:
        super().__init__(plaintext)
        alarms = Alarms(CollectorRegistry())
        self._writes = DekCache(ring, alarms)
        self._reads = DekCache(ring, alarms, seconds=0) if anew else self._writes
        self._owner = new_id()
        self._anew = anew
        self._wrapped: Any = None

    async def seal(self, record: int) -> tuple[Any, bytes]:
        if self._anew or self._wrapped is None:
            self._wrapped = await self._writes.fresh(self._owner, "connection")
        place = context(self._owner, UUID(int=record), 1)
        return self._wrapped, await self._writes.seal(self._wrapped, place, self.plaintext)

    async def open(self, record: int, sealed: tuple[Any, bytes]) -> bytes:
        return await self._reads.open(sealed[0], context(self._owner, UUID(int=record), 1), sealed[1])

    def more(self, sealed: tuple[Any, bytes]) -> int:
        own = len(sealed[0].wrapped) if self._anew else 0
        return len(sealed[1]) + own - len(self.plaintext)

    async def unsealed(self) -> bool:
        return await self._opens(1, ((await self.seal(1))[0], self.plaintext))


@dataclass
class Times:
    """Microseconds of each operation, and what rests beside the plaintext."""

    seals: list[float] = field(default_factory=list)
    opens: list[float] = field(default_factory=list)
    more: int = 0


def sealers(ring: Path) -> dict[str, Sealer]:
    plaintext, keys = token_set(), FileKeyRing(ring)
    return dict(
        zip(
            SEALING.rows,
            (
                OfFernet(plaintext),
                OfTink(plaintext),
                OfFastmcp(plaintext),
                OfEnvelope(plaintext),
                OfVault(plaintext, keys, anew=False),
                OfVault(plaintext, keys, anew=True),
            ),
            strict=True,
        )
    )


async def measure(sealer: Sealer, n: int, times: Times) -> None:
    kept = []
    gc.collect()
    for record in range(n):
        started = time.perf_counter_ns()
        sealed = await sealer.seal(record)
        times.seals.append((time.perf_counter_ns() - started) / 1000)
        kept.append(sealed)
    gc.collect()
    for record, sealed in enumerate(kept):
        started = time.perf_counter_ns()
        opened = await sealer.open(record, sealed)
        times.opens.append((time.perf_counter_ns() - started) / 1000)
        assert opened == sealer.opened
    times.more = sealer.more(kept[0])


async def compare(ring: Path, rounds: int, n: int) -> list[Table]:
    """Times and properties; the sealers take turns, and the first round warms up."""
    contenders = sealers(ring)
    kept = {name: Times() for name in contenders}
    for round_ in range(rounds + 1):
        for name, sealer in contenders.items():
            await measure(sealer, n, kept[name] if round_ else Times())
    speed = Table(
        SEALING, {name: [*summed(one.seals), *summed(one.opens), one.more] for name, one in kept.items()}
    )
    bound = Table(BINDING)
    for name in BINDING.rows:
        (own, commits), sealer = _READ[name], contenders[name]
        bound.cells[name] = [own, _said(await sealer.moved()), commits, _said(await sealer.unsealed())]
    return [speed, bound]


def _said(it: bool) -> str:
    return "yes" if it else "no"
