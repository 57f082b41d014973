"""The provider as one thing: its people, its pages, its signed identities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.emulator.ledger import Issued, Rules
from providers.emulator.oauth import Asked, CodeFlow, Unwelcome, back
from providers.emulator.oidc.signing import Key
from providers.emulator.upstream import Json, Upstream

HOST = "/id.emulator.example"
ISSUER = f"https:/{HOST}"
LIFETIME = 300
PROMPTS = frozenset({"login", "consent", "select_account"})
SCOPES = {
    "openid": "Sign you in.",
    "email": "See your address.",
    "profile": "See your name.",
}


@dataclass(frozen=True)
class Person:
    """Somebody with an account here. `note` is the address, as the chooser shows it."""

    key: str
    name: str
    note: str
    verified: bool = True

    @property
    def sub(self) -> str:
        """The stable id."""
        return f"house|{self.key}"


class HouseId(Upstream):
    """The living half of the double."""

    name = "oidc"
    title = "House ID"
    hosts = frozenset({"id.emulator.example"})
    authorize = f"{HOST}/authorize"
    token = f"{HOST}/token"
    scopes = SCOPES
    rules = Rules(prefixes={"access": "hsemu-canary-", "refresh": "hsemu-r-canary-", "code": "hsemu-code-"})
    people: dict[str, Person]

    def settle(self, now: float) -> None:
        """Everybody as at the beginning, and a new key."""
        self.key = Key()
        everybody = (
            Person("ana", "Ana Duarte", "ana@house.example"),
            Person("ben", "Ben Okafor", "ben@house.example"),
            Person("cleo", "Cleo Martin", "cleo@house.example", verified=False),
        )
        self.people = {person.key: person for person in everybody}

    def make_flow(self) -> CodeFlow:
        """The common flow with identities."""
        return Identities(self)

    def accounts(self) -> list[Json]:
        """Everybody, with their ids."""
        return [
            {"account": p.key, "sub": p.sub, "name": p.name, "email": p.note, "email_verified": p.verified}
            for p in self.people.values()
        ]


class Identities(CodeFlow):
    """The common flow, but PKCE is for everybody, and every answer names its issuer (RFC 9207)."""

    def __init__(self, house: HouseId) -> None:
        super().__init__(house)
        self._house = house

    def routes(self) -> list[Route]:
        """What this file answers."""
        return [
            *super().routes(),
            Route(f"{HOST}/.well-known/openid-configuration", self._description, methods=["GET"]),
            Route(f"{HOST}/keys", self._keys, methods=["GET"]),
        ]

    def asked(self, request: Request) -> Asked:
        """The authorize request, checked. Raises Unwelcome."""
        asked = super().asked(request)
        if "openid" not in asked.scopes:
            raise Unwelcome("scope must have openid")
        if asked.challenge is None:
            raise Unwelcome("code_challenge is missing")
        if not set(asked.params.get("prompt", "").split()) <= PROMPTS:
            raise Unwelcome("prompt is not known")
        if not asked.params.get("max_age", "0").isdecimal():
            raise Unwelcome("max_age is no number")
        return asked

    def answered(self, asked: Asked, answer: dict[str, str]) -> Response:
        """With `iss`, refusals too."""
        return back(asked, {**answer, "iss": ISSUER})

    def consented(self, asked: Asked, choice: dict[str, str]) -> dict[str, str]:
        """A code; the person has just been asked, and so it says where that matters."""
        notes = {name: asked.params[name] for name in ("nonce", "max_age") if name in asked.params}
        code = self._house.ledger.consent(
            asked.client,
            choice["account"],
            asked.scopes,
            asked.redirect_uri,
            asked.challenge,
            offline=False,
            notes=notes,
        )
        return {"code": code}

    def token_answer(self, issued: Issued) -> dict[str, Any]:
        """The common answer with an identity."""
        token = self._identity(issued)
        self._house.ledger.private.append(token)
        return {**super().token_answer(issued), "id_token": token}

    def _identity(self, issued: Issued) -> str:
        house, now = self._house, int(self._house.clock.now())
        person = house.people[issued.grant.account]
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": issued.grant.client_id,
            "sub": person.sub,
            "iat": now,
            "exp": now + LIFETIME,
        }
        if "max_age" in issued.notes:
            claims["auth_time"] = now
        if "nonce" in issued.notes:
            claims["nonce"] = issued.notes["nonce"]
        if "email" in issued.grant.scopes:
            claims |= {"email": person.note, "email_verified": person.verified}
        if "profile" in issued.grant.scopes:
            claims["name"] = person.name
        bent = {**claims, **house.settings.id_token}
        shown = {name: value for name, value in bent.items() if value is not None}
        return house.key.sign(shown, forged=house.settings.id_token_forged)

    async def _description(self, request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "scopes_supported": list(SCOPES),
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def _keys(self, request: Request) -> Response:
        return JSONResponse(self._house.key.published())
