"""Personal tokens at rest: ordinary rows, found by `/mcp` and by nothing of OAuth."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from pydantic import SecretStr

from tests.support.bearer import speaks_for
from vault.errors import PersonGone
from vault.ids import new_id
from vault.opaque import digest
from vault.store.callers import Principal
from vault.store.clients import Clients
from vault.store.database import Database
from vault.store.grants import Grants
from vault.store.personal import LONGEST, PREFIX, PersonalToken, PersonalTokens
from vault.store.tokens import Refusal, Tokens
from vault.store.users import Users

Person = Callable[[], Awaitable[UUID]]
RESOURCE = "https://valet.example/mcp"
READ = frozenset({"spotify:read"})


async def make(database: Database, user: UUID, days: int = 90) -> tuple[SecretStr, PersonalToken]:
    personal = PersonalTokens(database)
    token = await personal.add(new_id(), user, "Laptop", READ, RESOURCE, days)
    assert token is not None
    return token, (await personal.list(user))[-1]


async def who(database: Database, token: SecretStr) -> Principal | None:
    return await speaks_for(database, digest(token.get_secret_value()))


async def run(database: Database, statement: str, *values: object) -> None:
    async with database.connection() as link:
        await link.execute(statement.encode(), values)


async def test_a_token_speaks_for_its_person_with_what_it_was_made_for(
    database: Database, person: Person
) -> None:
    user = await person()
    token, seen = await make(database, user)
    assert token.get_secret_value().startswith(PREFIX)
    assert len(token.get_secret_value()) == len(PREFIX) + 43
    principal = await who(database, token)
    assert principal is not None and principal.personal
    assert (principal.user_id, principal.grant_id, principal.scopes) == (user, seen.id, READ)
    assert (principal.client_name, principal.resource) == ("Laptop", RESOURCE)
    assert (seen.name, seen.scopes, seen.over) == ("Laptop", READ, False)
    assert (principal.expires_at - seen.created_at).days in {89, 90}
    (used,) = await PersonalTokens(database).list(user)
    assert used.last_used_at is not None


async def test_no_endpoint_of_oauth_knows_it(database: Database, person: Person) -> None:
    """Not its client, not as a refresh token, not as a code, not at revocation."""
    user = await person()
    token, _ = await make(database, user)
    principal = await who(database, token)
    assert principal is not None
    client, hashed = principal.client_id, digest(token.get_secret_value())
    assert await Clients(database).find(client) is None
    tokens = Tokens(database)
    assert await tokens.holder(hashed, client, RESOURCE) is None
    seal = unseal = lambda _, text: text
    assert await tokens.refresh(hashed, client, seal, unseal) is Refusal.UNKNOWN
    assert await tokens.exchange(hashed, client, lambda _: True) is Refusal.UNKNOWN
    assert not await tokens.revoke(hashed, "another-client")
    assert await who(database, token) is not None


async def test_it_ends_with_its_time_its_grant_and_its_person(database: Database, person: Person) -> None:
    user = await person()
    old, seen = await make(database, user)
    await run(
        database,
        "UPDATE access_tokens SET expires_at = now() WHERE hash = %s",
        digest(old.get_secret_value()),
    )
    assert await who(database, old) is None
    assert [each.over for each in await PersonalTokens(database).list(user)] == [True]

    cut, seen = await make(database, user)
    assert not await Grants(database).cut(await person(), seen.id), "another person can't"
    assert await who(database, cut) is not None
    assert await Grants(database).cut(user, seen.id)
    assert await who(database, cut) is None
    assert len(await PersonalTokens(database).list(user)) == 1

    blocked, _ = await make(database, user)
    await Users(database).block(user)
    assert await who(database, blocked) is None

    other = await person()
    deleted, _ = await make(database, other)
    await run(database, "DELETE FROM users WHERE id = %s", other)
    assert await who(database, deleted) is None


async def test_nothing_raises_it(database: Database, person: Person) -> None:
    user = await person()
    token, seen = await make(database, user)
    assert await Grants(database).raise_(user, seen.id, frozenset({"spotify:write"})) is None
    principal = await who(database, token)
    assert principal is not None and principal.scopes == READ


async def test_a_form_that_is_sent_twice_makes_one(database: Database, person: Person) -> None:
    user, key, personal = await person(), new_id(), PersonalTokens(database)
    assert await personal.add(key, user, "Laptop", READ, RESOURCE, 90) is not None
    assert await personal.add(key, user, "Laptop", READ, RESOURCE, 90) is None
    assert len(await personal.list(user)) == 1


async def test_who_is_gone_or_shut_out_gets_none(database: Database, person: Person) -> None:
    """A form that was on its way when the person was deleted or blocked."""
    gone, blocked = await person(), await person()
    await run(database, "DELETE FROM users WHERE id = %s", gone)
    await Users(database).block(blocked)
    for user in (gone, blocked):
        with pytest.raises(PersonGone):
            await PersonalTokens(database).add(new_id(), user, "Laptop", READ, RESOURCE, 90)
        assert await PersonalTokens(database).list(user) == []


@pytest.mark.parametrize("days", [0, -1, LONGEST + 1])
async def test_it_lives_a_year_at_most(database: Database, person: Person, days: int) -> None:
    with pytest.raises(ValueError, match="days"):
        await PersonalTokens(database).add(new_id(), await person(), "x", READ, RESOURCE, days)


async def test_what_ended_is_swept(empty_database: Database) -> None:
    users = [new_id() for _ in range(3)]
    for user in users:
        await run(empty_database, "INSERT INTO users (id, display_name) VALUES (%s, 'x')", user)
    kept, _ = await make(empty_database, users[0])
    _, cut = await make(empty_database, users[1])
    await make(empty_database, users[2])
    personal = PersonalTokens(empty_database)
    assert await personal.sweep() == 0
    await Grants(empty_database).cut(users[1], cut.id)
    await run(empty_database, "DELETE FROM users WHERE id = %s", users[2])
    assert await personal.sweep() == 2
    assert await who(empty_database, kept) is not None
