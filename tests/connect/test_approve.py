"""The page of a question about one call, and the switch on the account page."""

from __future__ import annotations

import asyncio

import pytest

from connect.session import safe_next
from tests.connect.inn import ALL, Browser, Inn
from vault.approvals import Preview
from vault.ids import new_id
from vault.store.approvals import Deed
from vault.store.users import User

SHOWN = Preview("Send this mail", (("To", "eve@example.com"), ("Subject", "Hello")))


async def asks(inn: Inn, user: User, preview: Preview = SHOWN, exactly: object = "a") -> tuple[Deed, str]:
    """A call that a chat of that person wants to make, and the path of its page."""
    client = await inn.client("Claude")
    await inn.grant(user, client, ALL)
    grant = (await inn.stores.grants.list(user.id))[-1]
    held = await inn.vault.list(user.id)
    deed = inn.approvals.deed(user.id, grant.id, "gmail_send_message", held[0].id if held else None, exactly)
    return deed, f"/approve?h={await inn.approvals.ask(deed, preview)}"


async def spotify(inn: Inn, browser: Browser) -> None:
    page = await browser.submit((await browser.get("/connect/spotify")).forms[0])
    await browser.arrive(inn.spotify.consent(page.refresh, "ana"))


async def test_a_yes_is_given_once_after_seeing_what_it_is_to(inn: Inn) -> None:
    browser, user = await inn.guest()
    await spotify(inn, browser)
    deed, path = await asks(inn, user)
    for _ in range(2):
        page = await browser.get(path)  # a preview of the link, and then the person
        assert page.status == 200
        assert page.headers["cache-control"] == "no-store"
        for said in (
            "Send this mail?",
            "eve@example.com",
            "Hello",
            "Ana",
            "It calls itself Claude",
            "unverified",
        ):
            assert said in page.text, said
        assert await inn.approvals.settle(deed) is None
    answer = await browser.submit(page.forms[0], decision="yes")
    assert (answer.status, answer.location) == (303, path)
    after = await browser.get(path)
    assert "tell it to go on" in after.text and "eve@example.com" not in after.text
    again = await browser.submit(page.forms[0], decision="no")
    assert again.status == 303, "the first answer counts"
    assert await inn.approvals.settle(deed) == "yes"
    assert "the chat has gone on" in (await browser.get(path)).text
    await inn.diary.flush()
    noted = [each async for each in inn.stores.activity.all(user.id) if each.action.startswith("call_")]
    assert [(each.action, each.client_name, each.account) for each in noted] == [
        ("call_approved", "Claude", "Ana")
    ]
    assert "You said yes to a chat" in (await browser.get("/account/activity")).text


async def test_a_personal_token_is_called_by_its_name(inn: Inn) -> None:
    browser, user = await inn.guest()
    resource = f"{inn.public_url}/mcp"
    await inn.stores.personal.add(new_id(), user.id, "Backup script", ALL, resource, 7)
    [grant] = await inn.stores.grants.list(user.id)
    deed = inn.approvals.deed(user.id, grant.id, "gmail_send_message", None, "a")
    page = await browser.get(f"/approve?h={await inn.approvals.ask(deed, SHOWN)}")
    assert "Your token “Backup script” wants to do this through Valet" in page.text
    await browser.submit(page.forms[0], decision="yes")
    assert await inn.approvals.settle(deed) == "yes"


async def test_a_no_ends_it(inn: Inn) -> None:
    browser, user = await inn.guest()
    deed, path = await asks(inn, user)
    form = (await browser.get(path)).forms[0]
    assert form.buttons == [("decision", "yes"), ("decision", "no")]
    answers = await asyncio.gather(*(browser.submit(form, decision="no") for _ in range(4)))
    assert [each.status for each in answers] == [303] * 4
    assert "You said no" in (await browser.get(path)).text
    assert await inn.approvals.settle(deed) == "no"
    await inn.diary.flush()
    actions = [each.action async for each in inn.stores.activity.all(user.id)]
    assert actions.count("call_declined") == 1 and "call_approved" not in actions


async def test_somebody_else_can_neither_see_nor_answer_it(inn: Inn) -> None:
    _, user = await inn.guest()
    deed, path = await asks(inn, user)
    stranger, _ = await inn.guest("ben")
    page = await stranger.get(path)
    assert page.status == 403
    assert "for someone else" in page.text and "eve@example.com" not in page.text
    assert any("switch=1" in link for link in page.links)
    own = (await stranger.get("/account")).form("/signout").fields["csrf"]
    answer = await stranger.post("/approve", {"h": path[-43:], "csrf": own, "decision": "yes"})
    assert answer.status == 403
    assert await inn.approvals.settle(deed) is None


async def test_it_asks_to_sign_in_and_is_come_back_to(inn: Inn) -> None:
    _, user = await inn.guest()
    _, path = await asks(inn, user)
    nobody = inn.browser()
    page = await nobody.get(path)
    assert page.status == 303 and page.location.startswith("/signin?next=%2Fapprove%3Fh%3D")
    assert safe_next(path) == path
    assert safe_next("/approve/x") == "/account"
    page = await nobody.post("/approve", {"h": path[-43:], "decision": "yes"})
    assert page.location.startswith("/signin?next=%2Fapprove%3Fh%3D")


@pytest.mark.parametrize("fault", ["no token", "another site", "neither", "head"])
async def test_only_its_own_form_answers(inn: Inn, fault: str) -> None:
    browser, user = await inn.guest()
    deed, path = await asks(inn, user)
    form = (await browser.get(path)).forms[0]
    if fault == "no token":
        page = await browser.submit(form, csrf=None, decision="yes")
    elif fault == "another site":
        fields = {**form.fields, "decision": "yes"}
        page = await browser.post("/approve", fields, sec_fetch_site="cross-site")
    elif fault == "neither":
        page = await browser.submit(form, decision="maybe")
    else:
        assert (await browser.client.head(path + "&decision=yes")).status_code == 200
        page = await browser.get(path + "&decision=yes")
    assert page.status == {"neither": 400, "head": 200}.get(fault, 403)
    assert await inn.approvals.settle(deed) is None


@pytest.mark.parametrize("state", ["late", "yes and late", "cut", "unknown", "short"])
async def test_what_is_over_says_so_and_does_nothing(inn: Inn, state: str) -> None:
    browser, user = await inn.guest()
    deed, path = await asks(inn, user)
    form = (await browser.get(path)).forms[0]
    if state == "yes and late":
        await browser.submit(form, decision="yes")
    if "late" in state:
        await inn.run("UPDATE approvals SET expires_at = now()")
    elif state == "cut":
        await inn.stores.grants.cut(user.id, deed.grant_id)
    elif state == "unknown":
        await inn.run("DELETE FROM approvals")
    elif state == "short":
        path = path[:-3]
    said = {
        "late": (410, "more than ten minutes ago"),
        "yes and late": (200, "did not go on"),
        "cut": (410, "has no access any more"),
        "unknown": (410, "do not know this question"),
        "short": (410, "do not know this question"),
    }[state]
    page = await browser.get(path)
    assert (page.status, said[1] in page.text) == (said[0], True)
    assert "eve@example.com" not in page.text
    if state != "short":
        await browser.submit(form, decision="yes")
        assert await inn.approvals.settle(deed) is None


async def test_hostile_text_is_text(inn: Inn) -> None:
    browser, user = await inn.guest()
    nasty = "<script>alert(1)</script><b>\"'&" + "x" * 10_000
    _, path = await asks(inn, user, Preview("Send this mail", ((nasty[:40], nasty), ("موضوع", "مرحبا"))))
    page = await browser.get(path)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script>alert" not in page.text and "<b>" not in page.text.partition("<dl")[2]
    assert [each.action for each in page.forms] == ["/approve"]


async def test_a_row_that_was_made_anothers_does_not_open_for_them(inn: Inn) -> None:
    _, user = await inn.guest()
    _, path = await asks(inn, user)
    browser, ben = await inn.guest("ben")
    await inn.run("UPDATE approvals SET user_id = %s", ben.id)
    page = await browser.get(path)
    assert page.status == 500 and "eve@example.com" not in page.text


# The switch


async def test_the_switch_is_per_service_and_says_what_it_does(inn: Inn) -> None:
    browser, user = await inn.guest()
    page = await browser.get("/account")
    form = page.form("/account/asks")
    assert "Ask me first" in page.text
    assert form.fields.keys() == {"csrf"}, "off until somebody wants it"
    assert page.text.count('name="ask-') == 1, "only services of what is set up here, with tools that ask"
    answer = await browser.submit(form, ask__spotify="yes", ask__youtube="yes")
    assert answer.location == "/account?saved=1#asks"
    assert await inn.approvals.services(user.id) == {"spotify"}
    page = await browser.get("/account?saved=1")
    assert "Saved." in page.text
    assert page.form("/account/asks").fields["ask-spotify"] == "yes"
    await browser.submit(page.form("/account/asks"), ask__spotify=None)
    assert await inn.approvals.services(user.id) == frozenset()
    await inn.diary.flush()
    actions = [each.action async for each in inn.stores.activity.all(user.id)]
    assert actions.count("asks_changed") == 2


async def test_what_is_not_shown_is_not_switched_off(inn: Inn) -> None:
    browser, user = await inn.guest()
    await inn.approvals.switch(user.id, {"gmail"}, ())
    await browser.submit((await browser.get("/account")).form("/account/asks"))
    assert await inn.approvals.services(user.id) == {"gmail"}


async def test_the_switch_needs_its_form(inn: Inn) -> None:
    browser, user = await inn.guest()
    assert (await browser.post("/account/asks", {"ask-spotify": "yes"})).status == 403
    assert (await inn.browser().post("/account/asks", {})).location.startswith("/signin")
    assert await inn.approvals.services(user.id) == frozenset()
