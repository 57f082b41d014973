"""Golden vectors of envelope format 1 and wrapped-key format 1, written from their description alone.

    python tests/vectors/generate.py > tests/vectors/envelope-v1.json

This is a second implementation on purpose: HKDF is spelled out with `hmac`, lengths and offsets stand
here again, and nothing is imported from Valet. Every byte is derived from a name by SHA-256, so the
output is the same on every run and every machine. The file it made is frozen: a change of the format
is a new format number with a vector file of its own, and this one must open for ever.

Sections of the file:

    seal    what `envelope.seal` must give for this DEK, context, salt and plaintext, and what must open
    refuse  what `envelope.open_sealed` must refuse, and with which error
    derive  what `envelope.derive` must give
    ring    the key ring file for the two sections below
    wrap    wrapped data keys that must unwrap, and the context they are bound to
    reject  what `unwrap` must refuse, and with which error
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HEADER = b"VLT\x01\x01"
TOKENS = b'{"access_token":"at-1","refresh_token":"rt-1","expires_in":3600}'


def material(name: str, size: int = 32) -> bytes:
    """`size` (at most 32) bytes that look random and belong to `name`."""
    return hashlib.sha256(b"valet golden vector: " + name.encode()).digest()[:size]


def uuid(name: str) -> str:
    return str(UUID(bytes=material(name, 16)))


def lengths(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with SHA-512; no salt means 64 zero bytes (section 2.2)."""
    prk = hmac.digest(salt or bytes(64), key, "sha512")
    okm, block = b"", b""
    for counter in range(1, -(-length // 64) + 1):
        block = hmac.digest(prk, block + info + bytes([counter]), "sha512")
        okm += block
    return okm[:length]


def context(owner="ada", purpose="connection", record="row", version=1) -> dict:
    return {"owner": uuid(owner), "purpose": purpose, "record": uuid(record), "version": version}


def fields(place: dict) -> tuple[bytes, ...]:
    return (
        b"VLT\x01",
        b"\x01",
        UUID(place["owner"]).bytes,
        place["purpose"].encode(),
        UUID(place["record"]).bytes,
        place["version"].to_bytes(8, "big"),
    )


def seal(dek, place, salt, plaintext, *, info=None, aad=None, nonce=bytes(12), commitment=None) -> bytes:
    """An envelope. The keyword arguments make forgeries by someone who knows the DEK."""
    encoded = lengths(*fields(place))
    okm = hkdf(dek, salt, encoded if info is None else info, 64)
    body = AESGCM(okm[:32]).encrypt(nonce, plaintext, encoded if aad is None else aad)
    return HEADER + salt + (okm[32:] if commitment is None else commitment) + body


def flipped(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]


# --- one ciphertext that AES-GCM opens under two keys -------------------------------------------------


def times(x: int, y: int) -> int:
    """Multiplication in GF(2^128), SP 800-38D section 6.3."""
    z = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            z ^= y
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return z


def inverse(x: int) -> int:
    result, power = 1 << 127, x
    for _ in range(127):
        power = times(power, power)
        result = times(result, power)
    return result


def two_key_block(keys: tuple[bytes, bytes], aad: bytes) -> bytes:
    """Ciphertext (one block) and tag that both keys accept with the zero nonce and this `aad`.

    The tag is A(H) + C*H^2 + L*H + E(J0). Setting it equal for both keys and solving for C.
    """
    padded = aad + bytes(-len(aad) % 16)
    blocks = [int.from_bytes(padded[i : i + 16], "big") for i in range(0, len(padded), 16)]
    sizes = (len(aad) * 8) << 64 | 128
    rest, squares = [], []
    for key in keys:
        aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
        h = int.from_bytes(aes.update(bytes(16)), "big")
        total = 0
        for block in [*blocks, 0, sizes]:
            total = times(total ^ block, h)
        rest.append(total ^ int.from_bytes(aes.update(bytes(12) + b"\x00\x00\x00\x01"), "big"))
        squares.append(times(h, h))
    block = times(rest[0] ^ rest[1], inverse(squares[0] ^ squares[1]))
    tag = rest[0] ^ times(block, squares[0])
    return block.to_bytes(16, "big") + tag.to_bytes(16, "big")


def salamander() -> tuple[bytes, bytes, dict, bytes, bytes]:
    """Two DEKs, a context, and the envelope of the first whose body the second one's key opens too."""
    deks = material("salamander dek one"), material("salamander dek two")
    place, salt = context(record="salamander"), material("salamander salt")
    aad = lengths(*fields(place))
    okms = [hkdf(dek, salt, aad, 64) for dek in deks]
    body = two_key_block((okms[0][:32], okms[1][:32]), aad)
    first, second = (AESGCM(okm[:32]).decrypt(bytes(12), body, aad) for okm in okms)
    assert first != second
    return deks[0], deks[1], place, first, HEADER + salt + okms[0][32:] + body


# --- the sections ---------------------------------------------------------------------------------


def seal_section() -> list[dict]:
    cases = [
        ("token set", context(), TOKENS),
        ("nothing", context(record="empty"), b""),
        ("one byte", context(record="one"), b"\x00"),
        ("two kilobytes", context(record="long", version=2), bytes(range(256)) * 8),
        ("purpose beyond ASCII", context(purpose="clé\N{KEY}"), "Schlüssel".encode()),
        ("version zero", context(version=0), TOKENS),
        ("highest version", context(version=2**63 - 1), TOKENS),
        ("owner is the operator", {**context(), "owner": str(UUID(int=0))}, b"verifier"),
        ("owner is the record", context(owner="same", record="same"), TOKENS),
    ]
    rows = [
        (name, material("dek"), place, text, seal(material("dek"), place, material(name + " salt"), text))
        for name, place, text in cases
    ]
    dek, _, place, text, sealed = salamander()
    rows.append(("a body that a second key opens too", dek, place, text, sealed))
    return [
        {
            "name": name,
            "dek": dek.hex(),
            "context": place,
            "encoded_context": lengths(*fields(place)).hex(),
            "salt": sealed[5:37].hex(),
            "plaintext": text.hex(),
            "sealed": sealed.hex(),
        }
        for name, dek, place, text, sealed in rows
    ]


def refuse_section() -> list[dict]:
    dek, place, salt = material("dek"), context(), material("refuse salt")
    encoded, good = lengths(*fields(place)), seal(dek, place, salt, TOKENS)
    empty = seal(dek, place, salt, b"")
    other = seal(dek, place, material("another salt"), TOKENS)
    first, second, double, _, both = salamander()
    no_lengths = b"".join(fields(place))
    no_suite = lengths(*(fields(place)[:1] + fields(place)[2:]))
    later = lengths(*fields(context(version=2)))
    swapped = {**place, "owner": place["record"], "record": place["owner"]}
    malformed = [
        ("nothing", b""),
        ("plaintext", TOKENS),
        ("magic alone", b"VLT"),
        ("header alone", HEADER),
        ("one byte short of the smallest", empty[:-1]),
        ("other magic", b"VLU" + good[3:]),
        ("something before it", b"\x00" + good),
    ]
    unknown = [
        ("format 0", good[:3] + b"\x00" + good[4:]),
        ("format 2", good[:3] + b"\x02" + good[4:]),
        ("suite 0", good[:4] + b"\x00" + good[5:]),
        ("suite 2", good[:4] + b"\x02" + good[5:]),
        ("format 2, cut short", b"VLT\x02\x01"),
    ]
    edited = [
        ("salt edited", flipped(good, 5)),
        ("commitment edited, all else right", flipped(good, 68)),
        ("commitment zeroed, all else right", good[:37] + bytes(32) + good[69:]),
        ("ciphertext edited", flipped(good, 69)),
        ("tag edited", flipped(good, len(good) - 1)),
        ("last byte missing", good[:-1]),
        ("tag missing", good[:-16]),
        ("a byte more", good + b"\x00"),
        ("twice", good + good),
        ("body of another envelope", good[:69] + other[69:]),
        ("salt and commitment of another envelope", good[:5] + other[5:69] + good[69:]),
        ("forged without associated data", seal(dek, place, salt, TOKENS, aad=b"")),
        ("forged with associated data without lengths", seal(dek, place, salt, TOKENS, aad=no_lengths)),
        ("forged with associated data without suite", seal(dek, place, salt, TOKENS, aad=no_suite)),
        ("forged with associated data of a later version", seal(dek, place, salt, TOKENS, aad=later)),
        ("forged with a key without context", seal(dek, place, salt, TOKENS, info=b"")),
        ("forged with a context without lengths", seal(dek, place, salt, TOKENS, info=no_lengths)),
        ("forged with a context without suite", seal(dek, place, salt, TOKENS, info=no_suite)),
        ("forged with another nonce", seal(dek, place, salt, TOKENS, nonce=salt[:12])),
        ("forged with the DEK as the key", good[:69] + AESGCM(dek).encrypt(bytes(12), TOKENS, encoded)),
    ]
    moved = [
        ("other owner", dek, context(owner="bob"), good),
        ("other purpose", dek, context(purpose="app"), good),
        ("purpose longer", dek, context(purpose="connections"), good),
        ("purpose in other case", dek, context(purpose="Connection"), good),
        ("other record", dek, context(record="another row"), good),
        ("next version", dek, context(version=2), good),
        ("version before", dek, context(version=0), good),
        ("owner and record exchanged", dek, swapped, good),
        ("other key", material("another dek"), place, good),
        ("a body that this key opens, sealed with another", second, double, both),
        ("the same with this key's commitment, opened with the other", first, double,
         both[:37] + hkdf(second, both[5:37], lengths(*fields(double)), 64)[32:] + both[69:]),
    ]  # fmt: skip
    rows = [("Malformed", name, dek, place, sealed) for name, sealed in malformed]
    rows += [("UnknownFormat", name, dek, place, sealed) for name, sealed in unknown]
    rows += [("Tampered", name, dek, place, sealed) for name, sealed in edited]
    rows += [("Tampered", *row) for row in moved]
    return [
        {"name": name, "error": error, "dek": key.hex(), "context": where, "sealed": sealed.hex()}
        for error, name, key, where, sealed in rows
    ]


def derive_section() -> list[dict]:
    cases = [("sessions", 32), ("sessions", 64), ("session", 32), ("clé", 16), ("long", 200)]
    key = material("operator dek")
    return [
        {
            "key": key.hex(),
            "purpose": purpose,
            "length": length,
            "derived": hkdf(
                key, b"", lengths(b"valet.derive.v1", purpose.encode(), length.to_bytes(4, "big")), length
            ).hex(),
        }
        for purpose, length in cases
    ]


RING = {"file:main:1": "decrypt_only", "file:main:2": "active", "file:main:11": "decrypt_only"}


def kek(ref: str) -> bytes:
    """file:main:11 is the key of file:main:1 under another name: only the reference tells them apart."""
    return material("kek file:main:1" if ref == "file:main:11" else "kek " + ref)


def ring_section() -> dict:
    keys = {
        ref: {
            "key": base64.b64encode(kek(ref)).decode(),
            "created": "2026-11-01T00:00:00+00:00",
            "state": state,
        }
        for ref, state in RING.items()
    }
    return {"format": 1, "active": "file:main:2", "keys": keys}


def belongs(owner="ada", purpose="connection", dek_id="dek") -> bytes:
    owner_bytes, dek_bytes = UUID(uuid(owner)).bytes, UUID(uuid(dek_id)).bytes
    return lengths(b"valet.dek.v1", owner_bytes, purpose.encode(), dek_bytes)


def wrap(ref: str, dek: bytes, where: bytes, aad: bytes | None = None) -> bytes:
    nonce = material(f"nonce {ref} {where.hex()}", 12)
    associated = lengths(b"valet.wrap.v1", ref.encode(), where) if aad is None else aad
    return b"\x01" + nonce + AESGCM(kek(ref)).encrypt(nonce, dek, associated)


def wrap_section() -> list[dict]:
    cases = [
        ("file:main:1", "ada", "connection", "dek"),
        ("file:main:2", "ada", "connection", "dek"),
        ("file:main:2", "bob", "app", "another dek"),
        ("file:main:11", "ada", "connection", "dek"),
    ]
    return [
        {
            "ref": ref,
            "owner": uuid(owner),
            "purpose": purpose,
            "dek_id": uuid(dek_id),
            "context": belongs(owner, purpose, dek_id).hex(),
            "dek": material(dek_id).hex(),
            "blob": wrap(ref, material(dek_id), belongs(owner, purpose, dek_id)).hex(),
        }
        for ref, owner, purpose, dek_id in cases
    ]


def reject_section() -> list[dict]:
    ref, dek, where = "file:main:1", material("dek"), belongs()
    good = wrap(ref, dek, where)
    joined = b"valet.wrap.v1" + ref.encode() + where
    # Without lengths, "file:main:1" and a context that begins with "1" read like "file:main:11".
    shifted = wrap(ref, dek, b"1" + where)
    rows = [
        ("UnknownKey", "a key the ring does not name", "file:main:3", good, where),
        ("UnknownKey", "a key of another kind", "awskms:key:1", good, where),
        ("UnknownKey", "no reference", "", good, where),
        ("Malformed", "nothing", ref, b"", where),
        ("Malformed", "the data key in the clear", ref, dek, where),
        ("Malformed", "format 2", ref, b"\x02" + good[1:], where),
        ("Malformed", "a byte less", ref, good[:-1], where),
        ("Malformed", "a byte more", ref, good + b"\x00", where),
        ("Tampered", "nonce edited", ref, flipped(good, 1), where),
        ("Tampered", "ciphertext edited", ref, flipped(good, 13), where),
        ("Tampered", "tag edited", ref, flipped(good, 60), where),
        ("Tampered", "another key of the ring", "file:main:2", good, where),
        ("Tampered", "the same key under another name", "file:main:11", good, where),
        ("Tampered", "a byte moved from the context to the reference", "file:main:11", shifted, where),
        ("Tampered", "other owner", ref, good, belongs(owner="bob")),
        ("Tampered", "other purpose", ref, good, belongs(purpose="operator")),
        ("Tampered", "other data key's id", ref, good, belongs(dek_id="another dek")),
        ("Tampered", "no context", ref, good, b""),
        ("Tampered", "forged without associated data", ref, wrap(ref, dek, where, b""), where),
        ("Tampered", "forged without lengths", ref, wrap(ref, dek, where, joined), where),
    ]
    return [
        {"name": name, "error": error, "ref": key, "blob": blob.hex(), "context": place.hex()}
        for error, name, key, blob, place in rows
    ]


def document() -> str:
    """The whole vector file as text."""
    sections = {
        "description": "Golden vectors of Valet's envelope format 1 and wrapped-key format 1. Frozen. "
        "Bytes are hex. Written by generate.py, which says what each section holds.",
        "seal": seal_section(),
        "refuse": refuse_section(),
        "derive": derive_section(),
        "ring": ring_section(),
        "wrap": wrap_section(),
        "reject": reject_section(),
    }
    return json.dumps(sections, indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
