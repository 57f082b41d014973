"""What every key ring must do, whatever holds its keys: one suite over all kinds, and one made up here."""

from __future__ import annotations

import dataclasses
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tests.support.kms import KeyService
from tests.vault.upstreams import FakeUpstream, access, connect, scalar
from vault.errors import Sealed
from vault.ids import new_id
from vault.keyring import KeyRing, KeyRingError, Malformed, Tampered, UnknownKey, Unreadable, wrap_context
from vault.rings import ringfile
from vault.rings.choose import _KINDS, open_ring, parse, path_of
from vault.store.database import Database
from vault.vault import open_vault

ROOT = Path(__file__).parents[2]
DEK = bytes(range(32))
PLACE = wrap_context(UUID(int=1), "connection", UUID(int=2))
ELSEWHERE = wrap_context(UUID(int=1), "connection", UUID(int=3))
Opener = Callable[[], Awaitable[KeyRing]]


class Box:
    """A third kind, as somebody might add it: two verbs, and nothing else changes for it."""

    def __init__(self, number: int) -> None:
        self.active = f"box:{number}"
        self._cipher = ChaCha20Poly1305(sha256(b"box %d" % number).digest())

    async def wrap(self, dek: bytes | bytearray, context: bytes) -> tuple[str, bytes]:
        if len(dek) != 32:
            raise ValueError("a data key is 32 bytes")
        nonce = os.urandom(12)
        return self.active, nonce + self._cipher.encrypt(nonce, dek, context)

    async def unwrap(self, ref: str, blob: bytes, context: bytes) -> bytearray:
        if not compare_digest(ref.encode(), self.active.encode()):
            raise UnknownKey("this box is another one")
        if len(blob) != 60:
            raise Malformed("this box never gave that")
        try:
            return bytearray(self._cipher.decrypt(blob[:12], blob[12:], context))
        except InvalidTag:
            raise Tampered("edited, or of another place") from None


@dataclasses.dataclass(frozen=True)
class Rings:
    """A ring; the same one as another worker opens it; one with other keys."""

    ours: KeyRing
    again: KeyRing
    other: KeyRing


@pytest.fixture(scope="module", params=["file", "awskms", "awskms alias", "both", "box"])
async def rings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rings:
    if request.param == "box":
        return Rings(Box(1), Box(1), Box(2))
    folder = tmp_path_factory.mktemp("rings")
    one, two = f"file:{folder / 'one.json'}", f"file:{folder / 'two.json'}"
    strange = ringfile.Document("file:other:1", {"file:other:1": ringfile.fresh()})
    ringfile.publish(folder / "two.json", ringfile.render(strange))
    if request.param != "file":
        kms: KeyService = request.getfixturevalue("kms")
        file, one, two = one, f"awskms:{kms.key()}", f"awskms:{kms.key()}"
        if request.param == "awskms alias":
            one = f"awskms:{kms.alias(f'valet-{new_id()}', kms.key())}"
        if request.param == "both":
            await open_ring(file, create=True)
            one, two = f"{one},{file}", f"{two},{file}"
    ours = await open_ring(one, create=True)
    return Rings(ours, await open_ring(one), await open_ring(two))


async def test_what_one_worker_wraps_another_unwraps(rings: Rings) -> None:
    for dek in (DEK, bytearray(DEK)):
        ref, blob = await rings.ours.wrap(dek, PLACE)
        assert ref == rings.ours.active == rings.again.active != rings.other.active
        got = await rings.again.unwrap(ref, blob, PLACE)
        assert type(got) is bytearray and got == DEK and dek == DEK
        assert DEK not in blob and type(blob) is bytes


async def test_each_caller_gets_memory_of_its_own(rings: Rings) -> None:
    """It zeroes it; nobody else's key may go with that."""
    wrapped = await rings.ours.wrap(DEK, PLACE)
    one = await rings.ours.unwrap(*wrapped, PLACE)
    one[:] = bytes(32)
    assert await rings.ours.unwrap(*wrapped, PLACE) == DEK


async def test_it_fits_its_place_alone(rings: Rings) -> None:
    ref, blob = await rings.ours.wrap(DEK, PLACE)
    for place in (ELSEWHERE, PLACE + b"\0", PLACE[:-1], b""):
        with pytest.raises(Tampered):
            await rings.ours.unwrap(ref, blob, place)


async def test_any_edit_of_the_bytes_is_refused(rings: Rings) -> None:
    ref, blob = await rings.ours.wrap(DEK, PLACE)
    edits = [blob[:-1], blob + b"\0", b"", DEK, b"\0" * 7000]
    # moto's begin with the id of their key, 36 letters: what is edited there is another key's for it.
    first = 36 if ref.startswith("awskms:") else 0
    edits += [blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :] for at in range(first, len(blob), 5)]
    edits.append(blob[:-1] + bytes([blob[-1] ^ 1]))
    for edited in edits:
        with pytest.raises((Tampered, Malformed)):
            await rings.ours.unwrap(ref, edited, PLACE)
    assert await rings.ours.unwrap(ref, blob, PLACE) == DEK


async def test_only_a_reference_of_its_own_is_ever_tried(rings: Rings) -> None:
    ref, blob = await rings.ours.wrap(DEK, PLACE)
    kind = ref.partition(":")[0]
    for unknown in (rings.other.active, f"{ref} ", f"{ref}1", ref[:-1], f"{kind}:", kind, "", "vault:key:1"):
        with pytest.raises(UnknownKey):
            await rings.ours.unwrap(unknown, blob, PLACE)
    with pytest.raises(UnknownKey):
        await rings.other.unwrap(ref, blob, PLACE)


async def test_what_another_key_wrapped_does_not_open(rings: Rings) -> None:
    """The row names our key and holds the bytes of another."""
    _, theirs = await rings.other.wrap(DEK, PLACE)
    with pytest.raises(KeyRingError):
        await rings.ours.unwrap(rings.ours.active, theirs, PLACE)


async def test_the_same_key_is_wrapped_in_other_bytes_each_time(rings: Rings) -> None:
    assert len({(await rings.ours.wrap(DEK, PLACE))[1] for _ in range(5)}) == 5


@pytest.mark.parametrize("size", [0, 16, 31, 33])
async def test_a_data_key_is_32_bytes(rings: Rings, size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        await rings.ours.wrap(bytes(size), PLACE)


async def test_it_shows_no_key_and_is_not_pickled(rings: Rings) -> None:
    assert "canary" not in repr(rings.ours) + repr(vars(rings.ours))
    with pytest.raises((TypeError, pickle.PicklingError, AttributeError)):
        pickle.dumps(rings.ours)


async def test_a_whole_vault_stands_on_it(rings: Rings, empty_database: Database) -> None:
    """Connect, use, refresh and disconnect, and another worker that only has the ring and the database."""
    upstream, owner = FakeUpstream(), new_id()
    async with empty_database.connection() as link:
        await link.execute("INSERT INTO users (id, display_name) VALUES (%s, 'x')", (owner,))
    vault = await open_vault(empty_database, rings.ours, upstream)
    saved = await connect(vault, upstream, owner)
    assert await scalar(empty_database, "SELECT DISTINCT kek_ref FROM deks") == rings.ours.active
    worker = await open_vault(empty_database, rings.again, upstream)
    got = await worker.credential(owner, "spotify")
    assert access(got) == "access-1"
    assert access(await vault.credential(owner, "spotify", refused=got.version)) == "access-2"
    assert access(await worker.credential(owner, "spotify")) == "access-2"
    with pytest.raises(Sealed):
        await open_vault(empty_database, rings.other, upstream)
    await vault.disconnect(owner, saved.id)
    assert await scalar(empty_database, "SELECT count(*) FROM deks WHERE owner = %s", owner) == 0
    await worker.close()
    await vault.close()


# --- which one a setting names --------------------------------------------------------------------

KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ALIAS = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/teams/valet_1"


def test_a_setting_names_rings_by_kind_and_the_first_wraps() -> None:
    assert parse("/srv/a,b:c.json") == {"file": ["/srv/a,b:c.json"]}
    assert parse("keyring.json") == {"file": ["keyring.json"]}
    assert parse("./file:x") == {"file": ["./file:x"]}
    assert parse("file:/srv/keyring.json") == {"file": ["/srv/keyring.json"]}
    both = parse(f"awskms:{KEY}, awskms:{ALIAS},file:/srv/keyring.json")
    assert list(both.items()) == [("awskms", [KEY, ALIAS]), ("file", ["/srv/keyring.json"])]
    assert path_of(f"awskms:{KEY},file:/srv/keyring.json") == Path("/srv/keyring.json")
    assert path_of(f"awskms:{KEY}") is None


NAMES_NONE = (
    *("vault:x", "file:", "file:/a,file:/b", "awskms:", "awskms:alias/valet"),
    *(f"awskms:{KEY},", f"awskms:{KEY} x", f"awskms:{KEY},/srv/keyring.json"),
    *(f"awskms:{KEY}/../x", f"awskms:{KEY.replace('kms', 's3')}"),
)


@pytest.mark.parametrize("setting", NAMES_NONE)
async def test_a_setting_that_names_none_is_refused_with_a_sentence(setting: str) -> None:
    with pytest.raises(
        ValueError, match=r"needs (one path|the whole ARN)|give a path or one of file, awskms"
    ):
        parse(setting)
    with pytest.raises(Unreadable, match=r"^VALET_KEYRING "):
        await open_ring(setting)


def test_every_setting_that_the_guide_shows_names_a_ring() -> None:
    guide = (ROOT / "docs" / "rings.md").read_text(encoding="utf-8")
    shown = re.findall(r"VALET_KEYRING[=,] ?(?:value: )?([^\s}]+)", guide)
    kinds = [list(parse(each.replace("ARN", KEY))) for each in shown]
    assert ["file"] in kinds and ["awskms"] in kinds and ["awskms", "file"] in kinds and len(kinds) >= 5
    for kind in _KINDS:
        assert f"`{kind}:" in guide


async def test_only_the_file_that_wraps_is_made(kms: KeyService, tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    with pytest.raises(Unreadable, match="No such file"):
        await open_ring(f"awskms:{kms.key()},file:{path}", create=True)
    with pytest.raises(Unreadable, match="No such file"):
        await open_ring(f"file:{path}")
    await open_ring(f"file:{path},awskms:{kms.key()}", create=True)
    assert path.exists()


async def test_data_keys_move_from_a_file_to_a_key_service(kms: KeyService, tmp_path: Path) -> None:
    file = await open_ring(str(tmp_path / "ring.json"), create=True)
    old = await file.wrap(DEK, PLACE)
    moving = await open_ring(f"awskms:{kms.key()},file:{tmp_path / 'ring.json'}")
    new = await moving.wrap(await moving.unwrap(*old, PLACE), PLACE)
    assert new[0] == moving.active and new[0].startswith("awskms:arn:") and old[0].startswith("file:")
    assert await moving.unwrap(*new, PLACE) == await moving.unwrap(*old, PLACE) == DEK


IMPORTED = """
import asyncio, sys
from pathlib import Path
import valet.cli, valet.serve, valet.assembly
from vault.rings import ringfile
from vault.rings.choose import _KINDS, open_ring
if sys.argv[2] == "absent":
    sys.modules["boto3"] = None
try:
    asyncio.run(open_ring(sys.argv[1], create=True))
except Exception as error:
    print(type(error).__name__, error)
loaded = {name.partition(".")[0] for name, module in sys.modules.items() if module is not None}
print(sorted(loaded & {"boto3", "botocore"}))
"""


@pytest.mark.parametrize(
    ("setting", "state", "said"),
    [
        ("file", "present", "[]"),
        ("aws", "present", "['boto3', 'botocore']"),
        ("aws", "absent", "pip install 'valet[aws]'\n[]"),
    ],
)
def test_the_library_of_a_key_service_is_imported_only_where_that_is_used(
    tmp_path: Path, setting: str, state: str, said: str
) -> None:
    named = f"awskms:{KEY}" if setting == "aws" else str(tmp_path / "ring.json")
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTED, named, state], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said in ran.stdout, ran.stdout + ran.stderr
