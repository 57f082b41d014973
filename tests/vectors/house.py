"""A whole house as golden vectors: ring files, and the sealed records of a database as releases wrote them.

    python tests/vectors/house.py > tests/vectors/house-v1.json

Like `generate.py`, whose parts it uses, it is written from the description alone and imports nothing of
Valet's. The file it made is frozen: what it holds must open for ever, or be refused for ever.

Sections of the file:

    refuse   more of what `envelope.open_sealed` must refuse: contexts of another shape
    files    key ring files: those with an `error` must be refused with it, the others read
    ring     the key ring of the records below, whose active key is not the one that wrapped them
    deks     the wrapped data keys of an operator, a connection and an app: rows of `deks`
    records  envelopes, each with the row it belongs to, its purpose and what it holds
    derived  keys of the operator's data key for every purpose in use, and one keyed hash
"""

from __future__ import annotations

import base64
import hmac
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from uuid import UUID

OPERATOR = str(UUID(int=0))
PURPOSES = ("blind-index", "limits", "flow-handle", "csrf", "request-state", "session-id")


def sibling(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"vectors_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made = sibling("generate")


def text(value: object) -> bytes:
    return json.dumps(value).encode()


# --- contexts of another shape --------------------------------------------------------------------


def refuse_section() -> list[dict]:
    dek, place, salt = made.material("dek"), made.context(), made.material("house salt")
    magic, suite, owner, purpose, record, version = made.fields(place)
    shapes = [
        ("a context of format 2", (b"VLT\x02", suite, owner, purpose, record, version)),
        ("a context of suite 2", (magic, b"\x02", owner, purpose, record, version)),
        ("a context without magic", (b"\x01", suite, owner, purpose, record, version)),
        ("a context without owner", (magic, suite, purpose, record, version)),
        ("a context without purpose", (magic, suite, owner, record, version)),
        ("a context without record", (magic, suite, owner, purpose, version)),
        ("a context without version", (magic, suite, owner, purpose, record)),
        ("a context in another order", (magic, suite, record, purpose, owner, version)),
        ("a version of four bytes", (magic, suite, owner, purpose, record, version[4:])),
        ("a version in the other order", (magic, suite, owner, purpose, record, version[::-1])),
        ("an owner as text", (magic, suite, place["owner"].encode(), purpose, record, version)),
    ]
    rows = []
    for name, fields in shapes:
        encoded = made.lengths(*fields)
        sealed = made.seal(dek, place, salt, made.TOKENS, info=encoded, aad=encoded)
        rows.append((name, "Tampered", sealed))
    little = b"".join(len(field).to_bytes(4, "little") + field for field in made.fields(place))
    rows.append(("lengths in the other order", "Tampered",
                 made.seal(dek, place, salt, made.TOKENS, info=little, aad=little)))  # fmt: skip
    return [
        {"name": name, "error": error, "dek": dek.hex(), "context": place, "sealed": sealed.hex()}
        for name, error, sealed in rows
    ]


# --- key ring files -------------------------------------------------------------------------------


def key(number: int) -> str:
    return base64.b64encode(made.material(f"house kek {number}")).decode()


def ring() -> dict:
    return {
        "format": 1,
        "active": "file:main:2",
        "keys": {
            "file:main:1": {"key": key(1), "created": "2026-01-01T00:00:00+00:00", "state": "decrypt_only"},
            "file:main:2": {"key": key(2), "created": "2026-11-01T00:00:00+00:00", "state": "active"},
        },
    }


def changed(*path: str, to: object = None, drop: bool = False) -> str:
    document = ring()
    inner = document
    for name in path[:-1]:
        inner = inner[name]
    if drop:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return json.dumps(document)


def files_section() -> list[dict]:
    one = {"format": 1, "active": "file:main:1", "keys": {"file:main:1": {"key": key(1), "state": "active"}}}
    named = {"a-b-9": "file:a-b-9:999999999"}
    odd = json.dumps(one).replace("file:main:1", named["a-b-9"])
    good = [
        ("two keys", json.dumps(ring())),
        ("without a date", json.dumps(one)),
        ("a date that is a number", changed("keys", "file:main:1", "created", to=1)),
        ("more than is asked for", changed("note", to="of the year 2026")),
        ("an odd name", odd),
        ("white space", json.dumps(ring(), indent=4) + "\n\n"),
    ]
    twice = json.dumps(ring()).replace('"file:main:1"', '"file:main:2"')
    bad = [
        ("nothing", ""),
        ("no JSON", "{"),
        ("something after it", json.dumps(ring()) + "x"),
        ("a list", json.dumps([ring()])),
        ("a name twice", twice),
        ("no format", changed("format", drop=True)),
        ("format 0", changed("format", to=0)),
        ("format 2", changed("format", to=2)),
        ("a format that is text", changed("format", to="1")),
        ("no keys", changed("keys", drop=True)),
        ("keys in a list", changed("keys", to=[ring()["keys"]])),
        ("no key at all", changed("keys", to={})),
        ("a name of another kind", changed("keys", "awskms:a:1", to=ring()["keys"]["file:main:1"])),
        ("a name without number", changed("keys", "file:main", to=ring()["keys"]["file:main:1"])),
        ("number 0", changed("keys", "file:main:0", to=ring()["keys"]["file:main:1"])),
        ("a number that begins with 0", changed("keys", "file:main:01", to=ring()["keys"]["file:main:1"])),
        ("a number of ten digits", changed("keys", "file:main:1000000000", to=ring()["keys"]["file:main:1"])),
        ("a name in capitals", changed("keys", "file:Main:1", to=ring()["keys"]["file:main:1"])),
        ("no active", changed("active", drop=True)),
        ("active is not there", changed("active", to="file:main:3")),
        ("active only unwraps", changed("active", to="file:main:1")),
        ("nothing active", changed("keys", "file:main:2", "state", to="decrypt_only")),
        ("two active", changed("keys", "file:main:1", "state", to="active")),
        ("no state", changed("keys", "file:main:1", "state", drop=True)),
        ("another state", changed("keys", "file:main:1", "state", to="retired")),
        ("no key bytes", changed("keys", "file:main:1", "key", drop=True)),
        ("31 bytes", changed("keys", "file:main:1", "key", to=base64.b64encode(bytes(31)).decode())),
        ("33 bytes", changed("keys", "file:main:1", "key", to=base64.b64encode(bytes(33)).decode())),
        ("a character that is not of base64", changed("keys", "file:main:1", "key", to="*" + key(1))),
        ("base64 without its end", changed("keys", "file:main:1", "key", to=key(1).rstrip("="))),
        ("a key that is a number", changed("keys", "file:main:1", "key", to=1)),
        ("a key that is text", changed("keys", "file:main:1", to=key(1))),
    ]
    rows = [{"name": name, "mode": "0600", "file": file} for name, file in good]
    rows += [{"name": name, "mode": "0600", "file": file, "error": "Unreadable"} for name, file in bad]
    rows += [
        {"name": f"open to others, {mode}", "mode": mode, "file": json.dumps(ring()), "error": "Unsafe"}
        for mode in ("0604", "0620", "0666")
    ]
    return rows


# --- records --------------------------------------------------------------------------------------


def wrapped(purpose: str, owner: str) -> dict:
    """A data key under the ring's first key."""
    dek, dek_id = made.material(f"house {purpose} dek"), made.uuid(f"house {purpose} dek id")
    where = made.lengths(b"valet.dek.v1", UUID(owner).bytes, purpose.encode(), UUID(dek_id).bytes)
    nonce = made.material(f"house {purpose} nonce", 12)
    associated = made.lengths(b"valet.wrap.v1", b"file:main:1", where)
    cipher = made.AESGCM(base64.b64decode(key(1)))
    blob = b"\x01" + nonce + cipher.encrypt(nonce, dek, associated)
    return {
        "id": dek_id, "owner": owner, "purpose": purpose, "kek_ref": "file:main:1", "wrapped": blob.hex(),
    }  # fmt: skip


def sealed(dek: str, owner: str, purpose: str, version: int, value: object) -> dict:
    place = {"owner": owner, "purpose": purpose, "record": made.uuid(f"house {purpose}"), "version": version}
    plain = value if isinstance(value, bytes) else text(value)
    body = made.seal(made.material(f"house {dek} dek"), place, made.material(f"house {purpose} salt"), plain)
    return {"under": dek, "context": place, "holds": plain.decode(), "sealed": body.hex()}


def records_section(ana: str) -> list[dict]:
    tokens = {"access_token": "golden-access", "refresh_token": "golden-refresh"}
    trip = {
        "verifier": "v" * 43,
        "nonce": "n",
        "back": "/account",
        "again": "/connect/spotify",
        "proof": False,
    }
    account = {
        "for": [ana, "spotify", "operator"],
        "account": ["https://accounts.spotify.com", "golden-account", "Ana", None],
        **tokens,
        **{"expires_in": 3600, "scopes": ["user-read-playback-state"], "grant_expires_in": None},
    }
    connection = {"provider": "spotify", "app": "operator", **tokens}
    app = {"provider": "google", "client_id": "golden", "client_secret": "golden-s"}
    return [
        sealed("connection", ana, "connection.tokens", 7, connection),
        sealed("app", ana, "app.secret", 1, app),
        sealed("operator", OPERATOR, "provider-state", 1, trip),
        sealed("operator", OPERATOR, "pending-account", 1, account),
        sealed("operator", OPERATOR, "pending-pages", 1, ["/account", "/connect/spotify"]),
        sealed("operator", OPERATOR, "pending-identity", 1, {"user": ana, "account": {"issuer": "i"}}),
        sealed("operator", OPERATOR, "successor", 1, b"vlt_rt_golden"),
    ]


def derived_section() -> dict:
    dek = made.material("house operator dek")
    keys = {
        purpose: made.hkdf(
            dek, b"", made.lengths(b"valet.derive.v1", purpose.encode(), (32).to_bytes(4, "big")), 32
        )
        for purpose in PURPOSES
    }
    issuer, subject = "https://accounts.spotify.com", "golden-account"
    index = hmac.digest(keys["blind-index"], made.lengths(issuer.encode(), subject.encode()), "sha256")
    return {
        "keys": {purpose: value.hex() for purpose, value in keys.items()},
        "index": {"issuer": issuer, "subject": subject, "value": index.hex()},
    }


def document() -> str:
    """The whole vector file as text."""
    ana = made.uuid("house ana")
    sections = {
        "description": "Golden vectors of a house of Valet's first formats: ring files and the records of a "
        "database. Frozen. Bytes are hex. Written by house.py, which says what each section holds.",
        "refuse": refuse_section(),
        "files": files_section(),
        "ring": ring(),
        "deks": [wrapped("operator", OPERATOR), wrapped("connection", ana), wrapped("app", ana)],
        "records": records_section(ana),
        "derived": derived_section(),
    }
    return json.dumps(sections, indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
