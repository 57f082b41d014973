"""Our own tokens: codes, access tokens, rotating refresh tokens, and the family that binds them.

A family is one exchange of one code and everything refreshed from it. Every change of a family's
tokens holds its row FOR UPDATE, so a revocation and a refresh at the same moment can't miss each
other. Rows hold SHA-256 only; a successor rests sealed in the used row for the 60 s of its grace.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import cast
from uuid import UUID

from psycopg.rows import class_row
from pydantic import SecretStr

from vault.ids import new_id
from vault.opaque import digest, mint
from vault.store.database import Connection as Link
from vault.store.database import Database

ACCESS_SECONDS = 3600
"""How long an access token lives, in seconds."""

Seal = Callable[[UUID, bytes], bytes]
"""`(record id, plaintext) -> envelope`."""

Unseal = Callable[[UUID, bytes], bytes]
"""`(record id, envelope) -> plaintext`. Raises Sealed."""


class Refusal(StrEnum):
    """Why no tokens were issued."""

    UNKNOWN = "unknown"
    """No such code or token; or it expired, is another client's, or what it stands on was revoked."""
    MISMATCH = "mismatch"
    """The code was real and the proof was not. The code is spent."""
    REPEATED = "repeated"
    """The code was used a moment ago, by the same client with the right proof. What it gave lives on."""
    REPLAYED = "replayed"
    """It was used before; its family is revoked now."""


@dataclass(frozen=True, slots=True)
class Code:
    """What a code was made for. `redirect_uri` is None where the client left it out at /authorize."""

    redirect_uri: str | None
    registered_uri: str
    code_challenge: str = field(repr=False)
    resource: str


@dataclass(frozen=True, slots=True)
class Issued:
    """What the token endpoint answers; the access token lives ACCESS_SECONDS."""

    access_token: SecretStr
    refresh_token: SecretStr
    scopes: frozenset[str]
    grant_id: UUID


@dataclass(frozen=True, slots=True)
class _Spent:
    """A code that was consumed, now or before, with the grant it stands on and the family it gave."""

    redirect_uri: str | None
    registered_uri: str
    code_challenge: str = field(repr=False)
    resource: str
    grant_id: UUID
    scopes: list[str]
    family_id: UUID | None
    recent: bool

    @property
    def code(self) -> Code:
        """What it was made for."""
        return Code(self.redirect_uri, self.registered_uri, self.code_challenge, self.resource)


@dataclass(frozen=True, slots=True)
class _Presented:
    """A refresh token as presented, read under its family's lock, after the family's wipe."""

    record_id: UUID
    family_id: UUID
    grant_id: UUID
    scopes: list[str]
    used: bool
    in_grace: bool
    successor_hash: bytes | None
    successor_used: bool


class Tokens:
    """The tables `codes`, `families`, `access_tokens` and `refresh_tokens`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def exchange(
        self, code_hash: bytes, client_id: str, fits: Callable[[Code], bool]
    ) -> Issued | Refusal:
        """Spend a code of this client: a new family with its first tokens.

        `fits` decides on redirect URI, verifier and resource. The code is spent whatever it decides, so
        nobody gets a second guess at the verifier. A code presented again is refused, and revokes what it had
        given (RFC 6749 §4.1.2) unless it fits and comes within ten seconds: then it is the same client
        sending its request more than once. Another client's attempt changes nothing.
        """
        async with self._database.transaction() as link:
            spent = await _spend(link, code_hash, client_id)
            if spent is None:
                return await _replayed(link, code_hash, client_id, fits)
            if not fits(spent.code):
                return Refusal.MISMATCH
            family_id = new_id()
            await link.execute(
                "INSERT INTO families (id, grant_id, resource) VALUES (%(id)s, %(grant)s, %(resource)s)",
                {"id": family_id, "grant": spent.grant_id, "resource": spent.resource},
            )
            await link.execute(
                "UPDATE codes SET family_id = %(id)s WHERE hash = %(hash)s",
                {"id": family_id, "hash": code_hash},
            )
            refresh = await _add_refresh(link, family_id)
            return await _issue(link, family_id, refresh, spent.grant_id, spent.scopes)

    async def holder(self, refresh_hash: bytes, client_id: str, resource: str) -> tuple[UUID, bool] | None:
        """The user behind a refresh token of this client for this resource, and: does its family live?"""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT g.user_id, f.revoked_at IS NULL AND g.revoked_at IS NULL AND r.expires_at > now()"
                " FROM refresh_tokens r JOIN families f ON f.id = r.family_id"
                " JOIN grants g ON g.id = f.grant_id"
                " WHERE r.hash = %(hash)s AND g.client_id = %(client_id)s AND f.resource = %(resource)s",
                {"hash": refresh_hash, "client_id": client_id, "resource": resource},
            )
            row = await cursor.fetchone()
            return (row[0], row[1]) if row else None

    async def refresh(
        self, refresh_hash: bytes, client_id: str, seal: Seal, unseal: Unseal
    ) -> Issued | Refusal:
        """Rotate a refresh token of this client and issue an access token.

        Within 60 s of its use a token answers its successor again: a burst of refreshes, or a lost
        answer, does no harm. If that successor was used too, the newest of the line is answered, since
        the older one would soon look like theft. After the grace: if the successor was used, two parties
        hold this family and it is revoked; if it never was, the answer was lost, so that successor is
        withdrawn for a new one, and presenting the withdrawn one later revokes the family. Raises Sealed.
        """
        async with self._database.transaction() as link:
            held = await _lock(link, refresh_hash, client_id)
            if held is None:
                return Refusal.UNKNOWN
            if held.used and held.in_grace:
                refresh = await _newest(link, refresh_hash, unseal)
            elif held.used and (held.successor_hash is None or held.successor_used):
                await _revoke(link, held.family_id)
                return Refusal.REPLAYED
            else:
                await _withdraw(link, held)
                refresh = await _add_refresh(link, held.family_id)
                await _succeed(link, refresh_hash, refresh, seal(held.record_id, _bytes(refresh)))
            return await _issue(link, held.family_id, refresh, held.grant_id, held.scopes)

    async def revoke(self, token_hash: bytes, client_id: str) -> UUID | None:
        """Revoke the family of an access or refresh token of this client; its grant, or None."""
        async with self._database.transaction() as link:
            cursor = await link.execute(
                "SELECT f.id, g.id FROM families f JOIN grants g ON g.id = f.grant_id"
                " WHERE g.client_id = %(client_id)s AND f.revoked_at IS NULL AND f.id IN ("
                "  SELECT family_id FROM access_tokens WHERE hash = %(hash)s"
                "  UNION ALL SELECT family_id FROM refresh_tokens WHERE hash = %(hash)s) FOR UPDATE OF f",
                {"hash": token_hash, "client_id": client_id},
            )
            row = await cursor.fetchone()
            if row is None:
                return None
            await _revoke(link, row[0])
            return UUID(str(row[1]))

    async def sweep(self) -> int:
        """Wipe successors whose grace is over and delete what ended; returns how many rows went.

        Two minutes and SKIP LOCKED, so that it never meets a refresh under way.
        """
        gone = 0
        async with self._database.connection() as link:
            await link.execute(
                "UPDATE refresh_tokens SET successor = NULL WHERE hash IN (SELECT hash FROM refresh_tokens"
                " WHERE successor IS NOT NULL AND used_at < now() - interval '2 minutes'"
                " FOR UPDATE SKIP LOCKED)"
            )
            for statement in (
                "DELETE FROM access_tokens WHERE expires_at < now() - interval '1 day'",
                "DELETE FROM refresh_tokens WHERE expires_at < now()",
                "DELETE FROM codes WHERE expires_at < now() - interval '1 day'",
                "DELETE FROM families f WHERE created_at < now() - interval '1 day'"
                " AND NOT EXISTS (SELECT FROM refresh_tokens WHERE family_id = f.id)"
                " AND NOT EXISTS (SELECT FROM access_tokens WHERE family_id = f.id)",
            ):
                gone += (await link.execute(statement)).rowcount
        return gone


async def _spend(link: Link, code_hash: bytes, client_id: str) -> _Spent | None:
    async with link.cursor(row_factory=class_row(_Spent)) as cursor:
        await cursor.execute(
            "UPDATE codes c SET consumed_at = now() FROM grants g, users u"
            " WHERE c.hash = %(hash)s AND c.client_id = %(client_id)s AND c.consumed_at IS NULL"
            " AND c.expires_at > now() AND g.id = c.grant_id AND g.revoked_at IS NULL"
            " AND u.id = g.user_id AND u.blocked_at IS NULL"
            " RETURNING c.redirect_uri, g.redirect_uri AS registered_uri, c.code_challenge, c.resource,"
            " c.grant_id, g.scopes, c.family_id, true AS recent",
            {"hash": code_hash, "client_id": client_id},
        )
        return await cursor.fetchone()


async def _replayed(link: Link, code_hash: bytes, client_id: str, fits: Callable[[Code], bool]) -> Refusal:
    """Refuse a code that is spent. Of many requests at once, all but the first get here, after its commit."""
    async with link.cursor(row_factory=class_row(_Spent)) as cursor:
        await cursor.execute(
            "SELECT c.redirect_uri, g.redirect_uri AS registered_uri, c.code_challenge, c.resource,"
            " c.grant_id, g.scopes, c.family_id, c.consumed_at > now() - interval '10 seconds' AS recent"
            " FROM codes c JOIN grants g ON g.id = c.grant_id"
            " WHERE c.hash = %(hash)s AND c.client_id = %(client_id)s AND c.consumed_at IS NOT NULL",
            {"hash": code_hash, "client_id": client_id},
        )
        spent = await cursor.fetchone()
    if spent is None or spent.family_id is None:
        return Refusal.UNKNOWN
    if spent.recent and fits(spent.code):
        return Refusal.REPEATED
    await _revoke(link, spent.family_id)
    return Refusal.REPLAYED


async def _lock(link: Link, refresh_hash: bytes, client_id: str) -> _Presented | None:
    """Take the family, then read: a statement that waits for a lock still sees the other tables as before.

    The wipe in between makes "the successor is still sealed" mean the same as "in its grace".
    """
    names = {"hash": refresh_hash, "client_id": client_id}
    cursor = await link.execute(
        "SELECT id FROM families WHERE id = (SELECT family_id FROM refresh_tokens WHERE hash = %(hash)s)"
        " FOR UPDATE",
        names,
    )
    family = await cursor.fetchone()
    if family is None:
        return None
    await link.execute(
        "UPDATE refresh_tokens SET successor = NULL WHERE family_id = %(family)s"
        " AND successor IS NOT NULL AND used_at <= now() - interval '60 seconds'",
        {"family": family[0]},
    )
    async with link.cursor(row_factory=class_row(_Presented)) as rows:
        await rows.execute(
            "SELECT r.record_id, r.family_id, g.id AS grant_id, g.scopes, r.used_at IS NOT NULL AS used,"
            " r.successor IS NOT NULL AS in_grace, r.successor_hash,"
            " s.used_at IS NOT NULL AS successor_used"
            " FROM refresh_tokens r JOIN families f ON f.id = r.family_id"
            " JOIN grants g ON g.id = f.grant_id JOIN users u ON u.id = g.user_id"
            " LEFT JOIN refresh_tokens s ON s.hash = r.successor_hash"
            " WHERE r.hash = %(hash)s AND g.client_id = %(client_id)s AND r.expires_at > now()"
            " AND f.revoked_at IS NULL AND g.revoked_at IS NULL AND u.blocked_at IS NULL",
            names,
        )
        return await rows.fetchone()


async def _newest(link: Link, refresh_hash: bytes, unseal: Unseal) -> SecretStr:
    """The unused end of the line that begins at a token in its grace.

    Every used token after it was used later, so all of them are in their grace too and still sealed.
    """
    cursor = await link.execute(
        "WITH RECURSIVE line AS ("
        "  SELECT record_id, successor, successor_hash, 0 AS step FROM refresh_tokens WHERE hash = %(hash)s"
        "  UNION ALL"
        "  SELECT r.record_id, r.successor, r.successor_hash, line.step + 1 FROM refresh_tokens r"
        "  JOIN line ON r.hash = line.successor_hash WHERE r.used_at IS NOT NULL)"
        " SELECT record_id, successor FROM line ORDER BY step DESC LIMIT 1",
        {"hash": refresh_hash},
    )
    record_id, successor = cast("tuple[UUID, bytes]", await cursor.fetchone())
    return SecretStr(unseal(record_id, successor).decode())


async def _withdraw(link: Link, held: _Presented) -> None:
    """Make an unused successor useless: used, with no successor of its own."""
    await link.execute(
        "UPDATE refresh_tokens SET used_at = now() WHERE hash = %(hash)s AND family_id = %(family)s"
        " AND used_at IS NULL",
        {"hash": held.successor_hash, "family": held.family_id},
    )


async def _succeed(link: Link, refresh_hash: bytes, successor: SecretStr, sealed: bytes) -> None:
    await link.execute(
        "UPDATE refresh_tokens SET used_at = now(), successor = %(sealed)s, successor_hash = %(next)s"
        " WHERE hash = %(hash)s",
        {"hash": refresh_hash, "sealed": sealed, "next": digest(successor.get_secret_value())},
    )


async def _add_refresh(link: Link, family_id: UUID) -> SecretStr:
    token = mint("vlt_rt_")
    await link.execute(
        "INSERT INTO refresh_tokens (hash, record_id, family_id, expires_at)"
        " VALUES (%(hash)s, %(record)s, %(family)s, now() + interval '30 days')",
        {"hash": digest(token.get_secret_value()), "record": new_id(), "family": family_id},
    )
    return token


async def _issue(
    link: Link, family_id: UUID, refresh: SecretStr, grant_id: UUID, scopes: list[str]
) -> Issued:
    access = mint("vlt_at_")
    await link.execute(
        "INSERT INTO access_tokens (hash, family_id, expires_at)"
        " VALUES (%(hash)s, %(family)s, now() + make_interval(secs => %(life)s))",
        {"hash": digest(access.get_secret_value()), "family": family_id, "life": ACCESS_SECONDS},
    )
    return Issued(access, refresh, frozenset(scopes), grant_id)


async def _revoke(link: Link, family_id: UUID) -> None:
    await link.execute(
        "UPDATE families SET revoked_at = coalesce(revoked_at, now()) WHERE id = %(family)s",
        {"family": family_id},
    )
    await link.execute(
        "UPDATE refresh_tokens SET successor = NULL WHERE family_id = %(family)s AND successor IS NOT NULL",
        {"family": family_id},
    )


def _bytes(token: SecretStr) -> bytes:
    return token.get_secret_value().encode()
