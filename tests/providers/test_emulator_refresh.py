"""Refresh tokens of the emulator: kept or rotated, reused, revoked, and dead of age."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.emulator import CLIENT, EmulatorProcess


def refresh(emulator: EmulatorProcess, token: str) -> tuple[int, dict[str, Any]]:
    answer = emulator.token({"grant_type": "refresh_token", "refresh_token": token})
    return answer.status_code, answer.json()


def test_refreshing_keeps_the_refresh_token(emulator: EmulatorProcess) -> None:
    tokens = emulator.sign_in("streaming")
    for _ in range(2):
        status, fresh = refresh(emulator, tokens["refresh_token"])
        assert status == 200
        assert "refresh_token" not in fresh
        assert fresh["scope"] == "streaming"
    assert emulator.refreshes() == 2
    me = emulator.http.get(
        "/api.spotify.com/v1/me", headers={"authorization": f"Bearer {fresh['access_token']}"}
    )
    assert me.status_code == 200


def test_an_access_token_is_no_refresh_token(emulator: EmulatorProcess) -> None:
    assert (
        refresh(emulator, emulator.sign_in()["access_token"])[1]["error_description"]
        == "Invalid refresh token"
    )


def test_with_rotation_reuse_revokes_the_family(emulator: EmulatorProcess) -> None:
    emulator.settings(rotate=True)
    first = emulator.sign_in()["refresh_token"]
    second = refresh(emulator, first)[1]["refresh_token"]
    third = refresh(emulator, second)[1]["refresh_token"]
    assert len({first, second, third}) == 3
    revoked = {"error": "invalid_grant", "error_description": "Refresh token revoked"}
    assert refresh(emulator, first) == (400, revoked)
    assert refresh(emulator, third) == (400, revoked)


def test_without_reuse_detection_the_family_lives_on(emulator: EmulatorProcess) -> None:
    emulator.settings(rotate=True, reuse_detection=False)
    first = emulator.sign_in()["refresh_token"]
    second = refresh(emulator, first)[1]["refresh_token"]
    assert refresh(emulator, first)[1]["error_description"] == "Refresh token revoked"
    assert refresh(emulator, second)[0] == 200


def test_within_the_grace_reuse_answers_the_same_successor(emulator: EmulatorProcess) -> None:
    emulator.settings(rotate=True, grace_seconds=60)
    first = emulator.sign_in()["refresh_token"]
    second = refresh(emulator, first)[1]["refresh_token"]
    assert refresh(emulator, first)[1]["refresh_token"] == second
    emulator.advance(60)
    assert refresh(emulator, first)[0] == 400
    assert refresh(emulator, second)[0] == 400


def test_a_grant_dies_half_a_year_after_consent_however_often_it_is_refreshed(
    emulator: EmulatorProcess,
) -> None:
    token = emulator.sign_in()["refresh_token"]
    for _ in range(2):
        emulator.advance(90 * 86400)
        assert refresh(emulator, token)[0] == 200
    emulator.advance(2 * 86400)
    expired = {"error": "invalid_grant", "error_description": "Refresh token expired"}
    assert refresh(emulator, token) == (400, expired)


@pytest.mark.parametrize("what", ["refresh", "grants"])
def test_expiry_on_demand(emulator: EmulatorProcess, what: str) -> None:
    ana, ben = emulator.sign_in(account="ana"), emulator.sign_in(account="ben")
    assert emulator.expire(what, account="ana") == 1
    assert refresh(emulator, ana["refresh_token"])[1]["error_description"] == "Refresh token expired"
    assert refresh(emulator, ben["refresh_token"])[0] == 200


def test_access_tokens_expire_on_demand(emulator: EmulatorProcess) -> None:
    token = emulator.access_token()
    assert emulator.expire("access", account="ana") == 1
    answer = emulator.http.get("/api.spotify.com/v1/me", headers={"authorization": f"Bearer {token}"})
    assert answer.json()["error"]["message"] == "The access token expired"


@pytest.mark.parametrize("access", [True, False])
def test_revoking(emulator: EmulatorProcess, access: bool) -> None:
    tokens = emulator.sign_in()
    assert emulator.revoke("ana", CLIENT, access=access) == 1
    assert refresh(emulator, tokens["refresh_token"])[1]["error_description"] == "Refresh token revoked"
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    assert emulator.http.get("/api.spotify.com/v1/me", headers=headers).status_code == (
        401 if access else 200
    )
