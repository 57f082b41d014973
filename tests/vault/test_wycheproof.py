"""The primitives under the envelope against Project Wycheproof (testvectors_v1, Apache-2.0).

Read from the folder VALET_WYCHEPROOF, or `../shared/spec/wycheproof` seen from the project's root. Where they
are absent that is said before the tests and after them; with VALET_REQUIRE_WYCHEPROOF=1 it is a failure.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault import envelope

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("VALET_WYCHEPROOF") or ROOT.parent / "shared" / "spec" / "wycheproof")

# `cryptography` takes nonces of 8 to 128 bytes. These bit lengths are outside; the envelope uses 96.
REFUSED_IV_BITS = {8: 6, 16: 6, 32: 6, 48: 6, 2056: 3}


def vectors_of(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(group, test) pairs of a vector file; skips or fails where the file is absent."""
    file = FOLDER / name
    if not file.is_file():
        missing = (
            f"NOT CHECKED against Wycheproof: {name} is not in {FOLDER}. "
            "Set VALET_WYCHEPROOF to the folder testvectors_v1 of github.com/C2SP/wycheproof."
        )
        if os.environ.get("VALET_REQUIRE_WYCHEPROOF"):
            pytest.fail(missing)
        pytest.skip(missing)
    document = json.loads(file.read_text(encoding="utf-8"))
    pairs = [(group, test) for group in document["testGroups"] for test in group["tests"]]
    assert len(pairs) == document["numberOfTests"] > 0
    return pairs


@pytest.mark.parametrize(("required", "outcome"), [("1", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_vectors_that_are_absent_are_missed_aloud(
    monkeypatch: pytest.MonkeyPatch, required: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("VALET_REQUIRE_WYCHEPROOF", required)
    with pytest.raises(outcome, match=r"NOT CHECKED against Wycheproof: absent\.json is not in"):
        vectors_of("absent.json")


def gcm(test: dict[str, Any]) -> tuple[AESGCM, bytes, bytes, bytes, bytes]:
    values = {name: bytes.fromhex(test[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")}
    return AESGCM(values["key"]), values["iv"], values["aad"], values["msg"], values["ct"] + values["tag"]


def test_aes_gcm() -> None:
    ran: Counter[tuple[str, int]] = Counter()
    not_runnable: Counter[int] = Counter()
    for group, test in vectors_of("aes_gcm_test.json"):
        cipher, iv, aad, message, sealed = gcm(test)
        if test["result"] == "invalid":
            with pytest.raises((InvalidTag, ValueError)):
                cipher.decrypt(iv, sealed, aad)
            into = bytearray(len(message))
            with pytest.raises((InvalidTag, ValueError)):
                cipher.decrypt_into(iv, sealed, aad, into)
        elif group["ivSize"] in REFUSED_IV_BITS:
            with pytest.raises(ValueError, match=r"[Nn]once"):
                cipher.encrypt(iv, message, aad)
            not_runnable[group["ivSize"]] += 1
            continue
        else:
            assert cipher.encrypt(iv, message, aad) == sealed, test["tcId"]
            assert cipher.decrypt(iv, sealed, aad) == message, test["tcId"]
            # Data keys are unwrapped into memory that can be zeroed.
            into = bytearray(len(message))
            assert cipher.decrypt_into(iv, sealed, aad, into) == len(message), test["tcId"]
            assert into == message, test["tcId"]
        ran[test["result"], group["keySize"]] += 1
    assert dict(not_runnable) == REFUSED_IV_BITS
    assert not_runnable.total() == 27
    assert ran["valid", 256] > 0
    assert ran["invalid", 256] > 0


def test_hkdf_sha512() -> None:
    ran: Counter[str] = Counter()
    for _, test in vectors_of("hkdf_sha512_test.json"):
        key, salt, info = (bytes.fromhex(test[name]) for name in ("ikm", "salt", "info"))
        ran[test["result"]] += 1
        if test["result"] == "invalid":
            with pytest.raises(ValueError, match="derive key"):
                envelope._hkdf(key, salt=salt, info=info, length=test["size"])
        else:
            derived = envelope._hkdf(key, salt=salt, info=info, length=test["size"])
            assert derived.hex() == test["okm"], test["tcId"]
    assert ran == {"valid": 80, "invalid": 3}
