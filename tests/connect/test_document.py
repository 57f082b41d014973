"""What a client's id and its document must look like."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connect.document import BadDocument, host_of, read_document
from tests.connect.tlshost import document
from vault.store.clients import Client

URL = "https://chat.example/client.json"


def read(made: Any, url: str = URL) -> Client:
    return read_document(url, made if isinstance(made, bytes) else json.dumps(made).encode())


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://claude.ai/oauth/claude-code-client-metadata", "claude.ai"),
        ("https://chatgpt.com/oauth/kDmjx77UnKOM/client.json", "chatgpt.com"),
        ("https://apify.github.io/mcpc/client-metadata.json", "apify.github.io"),
        ("https://a.example:8443/x", "a.example"),
        ("https://a.example:443/x/", "a.example"),
        ("https://a.example/x?v=1", "a.example"),
        ("https://xn--bcher-kva.example/x", "xn--bcher-kva.example"),
        ("https://a.example/.well-known/client", "a.example"),
        ("https://a.example/x..y/...", "a.example"),
    ],
)
def test_an_https_address_of_a_document_is_an_id(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/x",
        "HTTPS://a.example/x",
        "https:a.example/x",
        "https://a.example",
        "https://a.example/",
        "https://a.example?x=/y",
        "https://a.example/x#y",
        "https://a.example/x#",
        "https://user@a.example/x",
        "https://user:pass@a.example/x",
        "https://a.example/./x",
        "https://a.example/../x",
        "https://a.example/x/..",
        "https://a.example/x/%2e%2E/y",
        "https://a.example/x/.%2e/y",
        "https://a.example\\@evil.example/x",
        "https://a.example/x y",
        "https://a.example/x\n",
        "https://a.example/\u202ex",
        "https://a.example./x",
        "https://localhost/x",
        "https://intranet/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/x",
        "https://0x7f.0.0.1/x",
        "https://127.1/x",
        "https://a.example:22/x",
        "https://a.example:80/x",
        "https://a.example:0/x",
        "https://a.example:99999/x",
        "https://a.example:/x",
        "https://a.example/" + "x" * 500,
    ],
)
def test_anything_else_is_none(url: str) -> None:
    with pytest.raises(BadDocument) as caught:
        host_of(url)
    assert url not in str(caught.value)


def test_a_good_document_makes_a_public_client() -> None:
    made = document(URL, client_name=" My \u202e chat ", redirect_uris=["http://[::1]/cb", "http://[::1]/cb"])
    assert read(made) == Client(URL, "cimd", "My chat", ("http://[::1]/cb",), "none")


@pytest.mark.parametrize(
    "changes",
    [
        {"token_endpoint_auth_method": None},
        {"grant_types": None, "response_types": None},
        {"grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:jwt-bearer"]},
        {"logo_uri": "javascript:alert(1)", "jwks_uri": "https://127.0.0.1/", "scope": "anything"},
        {"application_type": "native", "token_endpoint_auth_methods_supported": ["none"]},
        {
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        },
    ],
)
def test_what_real_documents_say_is_taken(changes: dict[str, Any]) -> None:
    assert read(document(URL, **changes)).auth_method == "none"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_id": None}, "another client"),
        ({"client_id": URL + "/"}, "another client"),
        ({"client_id": URL.upper()}, "another client"),
        ({"client_id": "https://chat.example:443/client.json"}, "another client"),
        ({"client_id": [URL]}, "another client"),
        ({"client_name": None}, "client_name"),
        ({"client_name": "\u202e \x00"}, "client_name"),
        ({"client_name": ["Claude"]}, "client_name"),
        ({"redirect_uris": None}, "redirect_uris"),
        ({"redirect_uris": []}, "redirect_uris"),
        ({"redirect_uris": "https://chat.example/cb"}, "redirect_uris"),
        ({"redirect_uris": ["https://chat.example/cb", "javascript:alert(1)"]}, "https"),
        ({"redirect_uris": ["http://chat.example/cb"]}, "https"),
        ({"redirect_uris": ["chat://cb"]}, "https"),
        ({"redirect_uris": [f"https://chat.example/{n}" for n in range(21)]}, "20"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, "secret"),
        ({"token_endpoint_auth_method": "client_secret_post"}, "secret"),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "secret"),
        (
            {
                "token_endpoint_auth_method": "client_secret_post",
                "token_endpoint_auth_methods_supported": ["none"],
            },
            "secret",
        ),
        ({"client_secret": "s"}, "secret"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "private_key_jwt"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, "prove itself"),
        ({"token_endpoint_auth_method": ["none"]}, "prove itself"),
        (
            {
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_methods_supported": "none",
            },
            "private_key_jwt",
        ),
        ({"grant_types": ["client_credentials"]}, "authorization_code"),
        ({"grant_types": "authorization_code"}, "authorization_code"),
        ({"response_types": ["token"]}, "code"),
    ],
)
def test_a_document_that_can_not_be_used_is_explained(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadDocument) as caught:
        read(document(URL, **changes))
    assert said in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe{}", b"[" * 5000, b'"x"', b"1" * 5000])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadDocument, match="JSON"):
        read(body)
