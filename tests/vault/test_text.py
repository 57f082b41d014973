"""Hostile strings in every text column come back as what they are: data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql
from pydantic import SecretStr

from providers.base import Account, TokenSet
from tests.vault.upstreams import FakeUpstream, scalar
from vault.approvals import Approvals, Preview
from vault.ids import new_id
from vault.opaque import digest
from vault.rings.file import FileKeyRing
from vault.store.activity import Activity, Note
from vault.store.approvals import ApprovalRows
from vault.store.clients import Client, Clients
from vault.store.database import Database
from vault.store.documents import Documents
from vault.store.flows import AuthorizeRequest, Flows
from vault.store.grants import Grants
from vault.store.invitations import Invitations
from vault.store.pendings import Pending, Pendings
from vault.store.sessions import Sessions
from vault.store.states import State, States
from vault.store.tokens import Code, Tokens
from vault.store.users import Users
from vault.store.workers import Pool, Sign, Workers
from vault.vault import Vault, open_vault

HOSTILE = [
    "'; DROP TABLE connections; --",
    "' OR '1'='1",
    '"; SELECT pg_sleep(9); --',
    "$$; DELETE FROM users; $$",
    "%s %(owner)s {} {0} ${HOME}",
    "\\'; \\\\ \\x00 \\u0000",
    '{a,b,"c",NULL}',
    '[]{}": null, "scopes": ["spotify:write"]',
    "<script>alert(1)</script>",
    "a\r\nb\tc\x1b[31m",
    "\u202eevil\u200b 🎻 موسيقى",
    "NULL",
    "é" * 300,
]

# Written by us alone: fixed words, and addresses of our own.
OURS = {
    "meta.name", "meta.value", "deks.purpose", "deks.kek_ref", "connections.status", "connections.reason",
    "clients.kind", "clients.auth_method", "flows.kind", "states.purpose", "schema_migrations.name",
    "approvals.decision", "transfers.direction", "transfers.scopes",
    "activity.client_kind", "audit.event", "audit.outcome", "audit.tool", "audit.provider", "audit.detail",
}  # fmt: skip


async def written(database: Database, vault: Vault, text: str) -> None:
    """Write `text` through every function of the store that takes text, and read it back."""
    users, clients, flows = Users(database), Clients(database), Flows(database, b"k" * 32)
    user = await users.sign_in(text, os.urandom(32), text)
    assert user.display_name == text
    assert [(i.issuer, i.label) for i in await users.identities(user.id)] == [(text, text)]

    await clients.add(Client(text, "dcr", text, (text, "x"), "none"))
    assert await clients.find(text) == Client(text, "dcr", text, (text, "x"), "none")

    documents, vouched = Documents(database), Client(f"{text} 2", "cimd", text, (text,), "none")
    assert (await documents.turn(vouched.id, text)).state == "fetch"
    await documents.keep(vouched, 300)
    await documents.fail(vouched.id, text)
    assert (await documents.turn(vouched.id, text)).failure == text
    assert await clients.find(vouched.id) == vouched

    asked = AuthorizeRequest(text, text, text, True, frozenset({text}), text, text, text)
    flow = await flows.find_authorize(await flows.create_authorize(asked))
    assert flow is not None
    assert (flow.client_id, flow.client_name, flow.redirect_uri, flow.state, flow.resource) == (text,) * 5
    assert flow.scopes == {text}
    scopes = frozenset({text, "spotify:read"})
    code = digest(os.urandom(8).hex())
    await flows.approve(flow.id, user.id, asked=scopes, chosen=scopes, code_hash=code)
    [grant] = await Grants(database).list(user.id)
    assert (grant.client_id, grant.redirect_uri, grant.scopes) == (text, text, scopes)
    proofs: list[Code] = []
    await Tokens(database).exchange(code, text, lambda proof: not proofs.append(proof))
    assert [(p.redirect_uri, p.code_challenge, p.resource) for p in proofs] == [(text,) * 3]
    assert await scalar(database, "SELECT resource FROM families WHERE grant_id = %s", grant.id) == text
    assert await Grants(database).raise_(user.id, grant.id, frozenset({f"{text}2"})) == scopes | {f"{text}2"}

    link: dict[str, Any] = {
        "user_id": user.id, "client_id": text, "grant_id": grant.id, "provider": text,
        "ours": frozenset({text}), "upstream": frozenset({text}), "label": text,
    }  # fmt: skip
    handle = await flows.ask_connect(**link)
    assert await flows.ask_connect(**link) == handle
    connect = await flows.find_connect(handle)
    assert connect is not None
    assert (connect.provider, connect.label, connect.ours, connect.upstream) == (text, text, {text}, {text})

    state = State("connect", text, text, connect.id, user.id, new_id(), b"sealed", {text: [text]})
    key, browser = os.urandom(32), os.urandom(32)
    await States(database).add(key, browser, state)
    assert await States(database).consume(key, browser, text, user.id) == state

    tokens = TokenSet(SecretStr(text), 3600, SecretStr(text), frozenset({text}))
    account = Account(text, text, text, nickname=text)
    saved = await vault.save(user.id, text, text, account, tokens, frozenset(), None)
    assert (saved.provider, saved.app, saved.account_label, saved.scopes) == (text, text, text, {text})
    assert await vault.list(user.id) == [saved]
    # A label is one line, and short.
    assert saved.label == " ".join(text.split())[:54].strip()
    got = await vault.credential(user.id, text, saved.label)
    assert got.access_token.get_secret_value() == text
    await people(database, text, user.id)
    await kept(database, vault, text, user.id, grant.id)


async def people(database: Database, text: str, user: UUID) -> None:
    """What is known of a person's browsers, of what waits for their yes, and of who may come in."""
    sessions, session = Sessions(database), os.urandom(32)
    await sessions.begin(session, user, text)
    assert [visit.browser for visit in await sessions.list(user, session)] == [text]
    pending, key, browser = (
        Pending(text, user, new_id(), b"sealed", {text: text}, text, text, b"index"),
        os.urandom(32),
        os.urandom(32),
    )
    await Pendings(database).add(key, browser, pending)
    assert await Pendings(database).take(key, browser, user, text) == pending
    await Pendings(database).add(key, browser, pending)
    invitations = Invitations(database)
    assert await invitations.add(text) and text in await invitations.entries()
    pool, workers = Pool(10, 1, 0, 0.0, 0), Workers(database)
    sign = Sign(new_id(), [text], text, 1, text, text, text, pool)
    await workers.sign(sign)
    [found] = [each for each in await workers.list() if each.id == sign.id]
    assert (found.doors, found.version, found.origin) == ([text], text, text)
    assert (found.ring_active, found.ring_mark) == (text, text)
    await workers.leave(new_id())


async def kept(database: Database, vault: Vault, text: str, user: UUID, grant: UUID) -> None:
    """Apps, and what was done."""
    app = await vault.apps.save(user, text, text, SecretStr(text), text)
    assert (app.provider, app.client_id) == (text, text)
    approvals = Approvals(ApprovalRows(database), vault)
    await approvals.switch(user, {text}, ())
    assert await approvals.services(user) == {text} and await approvals.wanted(user, text)
    handle = await approvals.ask(
        approvals.deed(user, grant, text, None, [text]), Preview(text, ((text, text),))
    )
    question = await approvals.look(handle, user)
    assert question is not None and question.preview == Preview(text, ((text, text),))
    assert (question.row.tool, question.row.client_id, question.row.redirect_uri) == (text,) * 3
    # The client of that id was registered above: its kind and its address are looked up.
    note = Note(user, text, text, grant, text, text, text, text)
    await Activity(database).write([note])
    [entry] = await Activity(database).page(user, 9)
    assert (entry.action, entry.outcome, entry.client_id, entry.client_name) == (text,) * 4
    assert (entry.provider, entry.account, entry.redirect_uri) == (text,) * 3


@pytest.mark.parametrize("text", HOSTILE)
async def test_it_comes_back(database: Database, vault: Vault, text: str) -> None:
    await written(database, vault, f"{text} {os.urandom(4).hex()}")


async def test_every_text_column_was_written_to(
    empty_database: Database, tmp_path: Path, upstream: FakeUpstream
) -> None:
    """A column that the test above does not reach must be one that only we write."""
    vault = await open_vault(empty_database, FileKeyRing.create(tmp_path / "ring.json"), upstream)
    await written(empty_database, vault, HOSTILE[0])
    async with empty_database.connection() as link:
        cursor = await link.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
            " AND (data_type IN ('text', 'jsonb', 'character varying') OR udt_name = '_text')"
        )
        columns = await cursor.fetchall()
        missed = set()
        for table, column in columns:
            found = await link.execute(
                sql.SQL("SELECT count(*) FROM {} WHERE {}::text LIKE '%DROP TABLE%'").format(
                    sql.Identifier(table), sql.Identifier(column)
                )
            )
            row = await found.fetchone()
            if row is not None and row[0] == 0:
                missed.add(f"{table}.{column}")
    assert len(columns) > 30
    assert missed == OURS
