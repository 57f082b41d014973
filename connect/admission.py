"""Who may sign in: asked at the door, on every page, and again at every token refresh."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from providers.base import Account
from vault.store.users import Identity, Users

OWNER_ISSUER = "valet"
OWNER_SUBJECT = "owner"

_EMAIL, _DOMAIN = "email", "domain"
# What a subject looks like is its issuer's business (OpenID Core 1.0 §2: at most 255 ASCII characters);
# an entry ends at a blank or a comma.
_SUBJECT = re.compile(r"([a-z0-9_-]+):([!-+\--~]{1,255})")
_HOST = r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
# Everybody's mail: no organisation, so no account says that it belongs to one.
_NOBODYS = frozenset({"gmail.com", "googlemail.com"})
_ADDRESS = re.compile(rf"[A-Za-z0-9.!#$%&'+/=?^_`{{|}}~-]{{1,64}}@{_HOST}")
_ORGANISATION = re.compile(rf"@({_HOST})")


@dataclass(frozen=True, slots=True)
class Guests:
    """The guest list (`VALET_ALLOW`), read.

    `subjects` are (issuer, subject) pairs. `emails` and `domains` are lower case; they let in whoever the
    issuer says has that verified address, or belongs to that organisation.
    """

    subjects: frozenset[tuple[str, str]] = frozenset()
    emails: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    everyone: bool = False

    @classmethod
    def read(cls, entries: Iterable[str], issuers: Mapping[str, str]) -> Guests:
        """The list of `entries`: PROVIDER:ACCOUNT_ID, an address, @DOMAIN, or `*`.

        `issuers` are the providers' issuers by their names. Raises ValueError with an entry that is none of
        these.
        """
        subjects, emails, domains, everyone = set(), set(), set(), False
        for entry in entries:
            if entry == "*":
                everyone = True
            elif (named := _SUBJECT.fullmatch(entry)) and named[1] in issuers:
                subjects.add((issuers[named[1]], named[2]))
            elif (organisation := _ORGANISATION.fullmatch(entry)) and organisation[1].lower() not in _NOBODYS:
                domains.add(organisation[1].lower())
            elif _ADDRESS.fullmatch(entry):
                emails.add(entry.lower())
            else:
                raise ValueError(entry)
        return cls(frozenset(subjects), frozenset(emails), frozenset(domains), everyone)

    @classmethod
    def kept(cls, text: str, issuers: Mapping[str, str]) -> str:
        """An entry in the one spelling it is kept in. Raises ValueError where it is none."""
        guests = cls.read([text], issuers)
        return text.lower() if guests.emails or guests.domains else text

    @classmethod
    def read_known(cls, entries: Iterable[str], issuers: Mapping[str, str]) -> Guests:
        """The same of entries from another day: one that can't be read any more lets nobody in."""
        known = []
        for entry in entries:
            with suppress(ValueError):
                cls.read([entry], issuers)
                known.append(entry)
        return cls.read(known, issuers)

    def welcome(self, account: Account) -> bool:
        """Whether one of the entries is about this account."""
        return (
            self.everyone
            or (account.issuer, account.subject) in self.subjects
            or (account.email or "").lower() in self.emails
            or (account.domain or "").lower() in self.domains
        )


class Admission:
    """Holds people against the guest list.

    `index` is `Vault.index`: rows know people, their addresses and their domains by keyed hashes only. The
    owner of a server on their own machine counts while `owner_links` is on. `invited` reads the list's
    further entries, at every question: what is added there counts on every worker at once.

    A person is let in where one of their identities is: a second way in need not be on the list itself.
    """

    def __init__(
        self,
        users: Users,
        index: Callable[[str, str], bytes],
        guests: Guests,
        *,
        owner_links: bool = False,
        invited: Callable[[], Awaitable[Guests]] | None = None,
    ) -> None:
        self._users = users
        self._index = index
        self._guests = guests
        self._owner = frozenset({(OWNER_ISSUER, OWNER_SUBJECT)}) if owner_links else frozenset()
        self._invited = invited

    async def allowed(self, account: Account) -> bool:
        """Whether this upstream identity may sign in by itself."""
        if account.issuer == OWNER_ISSUER:
            return (account.issuer, account.subject) in self._owner
        if self._guests.welcome(account):
            return True
        return self._invited is not None and (await self._invited()).welcome(account)

    def identity(self, account: Account) -> Identity:
        """What a row keeps of an account: issuer, keyed hash of the subject, label, claims."""
        index = self._index(account.issuer, account.subject)
        return Identity(account.issuer, index, account.label, self.claims(account))

    def claims(self, account: Account) -> frozenset[bytes]:
        """What an identity's row keeps, so that `recheck` can hold it against addresses and domains."""
        known = ((_EMAIL, account.email), (_DOMAIN, account.domain))
        return frozenset(self._index(kind, value.lower()) for kind, value in known if value)

    async def recheck(self, user: UUID, *, without: UUID | None = None) -> bool:
        """Whether this person may still come in: not blocked, and one of their identities allowed.

        `without`: the id of one that shall not count.
        """
        person = await self._users.find(user)
        if person is None or person.blocked:
            return False
        held = [identity for identity in await self._users.identities(user) if identity.id != without]
        if self._listed(self._guests, held):
            return True
        return self._invited is not None and self._listed(await self._invited(), held)

    def _listed(self, guests: Guests, identities: Iterable[Identity]) -> bool:
        listed = {(issuer, self._index(issuer, subject)) for issuer, subject in guests.subjects | self._owner}
        vouched = {self._index(_EMAIL, email) for email in guests.emails}
        vouched |= {self._index(_DOMAIN, domain) for domain in guests.domains}
        for identity in identities:
            foreign = identity.issuer != OWNER_ISSUER
            if foreign and (guests.everyone or identity.claims & vouched):
                return True
            if (identity.issuer, identity.subject_index) in listed:
                return True
        return False
