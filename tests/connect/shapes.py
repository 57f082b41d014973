"""The chat clients as they really come: recorded between February and November 2026.

Documents are as their makers publish them (fetched on 2026-09-21 and 24), registrations as seen on the wire
or read in the client's source, probes and quirks as seen on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

ROOT = "/.well-known/oauth-authorization-server"
SUFFIXED = "/.well-known/oauth-authorization-server/mcp"
UNDER = "/mcp/.well-known/oauth-authorization-server"
OIDC = "/.well-known/openid-configuration"
OIDC_SUFFIXED = "/.well-known/openid-configuration/mcp"
OIDC_UNDER = "/mcp/.well-known/openid-configuration"
PRM = "/.well-known/oauth-protected-resource"
PRM_SUFFIXED = "/.well-known/oauth-protected-resource/mcp"
PRM_UNDER = "/mcp/.well-known/oauth-protected-resource"
GET_MCP = "GET /mcp"
POST_MCP = "POST /mcp"

CODE = ["authorization_code", "refresh_token"]
PUBLIC = {"grant_types": CODE, "response_types": ["code"], "token_endpoint_auth_method": "none"}
SECRET = "a secret of the operator's, 100% + odd"

Method = Literal["none", "basic", "basic and id", "post"]
Era = Literal["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]


@dataclass(frozen=True, slots=True)
class Shape:
    """One client. It has a document (`document`), registers itself (`body`), or stands in the operator's
    file.

    `redirect` is what it sends; `shown` what its person reads on the consent page. `scope`: what it asks for,
    None for nothing. `tries`: how often it opens /authorize. `burst`: how many refreshes it sends at once.
    """

    name: str
    redirect: str
    shown: tuple[str, ...]
    document: dict[str, Any] | None = None
    body: dict[str, Any] | None = None
    file: dict[str, Any] | None = None
    probes: tuple[str, ...] = (POST_MCP, PRM_SUFFIXED, ROOT)
    method: Method = "none"
    resource: bool = True
    state: bool = True
    scope: str | None = "all"
    tries: int = 1
    burst: int = 1
    era: Era = "2025-11-25"


def _document(client_id: str, name: str, *redirect_uris: str, **more: Any) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "client_name": name,
        "redirect_uris": list(redirect_uris),
        **PUBLIC,
        **more,
    }


def _body(name: str, *redirect_uris: str, **more: Any) -> dict[str, Any]:
    return {"client_name": name, "redirect_uris": list(redirect_uris), **PUBLIC, **more}


CLAUDE = "https://claude.ai/api/mcp/auth_callback"
CLAUDE_COM = "https://claude.com/api/mcp/auth_callback"
CLAUDE_CODE = "https://claude.ai/oauth/claude-code-client-metadata"
CHATGPT = "https://chatgpt.com/connector_platform_oauth_redirect"
CURSOR = "cursor://anysphere.cursor-mcp/oauth/callback"
THIS = ("this computer", "any app here could be asking")

SHAPES = (
    Shape(
        "Claude web, with its document",
        CLAUDE,
        ("Claude wants", "claude.ai", "Vouched for by"),
        document=_document(
            "https://claude.ai/oauth/mcp-oauth-client-metadata",
            "Claude",
            CLAUDE,
            client_uri="https://claude.ai",
            grant_types=[*CODE, "urn:ietf:params:oauth:grant-type:jwt-bearer"],
        ),
    ),
    Shape(
        "Claude web, registering itself anew for each connection",
        CLAUDE_COM,
        ("An app at claude.com", "unverified name"),
        body=_body("Claude", CLAUDE, CLAUDE_COM, scope="spotify:read"),
        probes=(POST_MCP, PRM_SUFFIXED, ROOT, SUFFIXED, UNDER),
    ),
    Shape(
        "Claude Desktop, by an entry that starts mcp-remote",
        "http://localhost:27941/oauth/callback",
        THIS,
        body=_body(
            "Claude Desktop (via mcp-remote 0.15.1)",
            "http://localhost:27941/oauth/callback",
            client_uri="https://github.com/geelen/mcp-remote",
            software_id="2e6dc280-f3c3-4e01-99a7-8181dbd1d23d",
            software_version="0.15.1",
        ),
        probes=(POST_MCP, PRM_SUFFIXED, ROOT, OIDC),
    ),
    Shape(
        "Claude Code",
        "http://localhost:54545/callback",
        ("Claude Code wants", "Vouched for by", *THIS),
        document=_document(
            CLAUDE_CODE,
            "Claude Code",
            "http://localhost/callback",
            "http://127.0.0.1/callback",
            client_uri="https://claude.ai",
        ),
        probes=(POST_MCP, PRM_SUFFIXED, ROOT, SUFFIXED),
        burst=6,
        era="2026-07-28",
    ),
    Shape(
        "Claude Code, told its client id",
        "http://localhost:8080/callback",
        ("Our Claude Code", *THIS),
        file={
            "client_id": "claude-code",
            "client_name": "Our Claude Code",
            "redirect_uris": ["http://localhost/callback"],
            "client_secret": SECRET,
        },
        method="post",
        era="2026-07-28",
    ),
    Shape(
        "ChatGPT, by its one address",
        CHATGPT,
        ("ChatGPT wants", "chatgpt.com", "Vouched for by"),
        document=_document(
            "https://chatgpt.com/oauth/client.json",
            "ChatGPT",
            CHATGPT,
            client_uri="https://chatgpt.com/",
            token_endpoint_auth_method="private_key_jwt",
            token_endpoint_auth_methods_supported=["none", "private_key_jwt"],
            token_endpoint_auth_signing_alg="RS256",
            jwks_uri="https://chatgpt.com/oauth/jwks.json",
            logo_uri="https://persistent.oaistatic.com/sonic/misc/openai-logo.png",
        ),
        probes=(POST_MCP, PRM_SUFFIXED, PRM, ROOT, OIDC),
    ),
    Shape(
        "ChatGPT, by an address for each connector, coming back without a scope",
        "https://chatgpt.com/connector/oauth/kDmjx77UnKOM",
        ("ChatGPT wants", "chatgpt.com"),
        document=_document(
            "https://chatgpt.com/oauth/kDmjx77UnKOM/client.json",
            "ChatGPT",
            "https://chatgpt.com/connector/oauth/kDmjx77UnKOM",
            token_endpoint_auth_method="private_key_jwt",
            token_endpoint_auth_methods_supported=["none", "private_key_jwt"],
        ),
        scope=None,
    ),
    Shape(
        "ChatGPT, registering itself",
        CHATGPT,
        ("An app at chatgpt.com", "unverified name"),
        body=_body("ChatGPT", CHATGPT),
        scope="all offline_access",
    ),
    Shape(
        "Codex, with its document",
        "http://127.0.0.1:43123/callback",
        ("Codex wants", *THIS),
        document=_document(
            "https://chatgpt.com/oauth/codex/client.json",
            "Codex",
            "http://127.0.0.1/callback",
            "http://localhost/callback",
        ),
        probes=(GET_MCP, POST_MCP, PRM_SUFFIXED, ROOT),
        era="2024-11-05",
    ),
    Shape(
        "Codex, registering itself",
        "http://127.0.0.1:37819/callback/yZ0qvX1b",
        THIS,
        body=_body("Codex", "http://127.0.0.1:37819/callback/yZ0qvX1b", application_type="native"),
        probes=(GET_MCP, POST_MCP, PRM_SUFFIXED, ROOT, SUFFIXED),
    ),
    Shape(
        "Cursor",
        "http://localhost:8787/callback",
        THIS,
        body=_body("Cursor", "http://localhost:8787/callback", CURSOR),
        probes=(POST_MCP, PRM_SUFFIXED, ROOT, OIDC),
    ),
    Shape(
        "Cursor, before 3.14",
        CURSOR,
        ("Cursor on this device", "unverified name"),
        body=_body("Cursor", CURSOR),
    ),
    Shape(
        "Cursor, in its cloud",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        ("An app at www.cursor.com",),
        body=_body("Cursor", "https://www.cursor.com/agents/mcp/oauth/callback"),
    ),
    Shape(
        "VS Code, with its document",
        "http://127.0.0.1:33418/",
        ("Visual Studio Code wants", *THIS),
        document=_document(
            "https://vscode.dev/oauth/client-metadata.json",
            "Visual Studio Code",
            "http://127.0.0.1:33418/",
            "https://vscode.dev/redirect",
            application_type="native",
            grant_types=[*CODE, "urn:ietf:params:oauth:grant-type:device_code"],
        ),
        probes=(POST_MCP, PRM_SUFFIXED, ROOT, OIDC),
    ),
    Shape(
        "VS Code, registering itself, on a port that it had not named",
        "http://127.0.0.1:49666/",
        THIS,
        body=_body(
            "Visual Studio Code",
            "https://insiders.vscode.dev/redirect",
            "https://vscode.dev/redirect",
            "http://127.0.0.1/",
            "http://127.0.0.1:33418/",
            client_uri="https://code.visualstudio.com",
            scope="openid",
            application_type="native",
            grant_types=[*CODE, "urn:ietf:params:oauth:grant-type:device_code"],
        ),
        probes=(POST_MCP, PRM_SUFFIXED, ROOT, SUFFIXED, OIDC, OIDC_SUFFIXED, OIDC_UNDER),
    ),
    Shape(
        "Inspector",
        "http://localhost:6274/oauth/callback",
        THIS,
        body=_body(
            "MCP Inspector",
            "http://localhost:6274/oauth/callback",
            client_uri="https://github.com/modelcontextprotocol/inspector",
            scope="",
            application_type="native",
        ),
    ),
    Shape(
        "Inspector's command line, told its client",
        "http://127.0.0.1:6276/oauth/callback",
        ("An inspector", *THIS),
        file={
            "client_id": "inspector",
            "client_name": "An inspector",
            "redirect_uris": ["http://127.0.0.1:6276/oauth/callback"],
            "client_secret": SECRET,
        },
        method="basic",
    ),
    Shape(
        "mcp-remote",
        "http://localhost:3334/oauth/callback",
        THIS,
        body=_body("MCP CLI Proxy", "http://localhost:3334/oauth/callback"),
        probes=(POST_MCP, PRM_SUFFIXED, ROOT),
        tries=2,
    ),
    Shape(
        "opencode, with its document",
        "http://127.0.0.1:19876/callback",
        ("Opencode wants", *THIS),
        document=_document(
            "https://opencode.ai/oauth/opencode/client.json",
            "opencode",
            "http://127.0.0.1/callback",
            "http://localhost/callback",
            application_type="native",
            token_endpoint_auth_methods_supported=["none"],
        ),
    ),
    Shape(
        "opencode, registering itself",
        "http://127.0.0.1:19876/mcp/oauth/callback",
        THIS,
        body=_body("opencode", "http://127.0.0.1:19876/mcp/oauth/callback"),
    ),
    Shape(
        "Goose",
        "http://[::1]:40123/oauth_callback",
        ("Goose wants", *THIS),
        document=_document(
            "https://goose-docs.ai/oauth/client-metadata.json",
            "goose",
            "http://127.0.0.1/oauth_callback",
            "http://[::1]/oauth_callback",
            code_challenge_methods_supported=["S256"],
        ),
        era="2025-03-26",
    ),
    Shape(
        "Zed",
        "http://127.0.0.1:49152/callback",
        ("Zed wants", *THIS),
        document=_document("https://zed.dev/oauth/client-metadata.json", "Zed", "http://127.0.0.1/callback"),
    ),
    Shape(
        "fastmcp, which looks at /authorize before it opens the browser",
        "http://localhost:51234/callback",
        THIS,
        body=_body("FastMCP Client", "http://localhost:51234/callback"),
        tries=2,
        era="2026-07-28",
    ),
    Shape(
        "Python SDK 2.3",
        "http://localhost:3030/callback",
        THIS,
        body={"client_name": "SDK", "redirect_uris": ["http://localhost:3030/callback"], "grant_types": CODE},
        method="basic and id",
        era="2026-07-28",
    ),
    Shape(
        "Python SDK 1.12, which puts its secret in the body",
        "http://localhost:3030/callback",
        THIS,
        body=_body("SDK", "http://localhost:3030/callback", token_endpoint_auth_method="client_secret_post"),
        method="post",
        era="2025-06-18",
    ),
    Shape(
        "Python SDK 1.9, which knows no resource and looks at the root only",
        "http://localhost:3030/callback",
        THIS,
        body=_body("SDK", "http://localhost:3030/callback"),
        probes=(ROOT,),
        resource=False,
        era="2025-03-26",
    ),
    Shape(
        "TypeScript SDK 1.32, without state",
        "http://localhost:8090/callback",
        THIS,
        body=_body("TypeScript", "http://localhost:8090/callback"),
        probes=(POST_MCP, PRM_SUFFIXED, PRM, SUFFIXED, ROOT, OIDC),
        state=False,
        tries=2,
    ),
    Shape(
        "TypeScript client 2.4, told its client, by Basic alone",
        "http://localhost:8090/callback",
        ("A program", *THIS),
        file={
            "client_id": "https://program.example/its-id",
            "client_name": "A program",
            "redirect_uris": ["http://localhost:8090/callback"],
            "client_secret": SECRET,
        },
        method="basic",
        era="2026-07-28",
    ),
)
