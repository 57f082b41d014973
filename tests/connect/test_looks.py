"""How every page looks and works in Chromium: axe-core, two themes, two widths, the keyboard, no script.

axe-core's rules of WCAG 2.0 to 2.2 (A and AA) and its best practices find nothing on any page.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page

import connect
from tests.connect.stage import APPS, Stage, staged
from tests.connect.test_approve import asks
from tests.connect.visits import VISITS, Visit
from tests.support.chromium import launched
from tests.support.node import package
from vault.store.database import Database

TEMPLATES = Path(connect.__file__).parent / "templates"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS = [("light", 320), ("dark", 320), ("light", 1280), ("dark", 1280)]

AXE = """async tags => {
  const found = await axe.run(document, {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]});
  return found.violations.map(v => v.id + ": " + v.nodes.map(n => n.html.slice(0, 160)).join(" | "));
}"""

SMALL = """() => [...document.querySelectorAll(
  "button, .button, .tick, .levels label, .tabs a, .front a, input[type=text]")]
  .filter(e => e.offsetParent && e.getBoundingClientRect().height < 44).map(e => e.outerHTML.slice(0, 120))"""

BROKEN = """() => [...document.querySelectorAll(".levels span, .tabs a")].filter(e => {
  const text = document.createRange();
  text.selectNodeContents(e);
  const lines = new Set([...text.getClientRects()].map(line => Math.round(line.top)));
  return e.offsetParent && lines.size > e.textContent.trim().split(/\\s+/).length;
}).map(e => e.outerHTML.slice(0, 120))"""

ORDER = """() => {
  const seen = new Set();
  const stops = "a[href], button, input, select, textarea, summary, [tabindex]";
  return [...document.querySelectorAll(stops)].filter(e => {
    if (!e.offsetParent || e.disabled || e.type === "hidden" || e.tabIndex < 0) return false;
    if (e.type !== "radio") return true;
    // Of a group of radio buttons the keyboard stops at the chosen one.
    const chosen = document.querySelector(`input[name="${e.name}"]:checked`) || e;
    return chosen === e && !seen.has(e.name) && seen.add(e.name);
  }).map(e => e.outerHTML);
}"""

FOCUSED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const around = getComputedStyle(e);
  return [e.outerHTML, around.outlineStyle !== "none" && parseFloat(around.outlineWidth) >= 2];
}"""


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Chromium]:
    async with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core as one script."""
    return (package("axe-core") / "axe.min.js").read_text(encoding="utf-8")


def of(names: tuple[str, ...]) -> Any:
    return {name: APPS[name] for name in names}


@pytest.mark.parametrize("visit", VISITS, ids=lambda visit: visit.name)
async def test_a_page_is_right_for_everybody(
    visit: Visit, inn_database: Database, inn_ring: Path, chromium: Chromium, axe: str
) -> None:
    async with staged(
        inn_database, inn_ring, chromium, apps=of(visit.apps), owner_links=visit.owner_links
    ) as stage:
        await visit.go(stage)
        assert visit.template in stage.shown, "the visit did not get to its page"
        page = stage.page
        await page.evaluate(axe)
        for theme, width in LOOKS:
            await page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            await page.set_viewport_size({"width": width, "height": 900})
            where = f"{theme}, {width} px"
            assert await page.evaluate(AXE, TAGS) == [], where
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, where
            assert await page.evaluate(SMALL) == [], where
            assert await page.evaluate(BROKEN) == [], f"{where}: a word of a choice is broken in two"
        await _by_keyboard(page)
        assert stage.complaints == []
        assert [url for url in stage.foreign if not visit.leaves] == []


async def test_the_way_between_the_account_pages_is_all_in_sight(
    inn_database: Database, inn_ring: Path, chromium: Chromium
) -> None:
    """One row where there is room, two on the narrowest screen; nothing has to be scrolled to be seen."""
    async with staged(inn_database, inn_ring, chromium) as stage:
        await stage.guest()
        await stage.open("/account")
        for width, rows in ((1280, 1), (320, 2)):
            await stage.page.set_viewport_size({"width": width, "height": 900})
            tops = await stage.page.locator(".tabs a").evaluate_all("all => all.map(a => a.offsetTop)")
            assert len(tops) == 7 and len(set(tops)) == rows, f"{width} px"


async def _by_keyboard(page: Page) -> None:
    """Tab stops at everything there is to use, in the order of the page, and shows where it is."""
    wanted = await page.evaluate(ORDER)
    assert wanted, "a page without anything to go on with is a dead end"
    await page.evaluate("document.activeElement?.blur()")
    got = []
    for _ in range(len(wanted)):
        await page.keyboard.press("Tab")
        focused = await page.evaluate(FOCUSED)
        assert focused is not None
        html, visible = focused
        assert visible, f"nothing shows that the focus is at {html[:120]}"
        got.append(html)
    assert got == wanted


def test_every_template_is_visited() -> None:
    visited = {visit.template for visit in VISITS}
    used = set(visited)
    while True:
        more = {
            name
            for template in used
            for name in re.findall(
                r"{% (?:extends|include|from) \"([^\"]+)\"", (TEMPLATES / template).read_text()
            )
        }
        if more <= used:
            break
        used |= more
    assert used == {path.name for path in TEMPLATES.glob("*.html")}


def test_axe_is_the_version_that_is_named(axe: str) -> None:
    wanted = json.loads((Path(__file__).parents[1] / "package.json").read_text())["dependencies"]["axe-core"]
    assert f"axe v{wanted}" in axe[:200]


async def test_axe_would_find_something(
    inn_database: Database, inn_ring: Path, chromium: Chromium, axe: str
) -> None:
    """A page with a fault of each sort that the test is there for."""
    async with staged(inn_database, inn_ring, chromium) as stage:
        await stage.open("/signin")
        await stage.page.evaluate(axe)
        await stage.page.evaluate(
            """() => {
              const main = document.querySelector("main");
              const add = (tag, made) => main.append(Object.assign(document.createElement(tag), made));
              add("p", {textContent: "pale", id: "pale"});
              document.getElementById("pale").style.color = "#fff8e8";
              add("input", {type: "text"});
              add("h5", {textContent: "Too deep"});
              add("button", {textContent: ""});
            }"""
        )
        found = {line.split(":")[0] for line in await stage.page.evaluate(AXE, TAGS)}
    assert {"color-contrast", "label", "heading-order", "button-name"} <= found


async def test_a_page_that_breaks_the_policy_or_asks_elsewhere_is_noticed(
    inn_database: Database, inn_ring: Path, chromium: Chromium
) -> None:
    async with staged(inn_database, inn_ring, chromium) as stage:
        await stage.open("/signin")
        await stage.page.evaluate(
            """() => {
              document.body.append(Object.assign(document.createElement("script"), {textContent: "1"}));
              document.body.append(Object.assign(document.createElement("img"), {src: "data:,x"}));
              location.assign("https://elsewhere.example/");
            }"""
        )
        while not (stage.complaints and stage.foreign):
            await stage.page.evaluate("1")
    assert any("Content Security Policy" in line for line in stage.complaints)
    assert stage.foreign == ["https://elsewhere.example/"]


class Keys:
    """Somebody with a keyboard and nothing else."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def to(self, name: str, role: str = "button") -> None:
        """Tab on until the focus is at what has that name."""
        wanted = self.page.get_by_role(role, name=name, exact=True).first  # type: ignore[arg-type]
        await wanted.wait_for()
        for _ in range(60):
            await self.page.keyboard.press("Tab")
            if await wanted.evaluate("e => e === document.activeElement"):
                return
        raise AssertionError(f"Tab never comes to {name}")

    async def press(self, name: str, role: str = "button") -> None:
        """Go there and press Enter; the next page is there when this returns."""
        await self.to(name, role)
        async with self.page.expect_event("load"):
            await self.page.keyboard.press("Enter")

    async def heading(self) -> str:
        return (await self.page.locator("h1").first.inner_text()).replace("\n", " ")


async def test_everything_works_without_script_and_without_a_mouse(
    inn_database: Database, inn_ring: Path, chromium: Chromium
) -> None:
    async with staged(inn_database, inn_ring, chromium, script=False) as stage:
        keys, inn = Keys(stage.page), stage.inn
        client = await inn.client("Claude", "cimd")
        await _sign_in(stage, keys, f"/consent?h={await inn.asks(client)}")
        assert "Claude wants to use your Spotify" in await keys.heading()
        await keys.press("Connect Spotify", "link")
        await _there_and_back(stage, keys, "Continue to Spotify")
        await keys.press("Connect this account")
        assert "Claude wants to use your Spotify" in await keys.heading()
        await keys.to("Read and write", "radio")
        assert await _said(stage) == ["write"]
        await stage.page.keyboard.press("ArrowUp")
        assert await _said(stage) == ["read"], "what is chosen is what is said"
        await keys.press("Allow")
        assert await keys.heading() == "Going back to Claude…"
        assert stage.foreign[-1].startswith("https://claude.ai/api/mcp/auth_callback?")
        user = await inn.user("ana")
        [grant] = await inn.stores.grants.list(user.id)
        assert grant.scopes == {"spotify:read"}, "the arrow key chose to read only"

        await stage.spotify(user, "work")
        await stage.open("/account")
        await keys.to("Chats call it", "textbox")
        await stage.page.keyboard.press("Control+A")
        await stage.page.keyboard.type("at home")
        await keys.press("Rename")
        assert "“at home” now" in await stage.page.get_by_role("status").inner_text()
        await keys.press("Chats", "link")
        await keys.press("Cut off")
        assert await inn.stores.grants.list(user.id) == []
        _, path = await asks(inn, user)
        await stage.open(path)
        await keys.press("Yes, do this")
        assert await keys.heading() == "You said yes"
        await keys.press("account page", "link")
        await keys.press("Activity", "link")
        assert "Chat cut off" in await stage.page.locator("main").inner_text()
        await keys.press("My data", "link")
        await keys.to("Download my data")
        async with stage.page.expect_download() as download:
            await stage.page.keyboard.press("Enter")
        assert "at home" in Path(await (await download.value).path()).read_text()
        await keys.press("Delete my account", "link")
        await keys.to("I am sure Delete everything that Valet has of me.", "checkbox")
        await stage.page.keyboard.press("Space")
        await keys.press("Delete my account")
        assert await keys.heading() == "It is done"
        assert await inn.stores.users.find(user.id) is None
        assert stage.complaints == []


async def _said(stage: Stage) -> list[str]:
    """Of which levels it is in sight what they mean."""
    shown = "all => all.filter(e => e.offsetParent).map(e => e.className.replace('says ', ''))"
    found: list[str] = await stage.page.locator(".says").evaluate_all(shown)
    return found


async def _sign_in(stage: Stage, keys: Keys, path: str) -> None:
    await stage.open(path)
    assert await keys.heading() == "Good to see you"
    await _there_and_back(stage, keys, "Continue with Spotify")


async def _there_and_back(stage: Stage, keys: Keys, button: str) -> None:
    """Press a button that leads to the provider, agree there, and come back."""
    before = len(stage.foreign)
    await keys.press(button)
    async with asyncio.timeout(20):
        while len(stage.foreign) == before:
            await asyncio.sleep(0.01)
    back = stage.inn.spotify.consent(stage.foreign[-1], "ana")
    await stage.open(back.removeprefix(stage.inn.public_url))
