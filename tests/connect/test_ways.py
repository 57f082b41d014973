"""The page of signing in: what stands there, and what its buttons end."""

from __future__ import annotations

import re

import pytest

from connect.agents import called
from tests.connect.inn import Browser, Inn
from tests.connect.test_again import grow_stale
from tests.connect.test_join import ADD, CONFIRM, HERE, ask, ways

LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/19.1 Mobile/15E148 Safari/604.1"
)


async def signed_in(inn: Inn, agent: str, person: str = "ana") -> Browser:
    browser = inn.browser()
    browser.client.headers["user-agent"] = agent
    await inn.sign_in(browser, person)
    return browser


async def alive(browser: Browser) -> bool:
    return (await browser.get("/account")).status == 200


async def joined(inn: Inn) -> Browser:
    """Ana, who signs in with two accounts."""
    browser, _ = await inn.guest()
    await browser.submit((await ask(inn, browser)).form(CONFIRM), decision="add")
    assert await ways(inn) == ["Ana", "Zoe"]
    return browser


async def test_the_page_names_ways_in_and_browsers(inn: Inn) -> None:
    here, _ = await signed_in(inn, LINUX), await signed_in(inn, PHONE)
    await signed_in(inn, LINUX, "ben")
    page = await here.get(HERE)
    assert page.text.count("Firefox on Linux") == 1
    assert page.text.count("Safari on an iPhone") == 1
    assert page.text.count("this one") == 2  # the tag, and the words beside everywhere
    assert "Spotify <small>Ana</small>" in page.text
    assert not re.search(r"\bBen\b", page.text)  # a word: what is random may hold any three letters
    assert (await inn.browser().get(HERE)).location == "/signin?next=%2Faccount%2Fsign-in"


async def test_no_version_and_no_address_of_a_browser_is_kept(inn: Inn) -> None:
    await signed_in(inn, LINUX)
    assert await inn.count("SELECT count(*) FROM sessions WHERE browser = 'Firefox on Linux'") == 1
    # What else the header says, in words that no id, hash or time can hold by chance.
    for words in ("%Gecko%", "%rv:%", "%Firefox/%"):
        assert words.strip("%") in LINUX
        assert await inn.count("SELECT count(*) FROM sessions s WHERE s::text LIKE %s", words) == 0


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (LINUX, "Firefox on Linux"),
        (PHONE, "Safari on an iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit Chrome/140.0 Mobile Safari/537", "Chrome on Android"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit Version/19 Safari/605",
            "Safari on a Mac",
        ),
        ("Something of Windows", "A browser on Windows"),
        ("curl/8.0 <script>", ""),
        ("", ""),
    ],
)
def test_a_browser_is_called_by_words_of_ours(agent: str, words: str) -> None:
    assert called(agent) == words


async def test_one_session_is_ended_and_the_others_stay(inn: Inn) -> None:
    here, there = await signed_in(inn, LINUX), await signed_in(inn, PHONE)
    page = await here.get(HERE)
    [form] = [form for form in page.forms if "/sessions/" in form.action]
    stranger, _ = await inn.guest("ben")
    csrf = (await stranger.get(HERE)).form(ADD).fields["csrf"]
    assert (await stranger.post(form.action, {"csrf": csrf})).status == 404
    assert await alive(there)
    assert (await here.submit(form)).location == f"{HERE}?told=ended"
    assert not await alive(there)
    assert await alive(here)
    assert (await here.submit(form)).status == 404


async def test_signing_out_everywhere_ends_every_session_and_no_chat(inn: Inn) -> None:
    here, there = await signed_in(inn, LINUX), await signed_in(inn, PHONE)
    ben, _ = await inn.guest("ben")
    ana = await inn.user("ana")
    await inn.grant(ana, await inn.client(), frozenset({"spotify:read"}))
    page = await here.get(HERE)
    assert "Chats keep the access" in page.text
    done = await here.submit(page.form(f"{HERE}/everywhere"))
    assert done.location == "/signin?out=1"
    assert "signed out everywhere" in (await here.get(done.location)).text
    assert here.cookie("valet") is None
    for browser in (here, there):
        assert not await alive(browser)
    assert await alive(ben)
    assert len(await inn.stores.grants.list(ana.id)) == 1


async def test_a_way_in_is_removed_and_every_other_browser_signed_out(inn: Inn) -> None:
    here = await joined(inn)
    by_zoe = inn.browser()
    await inn.sign_in(by_zoe, "zoe")
    page = await here.get(HERE)
    _, zoe = [form for form in page.forms if form.action.endswith("/remove")]
    assert (await here.submit(zoe)).location == f"{HERE}?told=removed"
    await inn.diary.flush()
    assert await inn.count("SELECT count(*) FROM activity WHERE action = 'identity_removed'") == 1
    assert await ways(inn) == ["Ana"]
    assert await alive(here)
    assert not await alive(by_zoe)
    assert (await inn.sign_in(inn.browser(), "zoe")).status == 403
    assert not [form for form in (await here.get(HERE)).forms if form.action.endswith("/remove")]
    assert (await here.submit(zoe)).status == 409


async def test_the_only_way_in_stays(inn: Inn) -> None:
    browser, ana = await inn.guest()
    [way] = await inn.stores.ways.list(ana.id)
    csrf = (await browser.get(HERE)).form(ADD).fields["csrf"]
    page = await browser.post(f"{HERE}/ways/{way.id}/remove", {"csrf": csrf})
    assert page.status == 409
    assert await ways(inn) == ["Ana"]


async def test_the_only_way_in_that_was_invited_stays(inn: Inn) -> None:
    here = await joined(inn)
    ana, _ = [form for form in (await here.get(HERE)).forms if form.action.endswith("/remove")]
    page = await here.submit(ana)
    assert page.status == 409
    assert "Without it you could not come back" in page.text
    assert await ways(inn) == ["Ana", "Zoe"]


async def test_removing_needs_a_proof_of_the_last_ten_minutes(inn: Inn) -> None:
    here = await joined(inn)
    await grow_stale(inn, await inn.user("ana"))
    _, zoe = [form for form in (await here.get(HERE)).forms if form.action.endswith("/remove")]
    assert (await here.submit(zoe)).location == "/signin?next=%2Faccount%2Fsign-in&again=1"
    assert await ways(inn) == ["Ana", "Zoe"]


async def test_nobody_removes_a_way_in_of_another(inn: Inn) -> None:
    await joined(inn)
    stranger, _ = await inn.guest("ben")
    csrf = (await stranger.get(HERE)).form(ADD).fields["csrf"]
    for way in await inn.stores.ways.list((await inn.user("ana")).id):
        assert (await stranger.post(f"{HERE}/ways/{way.id}/remove", {"csrf": csrf})).status == 409
    assert await ways(inn) == ["Ana", "Zoe"]


async def test_no_button_works_without_its_token(inn: Inn) -> None:
    here = await joined(inn)
    await signed_in(inn, PHONE)
    forms = [form for form in (await here.get(HERE)).forms if form.action.startswith(HERE)]
    assert len(forms) == 5  # remove two, add, end, everywhere
    for form in forms:
        assert (await here.submit(form, csrf=None)).status == 403
        assert (await here.submit(form, csrf="0" * 64)).status == 403
    assert await inn.count("SELECT count(*) FROM sessions") == 2
    assert await ways(inn) == ["Ana", "Zoe"]
