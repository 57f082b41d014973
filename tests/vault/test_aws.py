"""AWS KMS as a key ring: what it is told, what its answers mean, and that an outage is no alarm."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from structlog.testing import capture_logs

from providers.registry import PROVIDERS
from tests.support.kms import REGION, KeyService
from tests.support.ports import free_port
from tests.vault.upstreams import FakeUpstream, access, connect, run
from valet.assembly import assemble
from valet.ground import CannotOpen
from valet.settings import load
from vault.errors import Busy, KeysAway
from vault.ids import new_id
from vault.keyring import Away, KeyRingError, Malformed, Tampered, UnknownKey, Unreadable, wrap_context
from vault.rings import aws
from vault.rings.aws import AwsKeyRing
from vault.rings.choose import open_ring
from vault.store.database import Database
from vault.vault import open_vault

DEK = bytes(range(32))
OWNER, KEY_ID = UUID(int=1), UUID(int=2)
PLACE = wrap_context(OWNER, "connection", KEY_ID)
ARN = f"arn:aws:kms:{REGION}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
REF = f"awskms:{ARN}"


class Service:
    """A client that answers what it is told to, and notes what it was asked."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.threads: set[int] = set()

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        def call(**given: Any) -> dict[str, Any]:
            self.asked.append((operation, given))
            self.threads.add(threading.get_ident())
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        return call


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "canary-of-amazon"}}, "Decrypt")


async def ring_of(service: object) -> AwsKeyRing:
    return await AwsKeyRing.open([ARN], lambda region: service)  # type: ignore[arg-type,return-value]


# --- what it is told ------------------------------------------------------------------------------


async def test_it_is_told_the_key_and_a_hash_of_the_place_and_asked_off_the_loop() -> None:
    """Encryption contexts stand in CloudTrail in clear: nobody's id and no purpose of a key is in ours."""
    service = Service({"CiphertextBlob": b"wrapped"})
    ring = await ring_of(service)
    assert service.asked == [], "a key's own ARN needs no looking up"
    assert await ring.wrap(DEK, PLACE) == (REF, b"wrapped")
    service.answer = {"Plaintext": DEK, "KeyId": ARN}
    assert await ring.unwrap(REF, b"wrapped", PLACE) == DEK
    fields = (b"valet.wrap.v1", REF.encode(), PLACE)
    told = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    context = {"valet": "data key", "place": hashlib.sha256(told).hexdigest()}
    assert service.asked == [
        ("encrypt", {"KeyId": ARN, "Plaintext": DEK, "EncryptionContext": context}),
        ("decrypt", {"KeyId": ARN, "CiphertextBlob": b"wrapped", "EncryptionContext": context}),
    ]
    assert threading.get_ident() not in service.threads


async def test_a_row_cannot_name_a_key_that_the_setting_does_not() -> None:
    service = Service({"Plaintext": DEK, "KeyId": ARN})
    ring = await ring_of(service)
    for strange in (
        REF.replace("1234abcd", "ffffffff"),
        "awskms:alias/valet",
        REF.replace(REGION, "us-east-1"),
    ):
        with pytest.raises(UnknownKey):
            await ring.unwrap(strange, b"wrapped", PLACE)
    with pytest.raises(Malformed):
        await ring.unwrap(REF, b"", PLACE)
    assert service.asked == []


@pytest.mark.parametrize(
    "answer", [{"Plaintext": DEK, "KeyId": f"{ARN}0"}, {"Plaintext": DEK + b"x", "KeyId": ARN}],
    ids=["another key", "another size"],
)  # fmt: skip
async def test_an_answer_that_is_not_what_was_asked_for_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        await (await ring_of(Service(answer))).unwrap(REF, b"wrapped", PLACE)


async def test_keys_of_several_regions_are_asked_where_they_are(kms: KeyService) -> None:
    here, there = kms.key(), kms.key("us-east-1")
    old = await open_ring(f"awskms:{there}")
    wrapped = await old.wrap(DEK, PLACE)
    ring = await open_ring(f"awskms:{here},awskms:{there}")
    assert ring.active == f"awskms:{here}"
    assert await ring.unwrap(*wrapped, PLACE) == DEK
    assert repr(ring) == f"AwsKeyRing(active='awskms:{here}', keys=2)"


async def test_an_alias_stands_for_the_key_it_named_at_the_start(kms: KeyService) -> None:
    """What was wrapped names the key, so moving the alias takes nothing away from who lists both."""
    one, two = kms.key(), kms.key()
    alias = kms.alias(f"valet-{new_id()}", one)
    ring = await open_ring(f"awskms:{alias}")
    wrapped = await ring.wrap(DEK, PLACE)
    assert wrapped[0] == ring.active == f"awskms:{one}"
    kms.client().update_alias(AliasName=alias.rpartition(":")[2], TargetKeyId=two)
    assert (await ring.wrap(DEK, PLACE))[0] == f"awskms:{one}", "a running worker goes on"
    moved = await open_ring(f"awskms:{alias},awskms:{one}")
    assert moved.active == f"awskms:{two}"
    assert await moved.unwrap(*wrapped, PLACE) == DEK


async def test_an_alias_that_names_nothing_is_said_so(kms: KeyService) -> None:
    alias = kms.key().partition(":key/")[0] + ":alias/nobody"
    with pytest.raises(Unreadable, match=f"knows no {alias}. Check VALET_KEYRING"):
        await open_ring(f"awskms:{alias}")


async def test_the_bytes_behind_a_key_may_be_rotated(kms: KeyService) -> None:
    ring = await open_ring(f"awskms:{kms.key()}")
    old = await ring.wrap(DEK, PLACE)
    kms.client().rotate_key_on_demand(KeyId=ring.active.removeprefix("awskms:"))
    new = await ring.wrap(DEK, PLACE)
    assert new[0] == old[0] == ring.active
    assert await ring.unwrap(*old, PLACE) == await ring.unwrap(*new, PLACE) == DEK


# --- what its answers mean ------------------------------------------------------------------------

MEANT = {
    "InvalidCiphertextException": Tampered,
    "IncorrectKeyException": Tampered,
    "NotFoundException": UnknownKey,
    # Whoever is to blame: the wrapped key is as good as it was.
    "DisabledException": Away,
    "KMSInvalidStateException": Away,
    "KeyUnavailableException": Away,
    "InvalidKeyUsageException": Away,
    "AccessDeniedException": Away,
    "ExpiredTokenException": Away,
    "UnrecognizedClientException": Away,
    "ThrottlingException": Away,
    "KMSInternalException": Away,
    "DependencyTimeoutException": Away,
    "SomethingNewException": Away,
}


@pytest.mark.parametrize("code", MEANT)
async def test_each_refusal_has_its_meaning(code: str) -> None:
    ring = await ring_of(Service(refusal(code)))
    with pytest.raises(KeyRingError) as caught:
        await ring.unwrap(REF, b"wrapped", PLACE)
    assert caught.type is MEANT[code]
    assert "canary" not in str(caught.value)
    assert (code in str(caught.value)) is (MEANT[code] is Away), "an operator reads what to mend"


@pytest.mark.parametrize("code", ["NotFoundException", "AccessDeniedException"])
async def test_what_cannot_be_wrapped_waits_for_an_operator(code: str) -> None:
    with pytest.raises(Away, match="Check"):
        await (await ring_of(Service(refusal(code)))).wrap(DEK, PLACE)


async def test_an_outage_is_said_once_and_so_is_its_end() -> None:
    service = Service(NoCredentialsError())
    ring = await ring_of(service)
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(Away, match="NoCredentialsError"):
                await ring.unwrap(REF, b"wrapped", PLACE)
        service.answer = {"Plaintext": DEK, "KeyId": ARN}
        for _ in range(3):
            assert await ring.unwrap(REF, b"wrapped", PLACE) == DEK
        service.answer = refusal("ThrottlingException")
        with pytest.raises(Away):
            await ring.wrap(DEK, PLACE)
    assert [entry["event"] for entry in logs] == ["key_service_away", "key_service_back", "key_service_away"]
    assert [entry.get("operation") for entry in logs] == ["decrypt", None, "encrypt"]


def impatient(port: int) -> Callable[[str], Any]:
    config = Config(connect_timeout=1, read_timeout=0.2, retries={"total_max_attempts": 1}, proxies={})
    session = boto3.session.Session("a", "b")
    return lambda region: session.client(
        "kms", region_name=region, endpoint_url=f"http://127.0.0.1:{port}", config=config
    )


async def test_nobody_there_and_nobody_who_answers_is_an_outage() -> None:
    nobody = await AwsKeyRing.open([ARN], impatient(free_port()))
    with pytest.raises(Away):
        await nobody.wrap(DEK, PLACE)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = await AwsKeyRing.open([ARN], impatient(mute.getsockname()[1]))
        with pytest.raises(Away):
            await silent.unwrap(REF, b"wrapped", PLACE)


@pytest.mark.parametrize("key", [ARN, ARN.partition("key/")[0] + "alias/valet"])
@pytest.mark.parametrize(
    ("setting", "value"), [("AWS_PROFILE", "none-such"), ("AWS_ENDPOINT_URL_KMS", "u:canary@nowhere")]
)
async def test_a_wrong_configuration_is_said_without_quoting_it(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, key: str
) -> None:
    monkeypatch.setenv(setting, value)
    with pytest.raises(Unreadable, match="as it is configured") as caught:
        await AwsKeyRing.open([key])
    assert value not in str(caught.value)


async def test_a_call_that_never_ends_is_left_alone_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that do not resolve, a metadata service that hangs: what no timeout of the library bounds."""
    monkeypatch.setattr(aws, "_PATIENCE", 0.05)
    release = threading.Event()

    class Stuck:
        def decrypt(self, **_: Any) -> dict[str, Any]:
            release.wait(60)
            return {}

    ring = await ring_of(Stuck())
    try:
        with pytest.raises(Away, match="TimeoutError"):
            await ring.unwrap(REF, b"wrapped", PLACE)
    finally:
        release.set()


def test_the_library_waits_seconds_and_not_minutes(kms: KeyService) -> None:
    config = aws.client(REGION).meta.config  # type: ignore[attr-defined]
    tries = config.retries["total_max_attempts"]
    assert (config.connect_timeout + config.read_timeout) * tries <= aws._PATIENCE


# --- what the vault makes of it -------------------------------------------------------------------


async def test_an_outage_is_a_pause_and_no_alarm_and_nobody_is_rekeyed(
    empty_database: Database, kms: KeyService
) -> None:
    """Not even who connects again meanwhile: a Sealed there would throw their refresh token away."""
    metrics, upstream, owner = CollectorRegistry(), FakeUpstream(), new_id()
    await run(empty_database, "INSERT INTO users (id, display_name) VALUES (%s, 'x')", owner)
    ring = await open_ring(f"awskms:{kms.key()}")
    vault = await open_vault(empty_database, ring, upstream, metrics=metrics)
    await connect(vault, upstream, owner)
    vault._cache.wipe()
    real, ring._clients = ring._clients, {REGION: Service(refusal("AccessDeniedException"))}  # type: ignore
    for attempt in (vault.credential(owner, "spotify"), connect(vault, upstream, owner)):
        with pytest.raises(KeysAway, match="AccessDeniedException") as caught:
            await attempt
        assert isinstance(caught.value, Busy) and caught.value.retry_after > 0
    # When a series began is a sample too, where nobody has switched that off for the process.
    samples = [sample for metric in metrics.collect() for sample in metric.samples]
    assert not [each for each in samples if each.value and not each.name.endswith("_created")]
    ring._clients = real  # type: ignore[attr-defined]
    assert access(await vault.credential(owner, "spotify")) == "access-1"
    await vault.close()


async def test_a_database_and_a_key_that_do_not_belong_together_are_told_at_the_start(
    empty_database: Database, empty_database_url: str, kms: KeyService
) -> None:
    right, wrong, url = f"awskms:{kms.key()}", f"awskms:{kms.key()}", SecretStr(empty_database_url)
    settings = load({}, PROVIDERS)
    await (await assemble(settings, {}, url, right, "live")).close()
    with pytest.raises(CannotOpen, match=f"the key ring {wrong} is not the one"):
        await assemble(settings, {}, url, wrong, "live")
    await (await assemble(settings, {}, url, f"{wrong},{right}", "live")).close()


async def test_a_key_service_that_refuses_at_the_start_is_told_with_what_to_do(
    empty_database_url: str, kms: KeyService
) -> None:
    absent = kms.key()[:-1] + "z"
    with pytest.raises(KeysAway, match=f"knows no key {absent}. Check VALET_KEYRING"):
        await assemble(load({}, PROVIDERS), {}, SecretStr(empty_database_url), f"awskms:{absent}", "live")


def test_the_settings_name_a_ring_or_say_why_not() -> None:
    assert load({"VALET_KEYRING": REF}, PROVIDERS).keyring == REF
    with pytest.raises(
        Exception, match="VALET_KEYRING: needs the whole ARN of a key or an alias after awskms:"
    ):
        load({"VALET_KEYRING": "awskms:alias/valet"}, PROVIDERS)


async def test_a_caller_that_gives_up_leaves_the_ring_usable(kms: KeyService, tmp_path: Path) -> None:
    ring = await open_ring(f"awskms:{kms.key()}")
    wrapped = await ring.wrap(DEK, PLACE)
    task = asyncio.create_task(ring.unwrap(*wrapped, PLACE))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ring.unwrap(*wrapped, PLACE) == DEK
