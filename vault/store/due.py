"""Which connections are due to be refreshed before anybody needs it, and who looks at them.

`tend_at` is only when to look, so that one index finds the few rows among a million; what is due is read from
what is true of the row. No statement here names an owner where it searches: this is done for everybody, and
nothing is read but ids. What is written names the owner again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from vault.store.database import Database

# What is due when; what is NULL does not count. `own.part` is between 0 and 1, of the random end of the row's
# id, so that all workers agree on it.
_CLAIM: LiteralString = (
    "WITH looked AS (SELECT c.id, c.owner,"
    "  CASE WHEN (SELECT u.blocked_at IS NOT NULL FROM users u WHERE u.id = c.owner)"
    "    THEN now() + interval '1 day'"
    # Nothing but a new consent mends that, and it sets tend_at.
    "   WHEN c.grant_expires_at <= now() THEN now() + interval '1 year'"
    "   ELSE greatest(c.next_attempt_at, c.lease_until, least("
    # A refresh token that nobody uses dies at some providers, at Google after six months.
    "    c.refreshed_at + interval '90 days' * (0.9 + 0.1 * own.part),"
    # One in use, ahead of its access token's end. One that lives so shortly is left to who calls.
    "    CASE WHEN c.last_used_at > now() - interval '30 days'"
    "      AND c.access_expires_at - c.refreshed_at >= make_interval(secs => 3 * %(ahead)s)"
    "     THEN c.access_expires_at - make_interval(secs => %(ahead)s * (0.8 + 0.4 * own.part)) END,"
    # One whose last attempt got no answer, once more, while a provider's grace may still cover it.
    "    CASE WHEN c.attempt_started_at > now() - interval '1 minute' AND c.fail_count <= 1"
    "     THEN c.attempt_started_at END)) END AS plan"
    "  FROM connections c CROSS JOIN LATERAL (SELECT"
    "    ((get_byte(uuid_send(c.id), 14) * 256 + get_byte(uuid_send(c.id), 15)) / 65536.0)::float8 AS part"
    "   ) own"
    "  WHERE c.provider = %(provider)s AND c.status = 'active' AND c.tend_at <= now()"
    "  ORDER BY c.tend_at LIMIT %(most)s FOR NO KEY UPDATE OF c SKIP LOCKED)"
    " UPDATE connections c SET tend_at = CASE WHEN l.plan <= now()"
    "  THEN now() + make_interval(secs => %(seconds)s) ELSE l.plan END"
    " FROM looked l WHERE c.id = l.id AND c.owner = l.owner"
    " RETURNING l.plan <= now(), c.id, c.owner, c.app, c.secret_version"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A connection that is due, and the secret version that is to be refreshed."""

    id: UUID
    owner: UUID
    app: str
    version: int


class Due:
    """The part of the `connections` table that looks ahead."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self, provider: str, most: int, *, ahead: float, seconds: float
    ) -> tuple[int, list[Claim]]:
        """Look at up to `most` of the provider's connections; how many there were, and those that are due.

        Nobody else looks at those for `seconds`, and at the others before they are due. `ahead`: seconds
        before the end of an access token, which each row shortens or lengthens by up to a fifth.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                _CLAIM, {"provider": provider, "most": most, "ahead": ahead, "seconds": seconds}
            )
            rows = await cursor.fetchall()
        return len(rows), [Claim(*row[1:]) for row in rows if row[0]]

    async def give_back(self, claims: Sequence[Claim]) -> None:
        """Let anybody look at those again at once."""
        async with self._database.connection() as link:
            for claim in claims:
                await link.execute(
                    "UPDATE connections SET tend_at = now() WHERE id = %(id)s AND owner = %(owner)s"
                    " AND secret_version = %(version)s",
                    {"id": claim.id, "owner": claim.owner, "version": claim.version},
                )

    async def postpone(self, claim: Claim, seconds: float, jitter: float) -> None:
        """Look at it again after `seconds`, and after as long as its failures and its provider ask for.

        After a failure that is a minute, and it doubles up to an hour: nobody waits for it. `jitter` is
        what that is multiplied by.
        """
        async with self._database.connection() as link:
            await link.execute(
                "UPDATE connections SET tend_at = greatest(next_attempt_at,"
                "  now() + make_interval(secs => %(jitter)s *"
                "   greatest(%(seconds)s, least(60 * 2 ^ least(greatest(fail_count, 1) - 1, 6), 3600))))"
                " WHERE id = %(id)s AND owner = %(owner)s AND secret_version = %(version)s",
                {
                    "seconds": seconds,
                    "jitter": jitter,
                    "id": claim.id,
                    "owner": claim.owner,
                    "version": claim.version,
                },
            )
