"""People and how they prove who they are.

An identity is (issuer, keyed hash of the subject); two identities are never merged by anything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from psycopg.rows import class_row

from vault.ids import new_id
from vault.store.database import Connection as Link
from vault.store.database import Database


@dataclass(frozen=True, slots=True)
class User:
    """A person; a blocked one may not sign in and holds no live session."""

    id: UUID
    display_name: str
    blocked: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """One way a person signs in. `subject_index` is `Vault.index(issuer, subject)`.

    `claims` are keyed hashes of what else the issuer vouches for: a verified address, a domain. `id` is the
    row's, where it comes from one.
    """

    issuer: str
    subject_index: bytes
    label: str
    claims: frozenset[bytes] = frozenset()
    id: UUID | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "claims", frozenset(self.claims))


class Users:
    """The `users` and `identities` tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sign_in(
        self, issuer: str, subject_index: bytes, label: str, claims: Iterable[bytes] = ()
    ) -> User:
        """The person behind an identity, made at their first sign-in; label and claims are kept up to date.

        Two first sign-ins at once make one person: the loser of the insert finds the winner's row.
        """
        identity = Identity(issuer, subject_index, label, frozenset(claims))
        user = None
        while user is None:
            async with self._database.transaction() as link:
                user = await self._known(link, identity)
                if user is None:
                    user = await self._first(link, identity)
        return user

    async def _known(self, link: Link, identity: Identity) -> User | None:
        async with link.cursor(row_factory=class_row(User)) as cursor:
            await cursor.execute(
                "UPDATE identities i SET last_used_at = now(), label = %(label)s, claims = %(claims)s"
                " FROM users u"
                " WHERE u.id = i.user_id AND i.issuer = %(issuer)s AND i.subject_index = %(index)s"
                " RETURNING u.id, u.display_name, u.blocked_at IS NOT NULL AS blocked",
                _names(identity),
            )
            return await cursor.fetchone()

    async def _first(self, link: Link, identity: Identity) -> User | None:
        user = User(new_id(), identity.label, False)
        await link.execute(
            "INSERT INTO users (id, display_name) VALUES (%(id)s, %(label)s)",
            {"id": user.id, "label": identity.label},
        )
        cursor = await link.execute(
            "INSERT INTO identities (issuer, subject_index, user_id, label, claims)"
            " VALUES (%(issuer)s, %(index)s, %(id)s, %(label)s, %(claims)s) ON CONFLICT DO NOTHING",
            {"id": user.id, **_names(identity)},
        )
        if cursor.rowcount == 1:
            return user
        await link.execute("DELETE FROM users WHERE id = %(id)s", {"id": user.id})
        return None

    async def note(
        self, issuer: str, subject_index: bytes, label: str, claims: Iterable[bytes]
    ) -> User | None:
        """Bring an identity's label and claims up to date; its person, or None: makes nobody."""
        async with self._database.transaction() as link:
            return await self._known(link, Identity(issuer, subject_index, label, frozenset(claims)))

    async def find(self, user: UUID) -> User | None:
        """One person by id."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(User)) as cursor:
            await cursor.execute(
                "SELECT id, display_name, blocked_at IS NOT NULL AS blocked FROM users WHERE id = %(id)s",
                {"id": user},
            )
            return await cursor.fetchone()

    async def identities(self, user: UUID) -> list[Identity]:
        """Every way this person signs in, oldest first."""
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(Identity)) as cursor,
        ):
            await cursor.execute(
                "SELECT issuer, subject_index, label, claims, id FROM identities"
                " WHERE user_id = %(id)s ORDER BY created_at, issuer",
                {"id": user},
            )
            return await cursor.fetchall()

    async def block(self, user: UUID) -> None:
        """Shut a person out: no sign-in, and no session, token, code or pending step from now on."""
        async with self._database.transaction() as link:
            await link.execute(
                "UPDATE users SET blocked_at = coalesce(blocked_at, now()) WHERE id = %(id)s", {"id": user}
            )
            await _end_all(link, user)

    async def unblock(self, user: UUID) -> None:
        """Let a person sign in again. What the block ended stays ended."""
        async with self._database.transaction() as link:
            await link.execute("UPDATE users SET blocked_at = NULL WHERE id = %(id)s", {"id": user})
            # Once more: a worker may have finished a step that was under way when the block came.
            await _end_all(link, user)


async def _end_all(link: Link, user: UUID) -> None:
    """End whatever speaks for a person. Their consents stay, but a personal token is its own consent.

    In the order of `grants.py`: grant, family, token.
    """
    names = {"id": user}
    await link.execute("DELETE FROM sessions WHERE user_id = %(id)s", names)
    await link.execute("DELETE FROM states WHERE user_id = %(id)s", names)
    await link.execute("DELETE FROM pendings WHERE user_id = %(id)s AND account_index IS NULL", names)
    # A grant hangs on these: what lapses is ended at its provider.
    await link.execute(
        "UPDATE pendings SET expires_at = now() WHERE user_id = %(id)s AND expires_at > now()", names
    )
    await link.execute("DELETE FROM flows WHERE user_id = %(id)s AND consumed_at IS NULL", names)
    await link.execute(
        "UPDATE grants SET revoked_at = now(), updated_at = now() WHERE user_id = %(id)s"
        " AND revoked_at IS NULL AND client_id IN (SELECT id FROM clients WHERE kind = 'personal')",
        names,
    )
    await link.execute(
        "DELETE FROM codes WHERE grant_id IN (SELECT id FROM grants WHERE user_id = %(id)s)", names
    )
    await link.execute(
        "UPDATE families SET revoked_at = now() WHERE revoked_at IS NULL"
        " AND grant_id IN (SELECT id FROM grants WHERE user_id = %(id)s)",
        names,
    )
    await link.execute(
        "UPDATE refresh_tokens SET successor = NULL WHERE successor IS NOT NULL AND family_id IN ("
        "  SELECT f.id FROM families f JOIN grants g ON g.id = f.grant_id WHERE g.user_id = %(id)s)",
        names,
    )


def _names(identity: Identity) -> dict[str, object]:
    return {
        "issuer": identity.issuer,
        "index": identity.subject_index,
        "label": identity.label,
        "claims": sorted(identity.claims),
    }
