"""What happens at the front door stands in the audit: each thing once, in the words of docs/audit.md."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connect.limits import ARRIVALS
from tests.connect.authserver import House, open_house
from tests.connect.inn import HTTPS_URL, Inn
from tests.connect.test_personal import fill
from tests.connect.test_setup import printed
from vault.audit.row import Row
from vault.store.audit import AuditRows
from vault.store.database import Database
from vault.store.users import Users


async def written(inn: Inn) -> list[Row]:
    """Everything that this sidecar wrote, in order."""
    await inn.audit.flush()
    found: list[Row] = []
    after = None
    while page := await AuditRows(inn.database).page(after, 500):
        found += [row for row in page if row.worker == inn.audit.worker]
        after = page[-1].place
    return [row for row in found if row.event != "worker_started"]


async def events(inn: Inn) -> list[tuple[str, str, str | None]]:
    return [(row.event, row.outcome, row.detail) for row in await written(inn)]


async def test_a_persons_day(inn: Inn) -> None:
    browser, user = await inn.guest()
    client = await inn.client()
    for decision in ("allow", "deny"):
        page = await browser.get(f"/consent?h={await inn.asks(client)}")
        await browser.submit(page.form("/consent"), decision=decision)
    page = await browser.submit((await browser.get("/connect/spotify")).forms[0])
    await browser.arrive(inn.spotify.consent(page.refresh, "ana"))
    await fill(browser)
    [token] = [each for each in await inn.stores.personal.list(user.id)]
    page = await browser.get("/account/tokens")
    await browser.submit(page.form(f"/account/tokens/{token.id}/end"))
    [connection] = await inn.vault.list(user.id)
    page = await browser.get(f"/disconnect/{connection.id}")
    await browser.submit(page.forms[0])
    page = await browser.get("/account/chats")
    [cut] = [form for form in page.forms if form.action.endswith("/cut")]
    await browser.submit(cut)
    await browser.submit((await browser.get("/account/data")).form("/account/data"))
    await browser.submit((await browser.get("/account/data/delete")).form("/account/data/delete"), sure="yes")
    rows = await written(inn)
    assert [(row.event, row.outcome) for row in rows] == [
        ("signed_in", "ok"),
        ("chat_allowed", "ok"),
        ("chat_denied", "refused"),
        ("connected", "ok"),
        ("token_made", "ok"),
        ("token_ended", "ok"),
        ("disconnected", "ok"),
        ("chat_cut_off", "ok"),
        ("exported", "ok"),
        ("deleted", "ok"),
    ]
    named = rows[:-1]
    assert len({row.person for row in named}) == 1 and named[0].person is not None
    assert (rows[-1].person, rows[-1].client) == (None, None), "of the account that is gone it names nobody"
    by_event = {row.event: row for row in rows}
    assert by_event["connected"].provider == by_event["disconnected"].provider == "spotify"
    chats = {by_event[event].client for event in ("chat_allowed", "chat_denied", "chat_cut_off")}
    assert len(chats) == 1 and None not in chats, "the same client, whether named itself or by its grant"
    assert by_event["token_ended"].client not in chats


async def test_who_deletes_their_account_is_not_told_by_their_address(inn: Inn) -> None:
    browser, _ = await inn.guest()
    with inn.audit.visit("192.0.2.1"):
        await browser.submit((await browser.get("/account/data")).form("/account/data"))
        await inn.audit.flush()
        page = await browser.get("/account/data/delete")
        await browser.submit(page.form("/account/data/delete"), sure="yes")
    addresses = {row.event: row.address for row in await written(inn)}
    assert addresses["exported"] is not None
    assert addresses["deleted"] is None


async def test_who_is_not_let_in(inn: Inn) -> None:
    await inn.sign_in(inn.browser(), "eve")
    _, user = await inn.guest()
    await Users(inn.database).block(user.id)
    await inn.sign_in(inn.browser())
    await inn.browser().get("/owner?t=" + "x" * 43)
    assert await events(inn) == [
        ("signin_refused", "refused", "not_invited"),
        ("signed_in", "ok", None),
        ("signin_refused", "refused", "blocked"),
    ]
    page = await inn.browser().get("/owner?t=" + "x" * 43)
    other = inn.browser()
    page = await other.get("/owner?t=" + "x" * 43)
    await other.submit(page.form("/owner"))
    assert (await events(inn))[-1] == ("signin_refused", "refused", "spent_link")


async def test_forms_and_links_that_are_not_ours(inn: Inn) -> None:
    browser, _ = await inn.guest()
    await browser.post("/account/data", {"csrf": "x" * 64})
    await browser.get("/consent?h=" + "x" * 43)
    await browser.get("/callback/spotify?state=" + "x" * 43 + "&code=x")
    assert (await events(inn))[1:] == [
        ("page_refused", "refused", "not_our_form"),
        ("page_refused", "refused", "unknown"),
        ("page_refused", "refused", "unknown"),
    ]


async def test_the_operators_setup(inn_database: Database, inn_ring: object) -> None:
    inn = await Inn.open(inn_database, inn_ring, public_url=HTTPS_URL, owner_links=False)  # type: ignore[arg-type]
    await inn.browser().get("/setup")
    link = await printed(inn)
    browser = inn.browser()
    await browser.submit((await browser.get(link)).form("/setup"))
    await inn.browser().get(link)
    page = await browser.get("/setup")
    await browser.submit(page.form("/setup/guests"), entry="@canary.example")
    page = await browser.get("/setup")
    await browser.submit(page.form("/setup/guests/remove"))
    assert await events(inn) == [
        ("setup_refused", "refused", "closed"),
        ("link_made", "ok", "setup"),
        ("setup_opened", "ok", None),
        ("setup_refused", "refused", "spent_link"),
        ("guest_added", "ok", "setup"),
        ("guest_removed", "ok", "setup"),
    ]
    assert "canary" not in str(await written(inn))


async def test_too_much_of_a_thing(inn: Inn) -> None:
    browser = inn.browser()
    form = (await browser.get("/signin")).form("/signin")
    for _ in range(ARRIVALS.burst + 3):
        page = await browser.submit(form)
        if page.status == 429:
            break
    assert page.status == 429
    assert (await events(inn))[-1] == ("rate_limited", "refused", "arrivals")


# --- tokens ---------------------------------------------------------------------------------------


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    async with open_house(database) as house:
        yield house


async def test_tokens_given_and_given_back(house: House) -> None:
    client = (await house.register())["client_id"]
    first = await house.login(client)
    [grant] = await house.grants.list(house.user)
    second = (await house.refresh(client, first["refresh_token"])).json()
    for _ in range(2):
        await house.http.post("/revoke", data={"client_id": client, "token": second["access_token"]})
    assert house.witness.told == [
        ("tokens_issued", {"grant_id": grant.id}),
        ("tokens_refreshed", {"user_id": house.user, "client_id": client}),
        ("tokens_revoked", {"grant_id": grant.id}),
    ]


async def test_tokens_refused(house: House) -> None:
    client = (await house.register())["client_id"]
    secret = await house.register(token_endpoint_auth_method="client_secret_post")
    tokens = await house.login(client)
    house.witness.told.clear()
    await house.refresh("vlt_client_nobody", "x")
    await house.refresh(secret["client_id"], "x", client_secret="canary")
    await house.exchange(client, "vlt_ac_canary")
    code = await house.code(client)
    await house.exchange(client, code, code_verifier="w" * 43)
    code = await house.code(client)
    for _ in range(2):
        await house.exchange(client, code)
    await house.refresh(client, "vlt_rt_canary")
    house.banned.add(house.user)
    await house.refresh(client, tokens["refresh_token"])
    house.banned.clear()
    await house.http.post("/revoke", data={"client_id": client, "token": tokens["refresh_token"]})
    await house.refresh(client, tokens["refresh_token"])
    told = house.witness.of("tokens_refused")
    assert [(said.get("client_id"), said["detail"], said.get("user_id")) for said in told] == [
        (None, "client", None),
        (secret["client_id"], "client", None),
        (client, "code_unknown", None),
        (client, "code_mismatch", None),
        (client, "code_repeated", None),
        (client, "unknown", None),
        (client, "not_allowed", house.user),
        (client, "unknown", house.user),
    ]
    assert all(said["outcome"] == "refused" for said in told)
    assert "canary" not in str(house.witness.told)


async def test_a_token_that_was_passed_on(house: House) -> None:
    client = (await house.register())["client_id"]
    first = await house.login(client)
    second = (await house.refresh(client, first["refresh_token"])).json()
    await house.refresh(client, second["refresh_token"])
    await house.age(first["refresh_token"])
    await house.refresh(client, first["refresh_token"])
    assert house.witness.of("tokens_refused") == [
        {"outcome": "refused", "user_id": house.user, "client_id": client, "detail": "replayed"}
    ]


async def test_looking_is_no_event(inn: Inn, house: House) -> None:
    browser, _ = await inn.guest()
    before = len(await written(inn))
    for path in ("/account", "/account/chats", "/account/data", "/signin", "/setup?t=short", "/nowhere"):
        await browser.get(path)
    assert len(await written(inn)) - before <= 1, "but for a setup that is closed"
    await house.ask((await house.register())["client_id"])
    assert house.witness.told == []
