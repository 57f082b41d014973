"""How often something may be done: one counter per rule and subject, the same for every worker.

A counter is one moment, "until": each use moves it on by the rule's pace, time catches up with it, and a use
that would move it more than the rule's span into the future is refused (the generic cell rate algorithm,
ITU-T I.371). So a whole burst may come at once, it comes back evenly, and no clock but the database's counts.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import cast

from vault.store.database import Database


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `burst` uses at once; all of them come back, evenly, within `seconds`."""

    name: str
    burst: int
    seconds: float

    @property
    def pace(self) -> float:
        """Seconds after which one more use is free."""
        return self.seconds / self.burst


class Limits:
    """The `limits` table. `key` is derived for this one purpose: rows name no address and no person."""

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._key = key

    def __repr__(self) -> str:
        return "Limits(**)"

    def _index(self, rule: Rule, subject: str) -> bytes:
        message = f"{rule.name}\0{subject}".encode(errors="replace")
        return hmac.new(self._key, message, hashlib.sha256).digest()[:16]

    async def take(self, rule: Rule, subject: str) -> float:
        """Use the rule once for that subject: 0.0, or how many seconds until there is a use again.

        A refused use is not counted and only reads, so a flood beyond its limit locks and writes nothing. A
        counter that is further ahead than its rule ever moves it is from before the clock was set back (or
        the rule shortened), and begins anew. Raises Busy.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                "WITH full_ AS ("
                "  SELECT until FROM limits WHERE key = %(key)s"
                "  AND until > now() + make_interval(secs => %(span)s - %(pace)s)"
                "  AND until <= now() + make_interval(secs => %(odd)s)),"
                " used AS ("
                "  INSERT INTO limits AS l (key, until)"
                "  SELECT %(key)s, now() + make_interval(secs => %(pace)s)"
                "  WHERE NOT EXISTS (SELECT FROM full_)"
                "  ON CONFLICT (key) DO UPDATE SET"
                "  until = CASE WHEN l.until > now() + make_interval(secs => %(odd)s) THEN now()"
                "  ELSE greatest(l.until, now()) END + make_interval(secs => %(pace)s)"
                "  WHERE l.until <= now() + make_interval(secs => %(span)s - %(pace)s)"
                "  OR l.until > now() + make_interval(secs => %(odd)s) RETURNING 1)"
                " SELECT EXISTS (SELECT FROM used),"
                " extract(epoch FROM (SELECT until FROM full_) - now())::float",
                {
                    "key": self._index(rule, subject),
                    "span": rule.seconds,
                    "pace": rule.pace,
                    # Statements that wait for each other differ in what they call now, by seconds at most.
                    "odd": rule.seconds + 10,
                },
            )
            used, ahead = cast("tuple[bool, float | None]", await cursor.fetchone())
        if used:
            return 0.0
        # Without `ahead` the last use went to somebody else while this statement waited for the row.
        return max(0.001, ahead + rule.pace - rule.seconds) if ahead is not None else rule.pace

    async def sweep(self) -> int:
        """Delete counters that time has caught up with; returns how many rows went."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "DELETE FROM limits WHERE key IN"
                " (SELECT key FROM limits WHERE until <= now() FOR UPDATE SKIP LOCKED)"
            )
            return cursor.rowcount
