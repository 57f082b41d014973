"""Which client is calling /token or /revoke, and is it really that one (RFC 6749 §2.3, §3.2.1)?"""

from __future__ import annotations

import base64
import hmac
from urllib.parse import unquote_plus

from starlette.requests import Request

from connect.endpoint import Parameters
from connect.oautherrors import OAuthError, invalid_request
from connect.roster import Roster
from connect.witness import Witness
from vault.opaque import digest
from vault.store.clients import Client

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Valet"'}


class ClientAuth:
    """Basic, a secret in the body, or none for a public client.

    A secret is taken either way, whichever of the two the client registered for: many clients use the
    one they like best.
    """

    def __init__(self, roster: Roster, witness: Witness) -> None:
        self._roster = roster
        self._witness = witness

    async def identify(self, request: Request, form: Parameters) -> Client:
        """The calling client. Raises OAuthError: `invalid_client` (401), or `invalid_request`."""
        header = request.headers.get("authorization")
        if header is None:
            client_id, challenge = form.get("client_id"), {}
            sent = form.get("client_secret")
            secrets: tuple[str, ...] = () if sent is None else (sent,)
            if client_id is None:
                raise _refused("Say which client this is: client_id in the body, or HTTP Basic.", {})
        else:
            client_id, secrets = _basic(header)
            challenge = _CHALLENGE
            if form.get("client_secret") is not None:
                raise invalid_request("Send the client secret once: in the header or in the body.")
            if form.get("client_id") not in {None, client_id}:
                raise invalid_request("The client_id in the body is not the one in the header.")
        client = await self._roster.find(client_id)
        if client is None or not _proven(client, secrets):
            # What calls itself by a name that is not here has none.
            known = None if client is None else client.id
            self._witness.note("tokens_refused", outcome="refused", client_id=known, detail="client")
            raise _refused("The client is not known here, or its secret is wrong. Register again.", challenge)
        return client


def _proven(client: Client, secrets: tuple[str, ...]) -> bool:
    if client.secret_hash is None or not secrets:
        return client.auth_method == "none" and client.secret_hash is None and not secrets
    return any([hmac.compare_digest(client.secret_hash, digest(secret)) for secret in secrets])


def _basic(header: str) -> tuple[str, tuple[str, ...]]:
    """The id of an HTTP Basic header, form-decoded (RFC 6749 §2.3.1), and the readings of its secret.

    The TypeScript SDKs send the secret as it is, which matters where an operator chose one with `+` or `%`.
    So it counts both as it stands and decoded: whoever sends either knows the secret.
    """
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise _unreadable()
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        client_id, secret = (unquote_plus(part, errors="strict") for part in (name, password))
    except ValueError:
        raise _unreadable() from None
    if not colon or not client_id or "\0" in client_id:
        raise _unreadable()
    return client_id, (secret, password) if password else ()


def _unreadable() -> OAuthError:
    return _refused(
        "The Authorization header must be HTTP Basic: base64 of client_id:client_secret.", _CHALLENGE
    )


def _refused(description: str, challenge: dict[str, str]) -> OAuthError:
    return OAuthError("invalid_client", description, status=401, headers=challenge, missed=True)
