"""Client-id documents: what a URL must be to be a client's id, and what its document must say.

Source: draft-ietf-oauth-client-id-metadata-document-02 §3 and §4; MCP 2026-07-28, client registration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

from connect.names import shown_name
from connect.redirects import refusal, several
from vault.store.clients import Client

_MAX = 500
# A top-level domain begins with a letter; what ends in a number is an IP address in disguise (WHATWG URL
# §3.5).
_HOST = re.compile(r"(?:[A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]*")
_SECRETS = ("client_secret_basic", "client_secret_post", "client_secret_jwt")


class BadDocument(Exception):
    """The id or its document breaks a rule; the text is a sentence about it."""


def host_of(client_id: str) -> str:
    """The host that vouches for the client. Raises BadDocument where the URL can't be a client's id."""
    parts = urlsplit(client_id) if refusal(client_id) is None else None
    if parts is None or not client_id.startswith("https://") or len(client_id) > _MAX:
        raise BadDocument("Its name is not an https address.")
    host, port = parts.hostname or "", 443 if parts.port is None else parts.port
    if not _HOST.fullmatch(host) or (port != 443 and port < 1024):
        raise BadDocument("Its name is not the address of a public web server.")
    segments = parts.path.lower().replace("%2e", ".").split("/")
    if parts.path in {"", "/"} or {".", ".."} & set(segments):
        raise BadDocument("Its name is not the plain address of a document.")
    return host


def read_document(client_id: str, body: bytes) -> Client:
    """The client that the document at `client_id` describes. Raises BadDocument."""
    document = _object(body)
    if document.get("client_id") != client_id:
        raise BadDocument("Its document is about another client: client_id differs from its address.")
    name = shown_name(document.get("client_name"), "")
    if not name:
        raise BadDocument("Its document has no client_name.")
    try:
        redirect_uris = several(document.get("redirect_uris"))
    except ValueError as error:
        raise BadDocument(f"Its document has redirect_uris that can't be used. {error}") from None
    _check_public(document)
    for field, needed in (("grant_types", "authorization_code"), ("response_types", "code")):
        given = document.get(field)
        if given is not None and not (isinstance(given, list) and needed in given):
            raise BadDocument(f"Its document does not list {needed} in {field}.")
    return Client(client_id, "cimd", name, redirect_uris, "none")


def _object(body: bytes) -> Mapping[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise BadDocument("Its document is not valid JSON.") from None
    if not isinstance(document, dict):
        raise BadDocument("Its document is not a JSON object.")
    return cast("Mapping[str, object]", document)


def _check_public(document: Mapping[str, object]) -> None:
    """The client must be able to go without authentication: `none`.

    A document is public, so a shared secret has no place in it (§4.1). One that prefers `private_key_jwt` is
    taken where it also offers `none`, as ChatGPT's does: our metadata does not list private_key_jwt, so that
    client comes as a public one.
    """
    method = document.get("token_endpoint_auth_method", "none")
    offered = document.get("token_endpoint_auth_methods_supported")
    if "client_secret" in document or method in _SECRETS:
        raise BadDocument("Its document relies on a shared secret, which a public document can't hold.")
    if method != "none" and not (isinstance(offered, list) and "none" in offered):
        raise BadDocument(
            "Its document asks for private_key_jwt or another way to prove itself that Valet does not check. "
            "It must offer none."
        )
