"""Secrets show themselves nowhere: keys as `Secret`, tokens as pydantic's SecretStr."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr, ValidationError, create_model

from vault.secret import Secret

KEY = b"canary-canary-canary-canary-1234"
SECRETS = [Secret(bytearray(KEY)), SecretStr(KEY.decode())]
BOTH = pytest.mark.parametrize("secret", SECRETS, ids=["key", "token"])


@BOTH
def test_it_is_redacted_wherever_it_is_printed(secret: object) -> None:
    held = create_model("Held", secret=(type(secret), ...))(secret=secret)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r}", repr([secret])]
    shown += [json.dumps([secret], default=str), json.dumps({"a": secret}, default=repr)]
    shown += [repr(held), held.model_dump_json(), repr(held.model_dump())]
    for text in shown:
        assert "**********" in text
        assert "canary" not in text and KEY.hex() not in text and repr(list(KEY))[1:-1] not in text


@BOTH
def test_json_does_not_take_it(secret: object) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps(secret)


def test_a_field_of_a_model_holds_it_and_takes_nothing_else() -> None:
    class Holder(BaseModel):
        key: Secret

    holder = Holder(key=Secret(bytearray(KEY)))
    assert holder.key.reveal() == KEY
    assert holder.model_dump() == {"key": "**********"}
    assert holder.model_dump_json() == '{"key":"**********"}'
    with pytest.raises(ValidationError) as caught:
        Holder.model_validate({"key": 7})
    assert "7" not in str(caught.value.errors(include_input=False))


@pytest.mark.parametrize("ask", [pickle.dumps, copy.copy, copy.deepcopy, vars, bytes, list, len])
def test_a_key_is_not_copied(ask: Any) -> None:
    with pytest.raises(TypeError):
        ask(Secret(bytearray(KEY)))


def test_a_key_is_shown_as_it_is_and_cannot_be_changed() -> None:
    held = bytearray(KEY)
    secret = Secret(held)
    seen = secret.reveal()
    assert seen == KEY and seen.obj is held
    with pytest.raises(TypeError, match="read-only"):
        seen[0] = 0
    assert "canary" not in repr(seen)


def test_wiping_zeroes_the_memory_itself_and_is_for_good() -> None:
    held = bytearray(KEY)
    secret = Secret(held)
    seen = secret.reveal()
    for _ in range(2):
        secret.wipe()
        assert held == seen == bytes(len(KEY))
        with pytest.raises(ValueError, match="wiped"):
            secret.reveal()
    assert "**********" in repr(secret)


def test_a_key_that_nobody_holds_any_more_is_zeroed() -> None:
    held = bytearray(KEY)
    secret = Secret(held)
    del secret
    assert held == bytes(len(KEY))


def test_two_secrets_are_not_compared_by_their_bytes() -> None:
    """A comparison byte by byte takes longer the more of them agree."""
    assert Secret(bytearray(KEY)) != Secret(bytearray(KEY))
