"""Somebody comes by the operator's own provider, adds Google as a way in, and takes the first away again."""

from __future__ import annotations

import psycopg
from playwright.async_api import Browser, Page

from tests.support.emulator import EmulatorProcess
from tests.support.valet import ValetProcess
from valet.embedded import connection_urls


async def at_the_provider(page: Page, valet: ValetProcess, button: str) -> None:
    """Choose Ana there, and come back."""
    await page.wait_for_url("http://localhost:*/**")
    await page.locator('input[type="radio"][value="ana"]').check()
    await page.get_by_role("button", name=button).click()
    await page.wait_for_url(f"{valet.url}/**")


async def heading(page: Page) -> str:
    return (await page.locator("h1").first.inner_text()).strip()


async def test_two_ways_in_and_back_to_one(
    chromium: Browser, valet: ValetProcess, emulator: EmulatorProcess
) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(f"{valet.url}/signin")
    await page.get_by_role("button", name="Continue with House ID").click()
    await at_the_provider(page, valet, "Agree")
    assert page.url == f"{valet.url}/account"
    assert await page.get_by_text("Connect House ID").count() == 0

    # House ID did not say that it asked her just now, so she is asked to prove it before she adds one.
    await page.goto(f"{valet.url}/account/sign-in")
    await page.get_by_role("button", name="Add a Google account").click()
    await page.wait_for_url("**/signin?**")
    assert await heading(page) == "Is it still you?"
    await page.get_by_role("button", name="Continue with House ID").click()
    await at_the_provider(page, valet, "Agree")
    assert page.url == f"{valet.url}/account/sign-in"
    await page.get_by_role("button", name="Add a Google account").click()
    await at_the_provider(page, valet, "Continue")
    assert await heading(page) == "Add ana.duarte@gmail.com at Google as a way to sign in?"
    await page.get_by_role("button", name="Add it", exact=True).click()
    await page.wait_for_url("**/account/sign-in?told=added")

    # A long visit later: what would outlast it needs a new proof, at a provider of hers.
    urls = connection_urls(valet.data / "demo")
    assert urls is not None
    with psycopg.connect(urls.owner.get_secret_value(), autocommit=True) as link:
        link.execute("UPDATE sessions SET authenticated_at = now() - interval '1 hour'")
    await page.get_by_role("button", name="Remove this way in").first.click()
    await page.wait_for_url("**/signin?**")
    assert await heading(page) == "Is it still you?"
    assert await page.get_by_role("button", name="Continue with Spotify").count() == 0
    await page.get_by_role("button", name="Continue with Google").click()
    await at_the_provider(page, valet, "Continue")
    assert page.url == f"{valet.url}/account/sign-in"
    await page.get_by_role("button", name="Remove this way in").first.click()
    await page.wait_for_url("**/account/sign-in?told=removed")
    assert await page.get_by_role("button", name="Remove this way in").count() == 0

    # House ID is a stranger now; Google still knows her.
    await page.goto(f"{valet.url}/signin?switch=1")
    await page.get_by_role("button", name="Continue with House ID").click()
    await at_the_provider(page, valet, "Agree")
    await page.goto(f"{valet.url}/account/sign-in")
    assert await page.get_by_text("ana.duarte@gmail.com").count() == 0
    await context.close()
