"""A key ring at AWS KMS: the keys never leave it, and every wrap and unwrap is one call.

    reference        `awskms:` and the ARN of the key that wrapped, which never changes
    wrapped bytes    what Encrypt answered, opaque
    context          goes along as encryption context: `place`, SHA-256 of reference and context. It stands in
                     CloudTrail in clear, so it says of nobody who they are; equal places look equal there

Only keys that the setting names are ever asked to unwrap, whatever a row says: the reference has to be one
of them, and KMS is told which one to use. The first wraps. An alias is looked up once, at the start.

KMS rotates the bytes behind a key by itself and opens what older ones wrapped; the reference stays the same.

What KMS says and what it means here:

    the bytes were not made by this key for this place   Tampered
    there is no such key (any more)                      UnknownKey, for an unwrap
    disabled, about to be deleted, not allowed, throttled, broken, out of reach, too slow      Away

The last kind leaves every wrapped key as good as it was, whoever is to blame: so nobody's connection is
given up for a permission that an operator mistyped. This module needs boto3 (the extra `aws`).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from vault.keyring import DEK_SIZE, Away, Malformed, Tampered, UnknownKey, Unreadable, prefixed

KIND = "awskms"

_PATIENCE = 10.0
"""Seconds for one answer, all tries and looking for credentials included."""
_THREADS = 8
_LONGEST = 6144
"""Bytes that Decrypt takes at most."""

_log = structlog.get_logger(__name__)


class Kms(Protocol):
    """What is used of boto3's client."""

    def encrypt(self, **given: Any) -> dict[str, Any]: ...  # noqa: D102
    def decrypt(self, **given: Any) -> dict[str, Any]: ...  # noqa: D102
    def describe_key(self, **given: Any) -> dict[str, Any]: ...  # noqa: D102


def client(region: str) -> Kms:
    """KMS in that region, by the credentials and endpoints that boto3 finds, with bounded patience."""
    config = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
    made: Kms = boto3.session.Session().client("kms", region_name=region, config=config)
    return made


class AwsKeyRing:
    """The keys of these ARNs, the first of which wraps. Made by `open`."""

    def __init__(self, keys: Sequence[str], clients: dict[str, Kms], threads: ThreadPoolExecutor) -> None:
        self._keys = {f"{KIND}:{arn}": arn for arn in keys}
        self._active = f"{KIND}:{keys[0]}"
        self._clients = clients
        self._threads = threads
        self._away = False

    def __repr__(self) -> str:
        return f"AwsKeyRing(active={self.active!r}, keys={len(self._keys)})"

    @classmethod
    async def open(cls, arns: Sequence[str], clients: Callable[[str], Kms] = client) -> AwsKeyRing:
        """The ring of these key or alias ARNs. Asks KMS about aliases only.

        Raises Unreadable where an alias names no key or AWS is configured wrongly, Away.
        """
        threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="awskms")
        loop = asyncio.get_running_loop()
        made = {}
        for arn in arns:
            if _region(arn) not in made:
                try:
                    made[_region(arn)] = await loop.run_in_executor(threads, clients, _region(arn))
                except (BotoCoreError, ValueError) as error:  # its text may quote the configuration
                    raise Unreadable(
                        f"AWS KMS can't be used as it is configured ({type(error).__name__}). Check what "
                        "AWS_* is set, such as AWS_PROFILE and AWS_ENDPOINT_URL, and the files in ~/.aws."
                    ) from None
        ring = cls(arns, made, threads)
        return cls([await ring._found(arn) for arn in arns], made, threads)

    async def _found(self, arn: str) -> str:
        """The ARN of the key that an ARN leads to."""
        if ":alias/" not in arn:
            return arn
        try:
            answer = await self._ask(arn, "describe_key", KeyId=arn)
        except UnknownKey:
            raise Unreadable(f"AWS KMS knows no {arn}. Check VALET_KEYRING and the region in it.") from None
        return str(answer["KeyMetadata"]["Arn"])

    @property
    def active(self) -> str:
        """The reference of the key that wraps."""
        return self._active

    def named(self) -> Mapping[str, str]:
        """The references; what a key service keeps has no check value."""
        return dict.fromkeys(self._keys, "")

    async def wrap(self, dek: bytes | bytearray, context: bytes) -> tuple[str, bytes]:
        """Wrap a data key under the first key. Raises ValueError for one that is not 32 bytes, and Away."""
        if len(dek) != DEK_SIZE:
            raise ValueError("a data key is 32 bytes")
        ref, arn = self._active, self._keys[self._active]
        try:
            answer = await self._ask(
                arn, "encrypt", KeyId=arn, Plaintext=dek, EncryptionContext=_place(ref, context)
            )
        except UnknownKey:
            # Nothing that rests is lost by it: new keys wait for an operator.
            raise Away(f"AWS KMS knows no key {arn}. Check VALET_KEYRING and the region in it.") from None
        return ref, bytes(answer["CiphertextBlob"])

    async def unwrap(self, ref: str, blob: bytes, context: bytes) -> bytearray:
        """The data key of `blob`. Raises UnknownKey, Malformed, Tampered, Away."""
        arn = self._keys.get(ref)
        if arn is None:
            raise UnknownKey(f"VALET_KEYRING does not name the key {ref!r}.")
        if not 0 < len(blob) <= _LONGEST:
            raise Malformed("these bytes are not a wrapped data key")
        place = _place(ref, context)
        answer = await self._ask(arn, "decrypt", KeyId=arn, CiphertextBlob=blob, EncryptionContext=place)
        dek = bytearray(answer["Plaintext"])
        if answer["KeyId"] != arn or len(dek) != DEK_SIZE:
            raise Malformed("the key service opened something that is no data key of ours")
        return dek

    async def _ask(self, arn: str, operation: str, **given: Any) -> dict[str, Any]:
        """One call to KMS, off the loop. Raises UnknownKey, Tampered, Away."""
        call = getattr(self._clients[_region(arn)], operation)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_PATIENCE):
                answer: dict[str, Any] = await loop.run_in_executor(self._threads, lambda: call(**given))
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            if code in {"InvalidCiphertextException", "IncorrectKeyException"}:
                raise Tampered("the wrapped data key was edited, or belongs to another place") from None
            if code == "NotFoundException":
                raise UnknownKey(f"AWS KMS knows no key {arn}.") from None
            raise self._absent(arn, operation, code) from None
        except (BotoCoreError, TimeoutError) as error:
            raise self._absent(arn, operation, type(error).__name__) from None
        if self._away:
            self._away = False
            _log.info("key_service_back", service=KIND)
        return answer

    def _absent(self, arn: str, operation: str, reason: str) -> Away:
        # Once for an outage: under load every call would say it.
        if not self._away:
            self._away = True
            _log.error("key_service_away", service=KIND, operation=operation, reason=reason, key=arn)
        return Away(
            f"AWS KMS does not {operation.replace('_', ' ')} with {arn} now ({reason}). Check that it can be "
            "reached, that the key is enabled, and that Valet's role may use it."
        )


def _region(arn: str) -> str:
    return arn.split(":")[3]


def _place(ref: str, context: bytes) -> dict[str, str]:
    place = prefixed(b"valet.wrap.v1", ref.encode(), context)
    return {"valet": "data key", "place": hashlib.sha256(place).hexdigest()}
