"""A chat program that shows MCP Apps, in Chromium: host page, sandbox of another origin, and the view in it.

The policy is the one of MCP Apps 2026-01-26 for a resource that declares no domains ("Restrictive Default").
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from jsonschema import Draft202012Validator
from playwright.async_api import Browser, Frame, Locator, Page, Request, ViewportSize
from starlette.applications import Starlette
from starlette.requests import Request as Asked
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import mcp_server
from tests.support.node import FOLDER
from tests.support.ports import free_port

HERE = Path(__file__).parent
MODULES = FOLDER / "node_modules"
APPS = Path(mcp_server.__file__).parent / "apps"
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; media-src 'self' data:; connect-src 'none'; frame-src 'none'; object-src 'none'; "
    "base-uri 'self'"
)
STATE, COMMAND = "spotify_player_state", "spotify_player_command"
SIZE: ViewportSize = {"width": 560, "height": 700}
EVERYTHING: Mapping[str, Any] = {"openLinks": {}, "serverTools": {}}

Json = dict[str, Any]
Serve = Callable[[str, Json], Awaitable[Json]]
"""`(tool, arguments) -> {"result": …} or {"error": …}`."""


@dataclass(frozen=True)
class Origins:
    """Where the host page and its sandbox are served: two origins, as the specification wants."""

    host: str
    sandbox: str


@asynccontextmanager
async def origins() -> AsyncIterator[Origins]:
    """The two pages, on two ports of this machine."""

    async def page(asked: Asked) -> Response:
        name = asked.url.path.strip("/")
        headers = {"content-security-policy": POLICY} if name == "sandbox" else {}
        return HTMLResponse((HERE / f"{name}.html").read_text(encoding="utf-8"), headers=headers)

    pages = [Route(f"/{name}", page) for name in ("host", "official", "sandbox")]
    app = Starlette(routes=[*pages, Mount("/npm", StaticFiles(directory=MODULES, check_dir=False))])
    ports = free_port(), free_port()
    servers = [
        uvicorn.Server(
            uvicorn.Config(app, port=port, log_config=None, access_log=False, lifespan="off", ws="none")
        )
        for port in ports
    ]
    running = []
    for server in servers:
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        running.append(asyncio.create_task(server._serve()))
    try:
        while not all(server.started for server in servers):
            await asyncio.sleep(0.005)
        yield Origins(*(f"http://127.0.0.1:{port}" for port in ports))
    finally:
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*running)


class Chat:
    """A window of a chat program, with one app in it at a time.

    `calls` are the tools that the view called, `opened` the pages that it asked the host to open,
    `requests` what the browser asked of the network beside the host's own two pages, `complaints` what it
    said against a page: errors of scripts, breaches of the policy.
    """

    def __init__(self, page: Page, served: Origins, *, still: bool = False) -> None:
        """`still`: time stands still in the app, but for `wait`."""
        self.page, self._origins, self._still = page, served, still
        self.begin(nobody)

    def begin(self, serve: Serve) -> None:
        """Forget what was before. `serve` is the host's way to the tools."""
        self.serve = serve
        self.calls: list[tuple[str, Json]] = []
        self.opened: list[str] = []
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.opens: Callable[[str], Json] = lambda url: {"result": {}}
        self._under_way: set[object] = set()

    async def end(self, contract: Contract | None) -> None:
        """Close the app. Fails where it reached for the network, where the browser complained of anything,
        and where a message of the view was against the contract.
        """
        messages = await self.page.evaluate("log")
        await self.page.goto("about:blank")
        await self.page.set_viewport_size(SIZE)
        await self.page.emulate_media(color_scheme="light")
        assert (self.requests, self.complaints) == ([], [])
        if contract is not None:
            for message in messages:
                contract.judge(message)

    async def listen(self) -> None:
        """Take note of everything, and be the host's way to the world."""
        self.page.on("request", self._requested)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type == "error" else None
        )
        await self.page.expose_function("serve", self._called)
        await self.page.expose_function("openLink", self._opened)

    def _requested(self, request: Request) -> None:
        host = self._origins.host
        ours = {f"{host}/host", f"{host}/official", f"{self._origins.sandbox}/sandbox"}
        # Only the host may have modules, and only by itself.
        module = request.url.startswith(f"{host}/npm/") and request.frame == self.page.main_frame
        if request.url not in ours and not module:
            self.requests.append(request.url)

    async def _called(self, name: str, arguments: Json) -> Json:
        self.calls.append((name, arguments))
        under_way, this = self._under_way, object()
        under_way.add(this)
        try:
            return await self.serve(name, arguments)
        finally:
            under_way.discard(this)

    def _opened(self, url: str) -> Json:
        self.opened.append(url)
        return self.opens(url)

    async def show(
        self,
        name: str = "player.html",
        *results: Json,
        arguments: Json | None = None,
        context: Mapping[str, Any] | None = None,
        can: Mapping[str, Any] = EVERYTHING,
        early: Iterable[Json] = (),
        tall: bool = False,
        html: str | None = None,
        host: str = "host",
    ) -> Frame:
        """Render the app as the host does after a tool call; `results` come once it is initialized. `html` is
        what a server gave for it, else it is our file of that name.
        """
        late = [
            note("tool-input", {"arguments": arguments or {}}),
            *(note("tool-result", r) for r in results),
        ]
        html = html or (APPS / name).read_text(encoding="utf-8")
        if self._still:
            clock = (HERE / "clock.js").read_text(encoding="utf-8")
            html = html.replace("<head>", f"<head><script>{clock}</script>", 1)
        await self.page.goto(f"{self._origins.host}/{host}")
        await self.page.wait_for_function("!!globalThis.start")
        await self.page.evaluate(
            "given => start(given)",
            {
                "html": html, "origin": self._origins.sandbox, "can": dict(can), "early": list(early),
                "late": late, "tall": tall,
                "context": {"theme": "light", "locale": "en-GB", **(context or {})},
            },
        )  # fmt: skip
        await self.page.wait_for_function("log.some(each => each.method === 'ui/notifications/initialized')")
        while not any(frame.name == "view" for frame in self.page.frames):
            await self.page.evaluate("1")
        await self.request("ping")  # what the host had to say is heard by then
        return self.view

    @property
    def view(self) -> Frame:
        """The innermost frame: the app itself."""
        return next(frame for frame in self.page.frames if frame.name == "view")

    def at(self, selector: str) -> Locator:
        """Something in the app."""
        return self.view.locator(selector)

    def button(self, name: str) -> Locator:
        """A button of the app, by what a person hears of it."""
        return self.view.get_by_role("button", name=name, exact=True)

    async def press(self, name: str) -> None:
        """A button of an app that has grown: once the host has made room, for until then it moves."""
        await self.until("Math.abs(innerHeight - document.body.getBoundingClientRect().height) <= 1")
        await self.button(name).click()

    async def tell(self, method: str, params: Json) -> None:
        """A notification of the host."""
        await self.page.evaluate(
            "([method, params]) => tell(method, params)", [f"ui/notifications/{method}", params]
        )

    async def request(self, method: str, params: Json | None = None) -> Json:
        """A request of the host, and the app's whole answer."""
        async with asyncio.timeout(60):
            answer: Json = await self.page.evaluate("([m, p]) => request(m, p)", [method, params or {}])
        return answer

    async def sent(self, method: str) -> list[Json]:
        """The messages of that method that the app sent."""
        found: list[Json] = await self.page.evaluate("m => log.filter(each => each.method === m)", method)
        return found

    async def count(self, tool: str = STATE) -> int:
        """How often the view has called that tool, once everything that is on its way has arrived."""
        assert (await self.request("ping"))["result"] == {}
        return len(self.called(tool))

    def called(self, tool: str = STATE) -> list[Json]:
        """The arguments of all calls of that tool."""
        return [arguments for name, arguments in self.calls if name == tool]

    async def calls_reach(self, number: int, tool: str = STATE) -> None:
        """Wait until the view has called that tool so often, and has taken in the answer to the last."""
        async with asyncio.timeout(60):
            while len(self.called(tool)) < number or self._under_way:
                await asyncio.sleep(0.01)
                if self._still:  # what is due is done, also where the browser saw the card only now
                    await self.view.evaluate("pass(0)")
        await self.request("ping")

    async def opened_are(self, *urls: str) -> None:
        """Wait until the view has asked for that many pages; they have to be these, and no other."""
        async with asyncio.timeout(60):
            while len(self.opened) < len(urls):
                await asyncio.sleep(0.01)
        await self.request("ping")
        assert self.opened == list(urls)

    async def until(self, expression: str) -> None:
        """Wait until that is so in the view."""
        async with asyncio.timeout(60):
            while not await self.view.evaluate(expression):
                await asyncio.sleep(0.005)

    async def wait(self, seconds: float) -> None:
        """Let that much of the app's time pass, timer by timer.

        What was told it before has arrived by the beginning, and what it sent by the end.
        """
        await self.request("ping")
        await self.view.evaluate("milliseconds => pass(milliseconds)", round(seconds * 1000))
        await self.request("ping")


def note(method: str, params: Json) -> Json:
    """A notification of the host, as data."""
    return {"method": f"ui/notifications/{method}", "params": params}


async def nobody(tool: str, arguments: Json) -> Json:
    """A host without a server."""
    return {"error": {"code": -32601, "message": "Method not found"}}


@asynccontextmanager
async def window(chromium: Browser, served: Origins, *, still: bool = False) -> AsyncIterator[Chat]:
    """A window of its own. What is shown in it goes between `begin` and `end`."""
    context = await chromium.new_context(viewport=SIZE, reduced_motion="reduce", color_scheme="light")
    context.set_default_timeout(120_000)  # a loaded machine may take its time
    try:
        chat = Chat(await context.new_page(), served, still=still)
        await chat.listen()
        yield chat
    finally:
        await context.close()


class Contract:
    """What a view may send, by the JSON Schema that the authors of MCP Apps publish with their SDK."""

    _KINDS: Mapping[str, str] = {
        "ui/initialize": "McpUiInitializeRequest",
        "ui/open-link": "McpUiOpenLinkRequest",
        "ui/notifications/initialized": "McpUiInitializedNotification",
        "ui/notifications/size-changed": "McpUiSizeChangedNotification",
        "ui/notifications/sandbox-proxy-ready": "McpUiSandboxProxyReadyNotification",
    }

    def __init__(self, schema: Json) -> None:
        self._validators = {
            method: Draft202012Validator({**schema["$defs"][name], "$defs": schema["$defs"]})
            for method, name in self._KINDS.items()
        }

    def judge(self, message: Json) -> None:
        """Raises AssertionError or jsonschema.ValidationError where a message may not be sent."""
        assert message["jsonrpc"] == "2.0"
        if "method" not in message:
            assert set(message) in ({"jsonrpc", "id", "result"}, {"jsonrpc", "id", "error"}), message
            return
        assert ("id" in message) != message["method"].startswith("ui/notifications/"), message
        body = {key: value for key, value in message.items() if key not in {"jsonrpc", "id"}}
        if message["method"] == "tools/call":
            assert set(body["params"]) == {"name", "arguments"} and isinstance(
                body["params"]["arguments"], dict
            )
            return
        self._validators[message["method"]].validate(body)
