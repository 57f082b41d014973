"""Edited rows and the person's own pages: they still open, end or mend the connection, and show nothing."""

from __future__ import annotations

import pytest

from tests.connect.inn import Inn, state_of
from tests.connect.test_account import connected

EDITS = {
    "body": "UPDATE connections SET body = '\\x00' WHERE owner = %s",
    "no body": "UPDATE connections SET body = NULL WHERE owner = %s",
    "key": "UPDATE deks SET wrapped = '' WHERE owner = %s",
    "no key": "DELETE FROM deks WHERE owner = %s",
    "reference": "UPDATE deks SET kek_ref = 'file:canary:9' WHERE owner = %s",
    "version": "UPDATE connections SET secret_version = 9223372036854775807 WHERE owner = %s",
    "impossible version": "UPDATE connections SET secret_version = -9 WHERE owner = %s",
}


@pytest.mark.parametrize("edit", EDITS)
async def test_a_connection_that_was_edited_can_be_seen_and_ended(inn: Inn, edit: str) -> None:
    browser, user = await inn.guest()
    connection = await connected(inn, browser, user)
    await inn.run(EDITS[edit], user.id)
    page = await browser.get("/account")
    assert page.status == 200 and "Spotify" in page.text and "canary" not in page.text
    page = await browser.get(f"/disconnect/{connection.id}")
    page = await browser.submit(page.forms[0])
    assert page.location == "/account?ended=spotify&told=0"
    assert (await browser.get(page.location)).status == 200
    assert await inn.vault.list(user.id) == []


@pytest.mark.parametrize("edit", EDITS)
async def test_a_connection_that_was_edited_can_be_connected_again(inn: Inn, edit: str) -> None:
    browser, user = await inn.guest()
    connection = await connected(inn, browser, user)
    await inn.run(EDITS[edit], user.id)
    again = await connected(inn, browser, user)
    assert again.id == connection.id
    got = await inn.vault.credential(user.id, "spotify")
    assert got.access_token.get_secret_value() in inn.spotify.tokens
    assert (await browser.get("/account")).status == 200


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE states SET sealed = substr(sealed, 1, 20)",
        "UPDATE states SET sealed = set_byte(sealed, 70, 1 # get_byte(sealed, 70))",
        "UPDATE states a SET sealed = b.sealed FROM states b WHERE a.hash <> b.hash",
        "UPDATE states a SET record_id = b.record_id FROM states b WHERE a.hash <> b.hash",
    ],
    ids=["cut", "edited", "another's", "another's id"],
)
async def test_a_trip_whose_row_was_edited_ends_on_a_page_and_spends_no_code(inn: Inn, edit: str) -> None:
    browser, user = await inn.guest()
    pages = []
    for somebody in (browser, (await inn.guest("ben"))[0]):
        page = await somebody.get("/connect/spotify")
        pages.append(await somebody.submit(page.forms[0]))
    callback = inn.spotify.consent(pages[0].refresh, "ana")
    # Only the two trips that are under way: sign-ins left rows too.
    await inn.run("DELETE FROM states WHERE consumed_at IS NOT NULL")
    assert await inn.count("SELECT count(*) FROM states WHERE hash = %s", state_of(pages[0].refresh)) == 1
    await inn.run(edit)
    codes = set(inn.spotify.codes)
    page = await browser.get(callback)
    assert page.status == 500 and "<h1>" in page.text
    for word in ("sealed", "Tampered", "Malformed", "Traceback", "states", str(user.id)):
        assert word not in page.text
    assert set(inn.spotify.codes) == codes, "the code was not sent"
    assert await inn.vault.list(user.id) == []
    assert (await browser.get("/account")).status == 200
