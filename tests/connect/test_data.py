"""My data: the copy holds everything but secrets, and a deletion leaves nothing of its person anywhere."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql
from pydantic import SecretStr

from providers.base import Parcel
from tests.connect.inn import ALL, Browser, Inn
from tests.support.bearer import speaks_for
from vault.approvals import Preview
from vault.errors import Busy
from vault.ids import new_id
from vault.opaque import digest, mint
from vault.store.clients import Client
from vault.store.pendings import Pending, Pendings
from vault.store.tokens import Issued, Tokens
from vault.store.transfers import TransferRows
from vault.store.users import User
from vault.transfers import Transfers

HERE, DELETE = "/account/data", "/account/data/delete"

# Every table with rows about people, and where they are in the copy. One that is missing here belongs into
# vault/store/dossier.py, both where it reads and where it destroys.
SECTIONS = {
    "users": "person",
    "identities": "identities",
    "sessions": "sessions",
    "connections": "connections",
    "deks": "keys",
    "apps": "own_apps",
    "states": "trips",
    "pendings": "waiting",
    "flows": "requests",
    "grants": "chats",
    "families": "tokens",
    "codes": "tokens",
    "access_tokens": "tokens",
    "refresh_tokens": "tokens",
    "activity": "activity",
    "audit_keys": "keys",
    "transfers": "file_links",
    "asks": "asks",
    "approvals": "questions",
}


class Planted:
    """A person with something in every table, and all that was secret about it."""

    def __init__(self, inn: Inn, browser: Browser, user: User) -> None:
        self.inn, self.browser, self.user = inn, browser, user
        self.secrets: set[str] = set()

    @classmethod
    async def plant(cls, inn: Inn, client: Client, person: str = "ana") -> Planted:
        browser, user = await inn.guest(person)
        planted = cls(inn, browser, user)
        await planted._at_providers(person)
        await planted._chats(client)
        await inn.diary.flush()
        await inn.audit.flush()
        cookies = {browser.cookie("valet"), browser.cookie("valet-browser")}
        planted.secrets |= {cookie for cookie in cookies if cookie} | set(inn.spotify.tokens)
        return planted

    async def _at_providers(self, person: str) -> None:
        inn, browser = self.inn, self.browser
        page = await browser.submit((await browser.get("/connect/spotify")).forms[0])
        await browser.arrive(inn.spotify.consent(page.refresh, person))
        secret = SecretStr(f"app-secret-{person}")
        await inn.vault.apps.save(self.user.id, "google", "my-client", secret, "Mine")
        self.secrets.add(secret.get_secret_value())
        page = await browser.submit((await browser.get("/connect/spotify?another=1")).forms[0])
        self.secrets.add(page.refresh.partition("state=")[2].partition("&")[0])
        sealed = inn.vault.seal("waiting", record := new_id(), b"to come")
        pending = Pending("connect", self.user.id, record, sealed, {})
        await Pendings(inn.database).add(digest(mint().get_secret_value()), b"b" * 32, pending)

    async def _chats(self, client: Client) -> None:
        inn = self.inn
        for spent in (True, False):
            flow = await inn.flows.find_authorize(await inn.asks(client))
            assert flow is not None
            back = await inn.authorize.approve(flow, self.user.id, ALL)
            code = back.partition("code=")[2].partition("&")[0]
            self.secrets.add(code)
            if spent:
                issued = await Tokens(inn.database).exchange(digest(code), client.id, lambda _: True)
                assert isinstance(issued, Issued)
                self.access = issued.access_token.get_secret_value()
                self.secrets |= {self.access, issued.refresh_token.get_secret_value()}
        resource = f"{inn.public_url}/mcp"
        token = await inn.stores.personal.add(new_id(), self.user.id, "Script", ALL, resource, 7)
        assert token is not None
        self.secrets.add(token.get_secret_value())
        grants = await inn.stores.grants.list(self.user.id)
        grant = next(each for each in grants if each.client_id == client.id)
        await inn.flows.ask_connect(
            user_id=self.user.id, client_id=client.id, grant_id=grant.id, provider="spotify", ours=ALL,
            upstream=frozenset(), label=None,
        )  # fmt: skip
        connection = (await inn.vault.list(self.user.id))[0]
        offered = await Transfers(TransferRows(inn.database), inn.vault).offer(
            user=self.user.id, grant=grant.id, connection=connection.id, scopes=ALL,
            parcel=Parcel("download", "google", "drive_file", "secret-name.txt", {"file": "secret-id"}),
        )  # fmt: skip
        self.secrets |= {offered.handle.get_secret_value(), "secret-name.txt", "secret-id"}
        await inn.approvals.switch(self.user.id, {"gmail"}, ())
        deed = inn.approvals.deed(
            self.user.id, grant.id, "gmail_send_message", connection.id, ["secret-body"]
        )
        shown = Preview("Send this mail", (("To", "secret-recipient"),))
        self.secrets |= {await inn.approvals.ask(deed, shown), "secret-body", "secret-recipient"}
        inn.diary.note(
            user_id=self.user.id, action="spotify_play", client_id=client.id, client_name=client.name,
            grant_id=grant.id, provider="spotify", account="private", milliseconds=5,
        )  # fmt: skip

    async def copy(self) -> tuple[str, dict[str, Any]]:
        page = await self.browser.submit((await self.browser.get(HERE)).form(HERE))
        assert page.status == 200
        assert page.headers["content-type"] == "application/json"
        assert page.headers["content-disposition"].startswith('attachment; filename="valet-')
        assert page.headers["cache-control"] == "no-store"
        return page.text, json.loads(page.text)

    async def delete(self) -> Any:
        page = await self.browser.get(DELETE)
        return await self.browser.submit(page.form(DELETE), sure="yes")


async def everything(inn: Inn) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    found = {}
    async with inn.database.connection() as link:
        names = await (
            await link.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
                " AND table_type = 'BASE TABLE'"
            )
        ).fetchall()
        for (name,) in names:
            rows = await link.execute(
                sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(sql.Identifier(name))
            )
            found[name] = [text for (text,) in await rows.fetchall()]
    return found


def theirs(tables: dict[str, list[str]]) -> dict[str, list[str]]:
    """Without what names nobody: the ends of trips, the counters of limits (keyed hashes), and the audit, in
    which a person is a word that only their key makes theirs; and that key is among the rest.
    """
    return {name: rows for name, rows in tables.items() if name not in {"states", "limits", "audit"}}


async def about_people(inn: Inn) -> set[str]:
    """Tables with rows of a person: those that point to users, however far, and those that name an owner."""
    async with inn.database.connection() as link:
        rows = await link.execute(
            "WITH RECURSIVE reach AS ("
            "  SELECT 'users'::regclass::oid AS id UNION"
            "  SELECT c.conrelid FROM pg_constraint c JOIN reach ON c.confrelid = reach.id"
            "  WHERE c.contype = 'f')"
            " SELECT id::regclass::text FROM reach UNION"
            " SELECT table_name FROM information_schema.columns WHERE table_schema = 'public'"
            "  AND column_name IN ('owner', 'user_id')"
        )
        return {name for (name,) in await rows.fetchall()}


async def test_every_table_about_people_is_in_the_copy_and_nothing_secret_is(inn: Inn) -> None:
    assert await about_people(inn) == SECTIONS.keys()
    before = await everything(inn)
    ana = await Planted.plant(inn, await inn.client("Claude"))
    for table, rows in (await everything(inn)).items():
        assert len(rows) > len(before[table]) or table not in SECTIONS, f"nothing was planted in {table}"
    text, copy = await ana.copy()
    for table, section in SECTIONS.items():
        assert copy[section], f"{table} is not in the copy"
    assert len(ana.secrets) >= 8
    for secret in ana.secrets:
        assert secret not in text
    for value in await _bytes(inn):
        assert value.hex() not in text
        assert base64.b64encode(value).decode() not in text
        assert base64.urlsafe_b64encode(value).decode().rstrip("=") not in text


async def _bytes(inn: Inn) -> set[bytes]:
    """Every hash, sealed body and wrapped key that there is."""
    found: set[bytes] = set()
    async with inn.database.connection() as link:
        columns = await link.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type = 'bytea'"
        )
        for table, column in await columns.fetchall():
            query = sql.SQL("SELECT {} FROM {} WHERE {} IS NOT NULL")
            name = sql.Identifier(column)
            rows = await link.execute(query.format(name, sql.Identifier(table), name))
            found |= {bytes(value) for (value,) in await rows.fetchall()}
    assert len(found) > 10
    return found


async def test_the_copy_says_what_there_is(inn: Inn) -> None:
    client = await inn.client("Claude")
    ana = await Planted.plant(inn, client)
    _, copy = await ana.copy()
    assert copy["person"][0]["display_name"] == "Ana"
    assert [each["label"] for each in copy["identities"]] == ["Ana"]
    [connection] = copy["connections"]
    assert (connection["provider"], connection["account"], connection["status"]) == (
        "spotify",
        "Ana",
        "active",
    )
    assert copy["own_apps"][0]["client_id"] == "my-client"
    chat, token = copy["chats"]
    assert (token["name"], token["kind"]) == ("Script", "personal")
    assert (chat["client_id"], chat["name"], chat["scopes"]) == (client.id, "Claude", sorted(ALL))
    assert {each["token"] for each in copy["tokens"]} == {"access", "refresh", "code"}
    assert {each["action"] for each in copy["activity"]} >= {"spotify_play", "connected"}
    assert copy["activity"][0]["at"].endswith("+00:00")


async def test_a_copy_holds_nothing_of_others(inn: Inn) -> None:
    client = await inn.client("Claude")
    await Planted.plant(inn, client)
    ben = await Planted.plant(inn, client, "ben")
    text, copy = await ben.copy()
    assert not re.search(r"\bAna\b", text)  # a word: what is random may hold any three letters
    assert all(len(copy[section]) == 1 for section in ("person", "identities", "connections"))
    assert len(copy["chats"]) == 2


async def test_a_long_activity_is_whole(inn: Inn) -> None:
    browser, user = await inn.guest()
    await inn.diary.flush()
    await inn.run(
        "INSERT INTO activity (id, user_id, at, action, outcome)"
        " SELECT gen_random_uuid(), %s, now() - n * interval '1 second', 'tool_' || n, 'ok'"
        " FROM generate_series(1, 1203) n",
        user.id,
    )
    page = await browser.submit((await browser.get(HERE)).form(HERE))
    actions = [entry["action"] for entry in json.loads(page.text)["activity"]]
    assert [a for a in actions if a.startswith("tool_")] == [f"tool_{n}" for n in range(1, 1204)]


async def test_a_copy_needs_the_form_of_the_page(inn: Inn) -> None:
    browser, _ = await inn.guest()
    assert (await browser.post(HERE, {})).status == 403
    assert (await inn.browser().post(HERE, {})).location.startswith("/signin")


async def test_nothing_of_a_person_remains_and_everything_of_others_does(inn: Inn) -> None:
    client = await inn.client("Claude")
    ben = await Planted.plant(inn, client, "ben")
    before = await everything(inn)
    ana = await Planted.plant(inn, client)
    page = await ana.delete()
    assert page.status == 200 and "It is done" in page.text
    await inn.diary.flush()
    after = await everything(inn)
    # What a sign-in leaves of a trip is nobody's: it names no person, and goes within a day.
    left = [row for row in after["states"] if row not in before["states"]]
    assert all(",signin," in row and str(ana.user.id) not in row for row in left)
    await inn.audit.flush()
    written = (await everything(inn))["audit"]
    assert len(written) > len(before["audit"])
    assert not any(str(ana.user.id) in row or ana.user.id.hex in row for row in written)
    assert theirs(after) == theirs(before)
    assert (await ben.browser.get("/account")).status == 200
    assert await speaks_for(inn.database, digest(ben.access)) is not None


async def test_the_last_page_says_what_is_left_to_do_and_the_person_is_out(inn: Inn) -> None:
    ana = await Planted.plant(inn, await inn.client("Claude"))
    other = inn.browser()
    await inn.sign_in(other)
    inn.operated._apps = {}  # Spotify is set up here no more: its page is named all the same
    page = await ana.delete()
    assert "https://www.spotify.com/account/apps/" in page.links
    assert "it may still list Valet" in page.text
    # Who may come in is the operator's word, and stays.
    assert "guest list is not Valet’s to change" in page.text
    assert ana.browser.cookie("valet") is None
    for browser in (ana.browser, other):
        assert (await browser.get("/account")).location.startswith("/signin")
    assert await speaks_for(inn.database, digest(ana.access)) is None


async def test_who_comes_back_is_somebody_new(inn: Inn) -> None:
    ana = await Planted.plant(inn, await inn.client("Claude"))
    await ana.delete()
    browser, user = await inn.guest()
    assert user.id != ana.user.id
    assert "Not connected" in (await browser.get("/account")).text


async def test_it_takes_a_tick_a_form_and_a_fresh_sign_in(inn: Inn) -> None:
    browser, user = await inn.guest()
    form = (await browser.get(DELETE)).form(DELETE)
    page = await browser.submit(form)
    assert page.status == 400 and "Nothing was deleted" in page.text
    assert (await browser.submit(form, sure="yes", csrf="x" * 64)).status == 403
    assert (await browser.post(DELETE, {"sure": "yes"})).status == 403
    assert (await inn.browser().post(DELETE, {"sure": "yes"})).location.startswith("/signin")
    await inn.run("UPDATE sessions SET authenticated_at = now() - interval '11 minutes'")
    for page in (await browser.get(DELETE), await browser.submit(form, sure="yes")):
        assert page.location == "/signin?next=%2Faccount%2Fdata%2Fdelete&again=1"
    assert await inn.stores.users.find(user.id) is not None


@pytest.mark.parametrize("step", ["silence", "first", "last", "destroy", "destroyed"])
async def test_stopped_halfway_it_is_finished_by_doing_it_again(
    inn: Inn, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    client = await inn.client("Claude")
    before = await everything(inn)
    ana = await Planted.plant(inn, client)
    page = await ana.browser.submit((await ana.browser.get("/connect/spotify?another=1")).forms[0])
    await ana.browser.arrive(inn.spotify.consent(page.refresh, "ben"))
    assert len(await inn.vault.list(ana.user.id)) == 2
    with monkeypatch.context() as stopped:
        _stop(inn, stopped, step)
        page = await ana.delete()
        assert page.status == 503
        assert "It is not all deleted yet" in page.text
    if step != "silence":
        assert await speaks_for(inn.database, digest(ana.access)) is None, "the tokens die first"
    page = await ana.browser.get(DELETE)
    if step != "destroyed":
        page = await ana.browser.submit(page.form(DELETE), sure="yes")
        assert "It is done" in page.text
    await inn.diary.flush()
    assert theirs(await everything(inn)) == theirs(before)


def _stop(inn: Inn, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Take the database away at that step of the next deletion."""
    dossiers = inn.stores.dossiers
    ends = 0
    destroy, disconnect = dossiers.destroy, inn.vault.disconnect

    async def broken_silence(user: UUID) -> None:
        raise Busy("away")

    async def broken_disconnect(owner: UUID, connection: UUID) -> Any:
        nonlocal ends
        ends += 1
        if ends == (1 if step == "first" else 2):
            raise Busy("away")
        return await disconnect(owner, connection)

    async def broken_destroy(user: UUID) -> bool:
        if step == "destroyed":
            await destroy(user)
        raise Busy("away")

    if step == "silence":
        monkeypatch.setattr(dossiers, "silence", broken_silence)
    elif step in {"first", "last"}:
        monkeypatch.setattr(inn.vault, "disconnect", broken_disconnect)
    else:
        monkeypatch.setattr(dossiers, "destroy", broken_destroy)


async def test_a_failing_statement_of_the_end_takes_nothing_half(inn: Inn) -> None:
    """The last transaction is one: a person whose row can't go keeps the keys that go before it."""
    ana = await Planted.plant(inn, await inn.client("Claude"))
    await inn.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$"
    )
    await inn.run("CREATE TRIGGER refuse BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION refuse()")
    try:
        keys = await inn.count("SELECT count(*) FROM deks WHERE owner = %s AND purpose = 'app'", ana.user.id)
        page = await ana.delete()
        assert page.status == 500
        assert (
            keys
            == 1
            == await inn.count("SELECT count(*) FROM deks WHERE owner = %s AND purpose = 'app'", ana.user.id)
        )
    finally:
        await inn.run("DROP FUNCTION refuse CASCADE")
    assert "It is done" in (await ana.delete()).text
