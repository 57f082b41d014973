"""`valet try`: a chat program's first minute, walked by a script.

A real MCP client (the SDK's, with its OAuth) connects to a running `valet demo`; the pages a person
would see are walked by our small browser. Every step prints what came back.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from mcp_types import CallToolResult, ElicitRequestParams, ElicitRequestURLParams, ElicitResult

from valet.browser import Browser, Stuck
from valet.scenes import Scene, TrialFailed, said

_REDIRECT = "http://127.0.0.1:3118/callback"


@dataclass
class Memory:
    """What the SDK's OAuth client keeps, for the length of one trial."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """What was kept, if anything."""
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep them."""
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Our registration, once there is one."""
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep it."""
        self.client = client_info


@dataclass
class Trial:
    """One run: where Valet and the emulator are, a fresh owner link, and how to say a step."""

    public_url: str
    emulator_origin: str
    owner_link: str
    say: Callable[[str, str], None]
    browser: Browser = field(default_factory=lambda: Browser(stop_at=_REDIRECT))
    client: Client | None = field(default=None, init=False)
    _account: str = field(default="", init=False)

    async def run(self, scene: Scene, query: str) -> str:
        """Connect, sign in, and play the scene; returns its closing line. Raises TrialFailed."""
        try:
            return await self._run(scene, query)
        except Exception as error:
            raise _plain(error) from error
        finally:
            await self.browser.close()

    async def _run(self, scene: Scene, query: str) -> str:
        metadata = OAuthClientMetadata.model_validate(
            {
                "client_name": "valet try",
                "redirect_uris": [_REDIRECT],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
            }
        )
        auth = OAuthClientProvider(
            f"{self.public_url}/mcp", metadata, Memory(), self._authorize, self._callback
        )
        async with httpx2.AsyncClient(auth=auth, timeout=30, trust_env=False) as http:
            transport = streamable_http_client(f"{self.public_url}/mcp", http_client=http)
            async with Client(transport, elicitation_callback=self._elicit) as client:
                self.client = client
                tools = (await client.list_tools()).tools
                groups = Counter(tool.name.partition("_")[0] for tool in tools)
                shares = ", ".join(f"{count} of {name}" for name, count in groups.items())
                self.say("tools", f"{len(tools)}: {shares}")
                return await scene.play(self, query)

    async def call(self, tool: str, arguments: dict[str, Any], *, connect_as: str) -> CallToolResult:
        """Call a tool; where it needs an account, connect that one in the browser. Raises TrialFailed."""
        assert self.client is not None
        self._account = connect_as
        started = time.perf_counter()
        result = await self.client.call_tool(tool, arguments)
        link = ((result.meta or {}).get("valet/connect") or {}).get("url")
        if result.is_error and link:
            self.say("not connected", said(result))
            await self._connect(str(link))
            result = await self.client.call_tool(tool, arguments)
        if result.is_error:
            raise TrialFailed(f"{tool} answered: {said(result)}")
        self.say("tool", f"{tool} answered in {(time.perf_counter() - started) * 1000:.0f} ms")
        return result

    async def upstream(self, name: str, **query: str) -> Any:
        """What the emulator itself knows: `/_control/<name>`."""
        async with httpx2.AsyncClient(timeout=10, trust_env=False) as http:
            answer = await http.get(f"{self.emulator_origin}/_control/{name}", params=query)
        if answer.status_code != 200:
            raise TrialFailed(f"the emulator does not tell {name}: {answer.text}")
        return answer.json()

    async def _authorize(self, url: str) -> None:
        self.say("authorize", "401, discovery and registration went well; the browser opens")
        await self.browser.open(self.owner_link)
        await self.browser.press("Open Valet")
        self.say("sign in", "as the owner, with a one-time link")
        page = await self.browser.open(url)
        self.say("consent", page.heading.strip())
        await self.browser.press("Allow")

    async def _callback(self) -> AuthorizationCodeResult:
        if self.browser.caught is None:
            raise TrialFailed("the consent page did not lead back to the client")
        answer = {name: values[0] for name, values in parse_qs(urlsplit(self.browser.caught).query).items()}
        if "code" not in answer:
            raise TrialFailed(f"the authorization server answered {answer.get('error', 'nothing')}")
        return AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer.get("iss"))

    async def _elicit(self, context: object, params: ElicitRequestParams) -> ElicitResult:
        if not isinstance(params, ElicitRequestURLParams):
            return ElicitResult(action="decline")
        self.say("not connected", params.message)
        await self._connect(params.url)
        return ElicitResult(action="accept")

    async def _connect(self, link: str) -> None:
        page = await self.browser.open(link)
        heading = page.heading.strip()
        self.say("connect page", heading)
        page = await self.browser.press("Continue")
        self.say(f"at {heading.rpartition(' ')[2]}", f"{page.title} (the emulator)")
        button = next((name for name in ("Agree", "Continue") if self.browser.offers(name)), "Agree")
        page = await self.browser.press(button, account=self._account)
        if self.browser.offers("Connect this account"):
            self.say("confirm page", page.heading.strip())
            page = await self.browser.press("Connect this account")
        self.say("connected", page.heading.strip())


def _plain(error: BaseException) -> TrialFailed:
    """The one error that the client's task groups wrapped, as a sentence."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, TrialFailed):
        return error
    if isinstance(error, Stuck):
        return TrialFailed(f"the pages led nowhere: {error}")
    return TrialFailed(f"{type(error).__name__}: {error}")
