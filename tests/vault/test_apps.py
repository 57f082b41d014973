"""Apps in the vault: a person's own serves that person only, through every edit of its row."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from providers.base import Account, App, AppRejected
from tests.vault.upstreams import SCOPES, FakeUpstream, run, scalar, until
from vault.apps import OwnApp
from vault.errors import AppInUse, Malformed, PersonGone, Sealed, Tampered, UnknownApp
from vault.ids import new_id, operator_id
from vault.store.database import Database
from vault.vault import Vault

Person = Callable[[], Awaitable[UUID]]
SECRET = "canary-of-an-app"


async def own(vault: Vault, owner: UUID, secret: str | None = SECRET, client: str = "mine") -> OwnApp:
    return await vault.apps.save(owner, "spotify", client, SecretStr(secret) if secret else None)


async def through(vault: Vault, upstream: FakeUpstream, owner: UUID, app: str, subject: str = "ana") -> Any:
    account = Account("https://accounts.spotify.com", subject, subject.title())
    return await vault.save(owner, "spotify", app, account, upstream.grant(), SCOPES, None)


async def keys(database: Database, owner: UUID) -> list[str]:
    async with database.connection() as link:
        cursor = await link.execute("SELECT purpose FROM deks WHERE owner = %s ORDER BY purpose", (owner,))
        return [str(row[0]) for row in await cursor.fetchall()]


@pytest.mark.parametrize("secret", [SECRET, None])
async def test_an_app_comes_back_as_it_was(
    vault: Vault, database: Database, person: Person, secret: str | None
) -> None:
    ana = await person()
    saved = await own(vault, ana, secret)
    [listed] = await vault.apps.list(ana)
    assert (listed.id, listed.client_id, listed.has_secret) == (saved.id, "mine", secret is not None)
    for app in (await vault.apps.of(ana, "spotify"), await vault.apps.app(ana, "spotify", saved.ref)):
        assert app is not None and app.ref == saved.ref == f"own:{saved.id}"
        assert app.client_id == "mine"
        assert (app.client_secret and app.client_secret.get_secret_value()) == secret
    row = await scalar(database, "SELECT body FROM apps WHERE id = %s", saved.id)
    assert SECRET.encode() not in bytes(row)
    assert SECRET not in repr((listed, app, vault.apps))


async def test_nobody_else_gets_it(vault: Vault, upstream: FakeUpstream, person: Person) -> None:
    ana, ben = await person(), await person()
    saved = await own(vault, ana)
    assert await vault.apps.of(ben, "spotify") is None
    assert await vault.apps.list(ben) == []
    for whose in (ben, operator_id()):
        with pytest.raises(UnknownApp):
            await vault.apps.app(whose, "spotify", saved.ref)
    with pytest.raises(UnknownApp):
        await through(vault, upstream, ben, saved.ref)
    with pytest.raises(UnknownApp):
        await vault.delete_app(ben, "spotify")
    assert await vault.apps.of(ana, "spotify") is not None
    await own(vault, ben, client="bens")
    with pytest.raises(UnknownApp):
        await vault.apps.app(ben, "spotify", saved.ref)


async def test_a_refresh_goes_through_the_app_that_issued_it(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    ana = await person()
    saved = await own(vault, ana)
    connection = await through(vault, upstream, ana, saved.ref)
    before = await vault.credential(ana, "spotify")
    await vault.credential(ana, "spotify", refused=before.version)
    [app] = upstream.apps
    assert isinstance(app, App) and app.client_id == "mine" and app.client_secret is not None
    assert app.client_secret.get_secret_value() == SECRET
    # Somebody else's row that names it sends nothing: not even where the database says it is theirs.
    ben = await person()
    theirs = await through(vault, upstream, ben, "operator", "ben")
    await run(database, "UPDATE connections SET app = %s WHERE id = %s", saved.ref, theirs.id)
    upstream.calls.clear()
    with pytest.raises(Sealed):
        await vault.credential(ben, "spotify", refused=1)
    assert upstream.calls == [] and connection.app == saved.ref


EDITS = {
    "given to another": ("UPDATE apps SET owner = %(ben)s, user_id = %(ben)s WHERE id = %(app)s", Malformed),
    "given to another with its key": (
        "WITH moved AS (UPDATE deks SET owner = %(ben)s WHERE id ="
        " (SELECT dek_id FROM apps WHERE id = %(app)s))"
        " UPDATE apps SET owner = %(ben)s, user_id = %(ben)s WHERE id = %(app)s",
        Tampered,
    ),
    "given to the operator with its key": (
        "WITH moved AS (UPDATE deks SET owner = %(nobody)s WHERE id ="
        " (SELECT dek_id FROM apps WHERE id = %(app)s))"
        " UPDATE apps SET owner = %(nobody)s, user_id = NULL WHERE id = %(app)s",
        Tampered,
    ),
    "another client id": ("UPDATE apps SET client_id = 'evil' WHERE id = %(app)s", Tampered),
    "another provider": ("UPDATE apps SET provider = 'google' WHERE id = %(app)s", Tampered),
    "no body": ("UPDATE apps SET body = NULL WHERE id = %(app)s", Malformed),
    "half a body": ("UPDATE apps SET body = substr(body, 1, 60) WHERE id = %(app)s", Malformed),
    "another's body": (
        "UPDATE apps SET body = (SELECT body FROM apps WHERE id = %(other)s) WHERE id = %(app)s",
        Tampered,
    ),
    "another's body and key": (
        "UPDATE apps a SET body = b.body, dek_id = b.dek_id FROM apps b"
        " WHERE a.id = %(app)s AND b.id = %(other)s",
        Malformed,
    ),
    "a key of another purpose": (
        "UPDATE deks SET purpose = 'connection' WHERE id = (SELECT dek_id FROM apps WHERE id = %(app)s)",
        Malformed,
    ),
    "another id": ("UPDATE apps SET id = %(fresh)s WHERE id = %(app)s", Tampered),
}


@pytest.mark.parametrize("secret", [SECRET, None], ids=["secret", "no secret"])
@pytest.mark.parametrize("edit", EDITS)
async def test_an_edited_row_opens_for_nobody(
    vault: Vault, database: Database, person: Person, edit: str, secret: str | None
) -> None:
    await run(database, "DELETE FROM apps WHERE user_id IS NULL")
    ana, ben, carl = await person(), await person(), await person()
    app, other = await own(vault, ana, secret), await own(vault, carl, secret)
    names = {"app": app.id, "other": other.id, "ben": ben, "nobody": operator_id(), "fresh": new_id()}
    async with database.connection() as link:
        await link.execute(EDITS[edit][0], names)
    whose = {"ben": ben, "nobody": operator_id()}
    owner = next((whose[name] for name in whose if f"owner = %({name})s" in EDITS[edit][0]), ana)
    provider = "google" if "google" in EDITS[edit][0] else "spotify"
    with capture_logs() as logs, pytest.raises(EDITS[edit][1]) as caught:
        await vault.apps.of(owner, provider)
    assert [entry["event"] for entry in logs].count("sealed_record_refused") == 1
    assert SECRET not in f"{caught.value!r} {logs}"
    if owner != ana:
        assert await vault.apps.of(ana, "spotify") is None


async def test_an_app_that_does_not_open_costs_nobody_their_connection(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    ana = await person()
    saved = await own(vault, ana)
    connection = await through(vault, upstream, ana, saved.ref)
    await run(database, "UPDATE apps SET client_id = 'evil' WHERE id = %s", saved.id)
    with pytest.raises(AppRejected) as caught:
        await vault.credential(ana, "spotify", refused=1)
    assert caught.value.own
    assert upstream.calls == []
    [still] = await vault.list(ana)
    assert (still.id, still.status) == (connection.id, "active")


@pytest.mark.parametrize("own_app", [True, False])
async def test_an_app_that_the_provider_refuses_is_told_by_whose_it_is(
    vault: Vault, upstream: FakeUpstream, person: Person, own_app: bool
) -> None:
    ana = await person()
    await through(vault, upstream, ana, (await own(vault, ana)).ref if own_app else "operator")
    upstream.error = AppRejected("spotify", "refresh")
    # The second finds the app left alone.
    for _ in range(2):
        with pytest.raises(AppRejected) as caught:
            await vault.credential(ana, "spotify", refused=1)
        assert caught.value.own is own_app
    assert len(upstream.calls) == 1


async def test_deleting_it_ends_its_connections_and_no_other(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    ana, ben = await person(), await person()
    saved = await own(vault, ana)
    await through(vault, upstream, ana, saved.ref)
    kept = await through(vault, upstream, ana, "operator", "work")
    await through(vault, upstream, ben, (await own(vault, ben, client="bens")).ref)
    assert await keys(database, ana) == ["app", "connection", "connection"]
    [ended] = await vault.delete_app(ana, "spotify")
    assert ended.connection.app == saved.ref and ended.told
    assert [row.id for row in await vault.list(ana)] == [kept.id]
    assert await keys(database, ana) == ["connection"]
    assert await vault.apps.list(ana) == []
    assert len(await vault.list(ben)) == 1 and len(await vault.apps.list(ben)) == 1
    with pytest.raises(UnknownApp):
        await vault.delete_app(ana, "spotify")


async def test_no_connection_can_be_saved_through_a_deleted_app(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    ana = await person()
    saved = await own(vault, ana)
    await vault.delete_app(ana, "spotify")
    with pytest.raises(UnknownApp):
        await through(vault, upstream, ana, saved.ref)
    # Whichever of the two comes first, nothing is left that stands on an app that is gone.
    for _ in range(5):
        saved = await own(vault, ana)
        both = asyncio.gather(
            through(vault, upstream, ana, saved.ref),
            vault.delete_app(ana, "spotify"),
            return_exceptions=True,
        )
        await both
        assert await vault.apps.list(ana) == []
        assert await vault.list(ana) == []


async def test_a_revocation_that_is_tried_again_still_has_its_app(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    from providers.base import Unavailable

    ana = await person()
    saved = await own(vault, ana)
    await through(vault, upstream, ana, saved.ref)
    upstream.revoke_errors = [Unavailable("spotify", "revoke")]
    [ended] = await vault.delete_app(ana, "spotify")
    assert not ended.told
    await vault.drain()
    await until(lambda: len(upstream.revoked) == 1)


async def test_another_secret_takes_the_old_ones_key_with_it(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    ana = await person()
    saved = await own(vault, ana)
    await through(vault, upstream, ana, saved.ref)
    old = await scalar(database, "SELECT dek_id FROM apps WHERE id = %s", saved.id)
    again = await own(vault, ana, "another")
    assert again.id == saved.id
    assert await scalar(database, "SELECT count(*) FROM deks WHERE id = %s", old) == 0
    app = await vault.apps.app(ana, "spotify", saved.ref)
    assert app.client_secret is not None and app.client_secret.get_secret_value() == "another"
    with pytest.raises(AppInUse):
        await own(vault, ana, client="quite-another")
    assert (await vault.apps.app(ana, "spotify", saved.ref)).client_id == "mine"


async def test_the_operators_may_be_replaced_and_forgotten(vault: Vault, database: Database) -> None:
    await run(database, "DELETE FROM apps WHERE user_id IS NULL")
    await run(database, "DELETE FROM deks WHERE purpose = 'app' AND owner = %s", operator_id())
    await vault.apps.save(operator_id(), "spotify", "first", SecretStr(SECRET))
    await vault.apps.save(operator_id(), "spotify", "second", None)
    app = await vault.apps.of(operator_id(), "spotify")
    assert app is not None and (app.ref, app.client_id, app.client_secret) == ("operator", "second", None)
    await vault.apps.forget("spotify")
    assert await vault.apps.of(operator_id(), "spotify") is None
    assert await keys(database, operator_id()) == ["operator"]


async def test_it_goes_with_its_person(vault: Vault, person: Person, database: Database) -> None:
    ana = await person()
    await own(vault, ana)
    await run(database, "DELETE FROM users WHERE id = %s", ana)
    assert await vault.apps.list(ana) == []
    with pytest.raises(PersonGone):
        await own(vault, ana)
    with pytest.raises(PersonGone):
        await through(vault, FakeUpstream(), ana, "operator")


async def test_a_stolen_copy_of_the_table_holds_no_secret(
    vault: Vault, person: Person, database: Database
) -> None:
    ana = await person()
    await own(vault, ana)
    dump = await scalar(database, "SELECT string_agg(a::text, ' ') FROM apps a")
    assert SECRET not in dump and SECRET.encode().hex() not in dump
