"""What the rows of a busy house are made of: bytes of the class that docs/storage.md says."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable

from psycopg import sql

from connect.limits import RULES
from tests.connect.inn import Inn
from tests.connect.test_data import Planted
from tests.test_storage import columns
from vault.opaque import digest, mint
from vault.purposes import SUCCESSOR
from vault.store.clients import Client
from vault.store.limits import Limits
from vault.store.ownerlinks import OwnerLinks
from vault.store.setups import Setups
from vault.store.tokens import Tokens

LOOKS: dict[str, Callable[[bytes], bool]] = {
    "SHA-256": lambda value: len(value) == 32,
    "keyed hash": lambda value: len(value) in {16, 32},
    "pseudonym": lambda value: len(value) == 16,
    "envelope": lambda value: value.startswith(b"VLT\x01\x01") and len(value) >= 85,
    "wrapped key": lambda value: value.startswith(b"\x01") and len(value) == 61,
    "plain": lambda value: len(value) == 32,
}

ELSEWHERE = {"audit", "audit_keys"}
"""Tables whose rows are looked at byte by byte in tests of their own."""


async def busy(inn: Inn) -> Planted:
    """Something in every column of bytes."""
    ana = await Planted.plant(inn, await inn.client("Claude"))
    known = Client("with-a-secret", "dcr", "x", ("https://x.example/",), "client_secret_post", digest("x"))
    await inn.clients.add(known)
    token = next(secret for secret in ana.secrets if secret.startswith("vlt_rt_"))
    [client] = [one for one in await inn.stores.grants.list(ana.user.id) if one.client_name == "Claude"]
    await Tokens(inn.database).refresh(
        digest(token),
        client.client_id,
        lambda record, plain: inn.vault.seal(SUCCESSOR, record, plain),
        lambda record, sealed: inn.vault.open(SUCCESSOR, record, sealed),
    )
    await OwnerLinks(inn.database).add(digest(mint().get_secret_value()))
    link = digest(mint().get_secret_value())
    await Setups(inn.database).add(link)
    assert await Setups(inn.database).begin(link, digest("session"), digest("browser"))
    claims = [inn.vault.index("https://accounts.example", "hd:example.com")]
    await inn.stores.users.sign_in("https://accounts.example", os.urandom(32), "Ben", claims=claims)
    await Limits(inn.database, inn.vault.derive("limits")).take(RULES[0], "somebody")
    return ana


async def test_bytes_are_of_the_class_that_is_said(inn: Inn) -> None:
    await busy(inn)
    said = {key: klass for key, (kind, klass) in columns().items() if kind.startswith("bytea")}
    assert len(said) > 20
    for (table, column), klass in said.items():
        if table in ELSEWHERE:
            continue
        values = await _values(inn, table, column)
        assert values, f"nothing rests in {table}.{column}: put something there"
        for value in values:
            assert LOOKS[klass](value), f"{table}.{column} is no {klass}"
    pages = await _pages(inn)
    assert pages
    assert all(LOOKS["envelope"](base64.b64decode(each)) for each in pages)


async def _values(inn: Inn, table: str, column: str) -> list[bytes]:
    query = sql.SQL("SELECT {} FROM {} WHERE {} IS NOT NULL").format(
        sql.Identifier(column), sql.Identifier(table), sql.Identifier(column)
    )
    async with inn.database.connection() as link:
        found = [value for (value,) in await (await link.execute(query)).fetchall()]
    flat = [each for value in found for each in (value if isinstance(value, list) else [value])]
    return [bytes(each) for each in flat]


async def _pages(inn: Inn) -> list[str]:
    query = "SELECT params->>'pages' FROM pendings WHERE params ? 'pages'"
    async with inn.database.connection() as link:
        return [pages for (pages,) in await (await link.execute(query)).fetchall()]
