"""Every page of ours, in the states a person meets it in. A template without one fails `test_looks.py`.

A visit brings the stage's Chromium to its page. It names the template that the page is made from.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from providers.base import Parcel
from providers.carrier import Incoming, Stored
from providers.google.services import GMAIL_READ
from providers.google.transfer import drive_file, new_content, new_file
from tests.connect.inn import ALL, READ
from tests.connect.stage import APPS, EVERYTHING, Stage
from tests.connect.test_approve import asks
from tests.connect.test_join import CONFIRM, ask, set_out
from tests.connect.test_later import needs
from valet.links import mint_setup_link
from vault.approvals import Preview
from vault.ids import operator_id
from vault.opaque import digest, mint
from vault.store.users import User
from vault.transfers import Ticket

Go = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Visit:
    """A page in one state. `apps` are the operator's; `leaves`: it leads to another origin by itself."""

    name: str
    template: str
    go: Go
    apps: tuple[str, ...] = tuple(APPS)
    owner_links: bool = True
    leaves: bool = False


VISITS: list[Visit] = []


def visit(
    template: str, *, apps: tuple[str, ...] = tuple(APPS), owner_links: bool = True, leaves: bool = False
) -> Callable[[Go], Go]:
    """Add a function as a visit of a page made from that template."""

    def add(go: Go) -> Go:
        VISITS.append(Visit(go.__name__, template, go, apps, owner_links, leaves))
        return go

    return add


# Asking first


async def _question(stage: Stage, user: User, preview: Preview) -> str:
    _, path = await asks(stage.inn, user, preview)
    return path


@visit("approve.html")
async def a_question(stage: Stage) -> None:
    _, user = await stage.guest()
    await stage.google(user)
    lines = (
        ("To", "ben@example.com, eve@example.com"),
        ("Subject", "Monday"),
        ("Begins", "See you at nine."),
    )
    await stage.open(await _question(stage, user, Preview("Send this mail", lines)))


@visit("approve.html")
async def a_question_with_too_much_in_it(stage: Stage) -> None:
    _, user = await stage.guest()
    await stage.google(user, "a.very.long.address.that.goes.on.and.on@subdomain.of.a.long.example.com")
    lines = [
        (f"Word number {n}", ("x" * 900, "مرحبا بالعالم " * 30, "<b>bold</b>")[n % 3]) for n in range(20)
    ]
    await stage.open(await _question(stage, user, Preview("Invite to this event", tuple(lines))))


@visit("approve.html")
async def a_question_that_was_answered(stage: Stage) -> None:
    _, user = await stage.guest()
    await stage.open(await _question(stage, user, Preview("Delete this event", (("Title", "Dentist"),))))
    await stage.press("Yes, do this")


@visit("message.html")
async def a_question_to_somebody_else(stage: Stage) -> None:
    _, user = await stage.inn.guest("ben")
    path = await _question(stage, user, Preview("Delete this event", ()))
    await stage.guest()
    await stage.open(path)


@visit("account.html")
async def where_to_be_asked(stage: Stage) -> None:
    _, user = await stage.guest()
    await stage.google(user)
    await stage.inn.approvals.switch(user.id, {"gmail"}, ())
    await stage.open("/account")
    await stage.press("Save")
    await stage.open("/account?saved=1")


# Signing in


@visit("signin.html")
async def sign_in(stage: Stage) -> None:
    await stage.open("/signin")


@visit("signin.html", apps=(), owner_links=False)
async def sign_in_without_a_way(stage: Stage) -> None:
    await stage.open("/signin")


@visit("signin.html")
async def sign_in_as_someone_else(stage: Stage) -> None:
    await stage.guest()
    await stage.open("/signin?switch=1")


@visit("signin.html")
async def sign_in_again(stage: Stage) -> None:
    await stage.guest()
    await stage.inn.run("UPDATE sessions SET authenticated_at = now() - interval '1 hour'")
    await stage.open("/account/data/delete")


@visit("owner.html")
async def owner_link(stage: Stage) -> None:
    token = mint().get_secret_value()
    await stage.inn.stores.owner_links.add(digest(token), timedelta(hours=1))
    await stage.open(f"/owner?t={token}")


# Consent and connecting


async def _consent(stage: Stage, kind: str, name: str, redirect: str) -> None:
    client = await stage.inn.client(name, kind, redirect)  # type: ignore[arg-type]
    await stage.open(f"/consent?h={await stage.inn.asks(client, EVERYTHING)}")


@visit("consent.html")
async def consent_to_a_program_that_names_itself(stage: Stage) -> None:
    await stage.guest()
    await _consent(stage, "dcr", "Claude", "https://chat.example/api/mcp/auth_callback")


@visit("consent.html")
async def consent_to_a_program_that_is_vouched_for(stage: Stage) -> None:
    _, user = await stage.guest()
    await stage.spotify(user)
    await stage.google(user)
    await _consent(stage, "cimd", "Claude", "https://claude.ai/api/mcp/auth_callback")


@visit("consent.html")
async def consent_to_a_program_on_this_computer(stage: Stage) -> None:
    _, user = await stage.guest()
    await stage.spotify(user)
    await stage.ours(user, status="needs_reauth", reason="expired")
    await _consent(stage, "dcr", "Inspector " * 12, "http://127.0.0.1:4711/oauth/callback")


@visit("consent.html")
async def consent_where_nothing_is_set_up(stage: Stage) -> None:
    await stage.guest()
    stage.inn.operated._apps = {}
    await _consent(stage, "dcr", "Claude", "https://chat.example/api/mcp/auth_callback")


@visit("leave.html", leaves=True)
async def back_to_the_chat(stage: Stage) -> None:
    await stage.guest()
    await _consent(stage, "dcr", "Claude", "https://chat.example/api/mcp/auth_callback")
    await stage.press("Allow")


@visit("leave.html", leaves=True)
async def off_to_the_provider(stage: Stage) -> None:
    await stage.guest()
    await stage.open("/connect/spotify")
    await stage.press("Continue to Spotify")


@visit("connect.html")
async def connect_from_the_account_page(stage: Stage) -> None:
    await stage.guest()
    await stage.open("/connect/google")


@visit("connect.html")
async def connect_for_what_is_asked_apart(stage: Stage) -> None:
    _, user = await stage.guest()
    await stage.google(user)
    _, path = await needs(stage.inn, user, GMAIL_READ, ours=frozenset({"calendar:read"}))
    await stage.open(path)


@visit("connect.html")
async def connect_from_a_chat(stage: Stage) -> None:
    _, user = await stage.guest()
    client = await stage.inn.client("Cursor", redirect="http://127.0.0.1:4711/callback")
    await stage.inn.grant(user, client, frozenset({"spotify:read"}))
    [grant] = await stage.inn.stores.grants.list(user.id)
    await stage.spotify(user, scopes=READ)
    handle = await stage.inn.flows.ask_connect(
        user_id=user.id, client_id=client.id, grant_id=grant.id, provider="spotify", ours=ALL,
        upstream=stage.inn.registry.upstream("spotify", ALL), label=None,
    )  # fmt: skip
    await stage.open(f"/connect/spotify?h={handle}")


@visit("connect.html")
async def reconnect(stage: Stage) -> None:
    _, user = await stage.guest()
    connection = await stage.spotify(user)
    await stage.open(f"/connect/spotify?reconnect={connection.id}")


@visit("connect.html")
async def connect_another(stage: Stage) -> None:
    _, user = await stage.guest()
    await stage.google(user)
    await stage.open("/connect/google?another=1")


async def _confirm(stage: Stage, person: str = "ana", granted: frozenset[str] | None = None) -> None:
    browser, user = await stage.guest()
    await stage.spotify(user, "work")
    page = await browser.submit((await browser.get("/connect/spotify?another=1")).forms[0])
    page = await browser.get(stage.inn.spotify.consent(page.refresh, person, granted=granted))
    await stage.be(browser)
    await stage.open(page.location)


@visit("confirm.html")
async def confirm_an_account(stage: Stage) -> None:
    await _confirm(stage)


@visit("confirm.html")
async def confirm_a_smaller_permission(stage: Stage) -> None:
    await _confirm(stage, granted=READ)


@visit("confirm.html")
async def confirm_the_same_account(stage: Stage) -> None:
    await _confirm(stage, "work")


@visit("declined.html")
async def declined(stage: Stage) -> None:
    await _confirm(stage)
    await stage.press("Don’t connect")


async def _connected(stage: Stage, query: str) -> None:
    _, user = await stage.guest()
    connection = await stage.spotify(user, scopes=READ)
    other = await stage.spotify(user, "work")
    await stage.open(f"/connected/{connection.id}?{query.format(other=other.id)}")


@visit("connected.html")
async def connected(stage: Stage) -> None:
    await _connected(stage, "")


@visit("connected.html")
async def connected_but_not_all_was_allowed(stage: Stage) -> None:
    await _connected(stage, "asked=spotify:read+spotify:write")


@visit("connected.html")
async def connected_the_same_again(stage: Stage) -> None:
    await _connected(stage, "same=1&then=/account")


@visit("connected.html")
async def connected_another_than_was_meant(stage: Stage) -> None:
    await _connected(stage, "meant={other}&then=/account")


@visit("connected.html")
async def connected_with_somewhere_to_go(stage: Stage) -> None:
    await _connected(stage, "then=/account")


@visit("disconnect.html")
async def disconnect_spotify(stage: Stage) -> None:
    _, user = await stage.guest()
    connection = await stage.spotify(user)
    await stage.open(f"/disconnect/{connection.id}")


@visit("disconnect.html")
async def disconnect_google(stage: Stage) -> None:
    _, user = await stage.guest()
    connection = await stage.google(user, "a.very.long.address.that.does.not.end@mail.department.example.org")
    await stage.open(f"/disconnect/{connection.id}")


# The account pages


@visit("account.html", apps=("spotify",))
async def account_without_anything(stage: Stage) -> None:
    await stage.guest()
    await stage.open("/account")


@visit("account.html")
async def account_full(stage: Stage) -> None:
    _, user = await stage.guest()
    await stage.google(user, "a.very.long.address.that.does.not.end@mail.department.example.org")
    await stage.ours(user, status="needs_reauth", reason="revoked")
    connection = await stage.google(user, "work@example.org")
    await stage.spotify(user)
    await stage.inn.run(
        "UPDATE connections SET grant_expires_at = now() + interval '3 days' WHERE provider = 'spotify'"
    )
    await stage.open(f"/account?changed={connection.id}&ended=google&told=1")


async def _standing(stage: Stage, change: str) -> None:
    _, user = await stage.guest()
    await stage.spotify(user)
    await stage.inn.run(f"UPDATE connections SET {change}")
    await stage.open("/account")


@visit("account.html", apps=("spotify",))
async def account_whose_permission_ends_in_two_weeks(stage: Stage) -> None:
    await _standing(stage, "grant_expires_at = now() + interval '12 days 1 hour'")


@visit("account.html", apps=("spotify",))
async def account_whose_permission_ends_in_three_days(stage: Stage) -> None:
    await _standing(stage, "grant_expires_at = now() + interval '2 days 1 hour'")


@visit("account.html", apps=("spotify",))
async def account_whose_permission_is_over(stage: Stage) -> None:
    await _standing(stage, "grant_expires_at = now() - interval '1 hour'")


@visit("account.html", apps=("spotify",))
async def account_that_was_allowed_in_part(stage: Stage) -> None:
    """As before Valet knew the whole Web API; beside one that may all."""
    _, user = await stage.guest()
    await stage.spotify(user, scopes=frozenset({"user-read-playback-state", "user-modify-playback-state"}))
    await stage.spotify(user, "cleo")
    await stage.open("/account")


@visit("account.html", apps=("spotify",))
async def account_that_has_to_wait(stage: Stage) -> None:
    await _standing(
        stage,
        "reason = 'rate_limited', access_expires_at = now(), next_attempt_at = now() + interval '1 hour',"
        " grant_expires_at = now() + interval '2 days 1 hour'",
    )


@visit("account.html", apps=("spotify",))
async def account_that_does_not_open(stage: Stage) -> None:
    await _standing(stage, "reason = 'unreadable'")


@visit("account.html")
async def account_after_disconnecting(stage: Stage) -> None:
    await stage.guest()
    await stage.open("/account?ended=spotify&told=0")


@visit("chats.html")
async def chats_none(stage: Stage) -> None:
    await stage.guest()
    await stage.open("/account/chats")


@visit("chats.html")
async def chats_many(stage: Stage) -> None:
    _, user = await stage.guest()
    await stage.chats(user)
    await stage.open("/account/chats?cut=1")


@visit("activity.html")
async def activity_none(stage: Stage) -> None:
    _, user = await stage.guest()
    await stage.inn.diary.flush()
    await stage.inn.run("DELETE FROM activity WHERE user_id = %s", user.id)
    await stage.open("/account/activity")


@visit("activity.html")
async def activity_long(stage: Stage) -> None:
    _, user = await stage.guest()
    await stage.chats(user)
    await stage.past(user, 120)
    await stage.open("/account/activity")
    await stage.page.get_by_role("link", name="Older").click()
    await stage.page.wait_for_url("**before=*")


@visit("ways.html")
async def ways_in(stage: Stage) -> None:
    browser, _ = await stage.guest()
    page = await ask(stage.inn, browser)
    await browser.submit(page.form(CONFIRM), decision="add")
    await stage.inn.sign_in(stage.inn.browser())
    await stage.open("/account/sign-in")


@visit("join.html")
async def add_a_way_in(stage: Stage) -> None:
    browser, _ = await stage.guest()
    page = await browser.get(stage.inn.spotify.consent((await set_out(browser)).refresh, "zoe"))
    await stage.open(page.location)


@visit("ownapps.html")
async def own_apps_none(stage: Stage) -> None:
    await stage.guest()
    await stage.open("/account/apps")


async def _own_app(stage: Stage) -> User:
    _, user = await stage.guest()
    await stage.inn.vault.apps.save(
        user.id, "spotify", "0123456789abcdef0123456789abcdef", SecretStr("s"), "Mine"
    )
    return user


@visit("ownapps.html")
async def own_apps(stage: Stage) -> None:
    await _own_app(stage)
    await stage.open("/account/apps")


@visit("ownapps.html")
async def own_app_of_a_provider_that_is_set_up_no_more(stage: Stage) -> None:
    await _own_app(stage)
    stage.inn.operated._apps = {}
    await stage.open("/account/apps")


@visit("ownapp.html")
async def own_app_guide(stage: Stage) -> None:
    await stage.guest()
    await stage.open("/account/apps/spotify")


@visit("ownapp.html")
async def own_app_with_a_fault(stage: Stage) -> None:
    await stage.guest()
    await stage.open("/account/apps/spotify")
    await stage.page.get_by_label("Client ID").fill("https://not.an/id")
    await stage.press("Test and keep")


@visit("ownapp.html")
async def own_app_kept(stage: Stage) -> None:
    user = await _own_app(stage)
    await stage.spotify(user)
    await stage.open("/account/apps/spotify?done=added")


@visit("endapp.html")
async def own_app_to_be_deleted(stage: Stage) -> None:
    await _own_app(stage)
    await stage.open("/account/apps/spotify/delete")


@visit("tokens.html")
async def tokens_none(stage: Stage) -> None:
    await stage.guest()
    await stage.open("/account/tokens")


@visit("newtoken.html")
async def a_new_token(stage: Stage) -> None:
    await stage.guest()
    await stage.open("/account/tokens/new")


@visit("token.html")
async def the_token_itself(stage: Stage) -> None:
    await stage.guest()
    await stage.open("/account/tokens/new")
    await stage.page.get_by_label("What is it for?").fill("The script that dims the lamps at night")
    await stage.press("Make the token")


@visit("tokens.html")
async def tokens(stage: Stage) -> None:
    await the_token_itself(stage)
    await stage.inn.run("UPDATE access_tokens SET expires_at = now() - interval '1 hour'")
    await stage.open("/account/tokens/new")
    await stage.page.get_by_label("What is it for?").fill("x" * 60)
    await stage.press("Make the token")
    await stage.open("/account/tokens?ended=1")


# Files


async def _link(stage: Stage, parcel: Parcel) -> str:
    _, user = await stage.guest()
    connection = await stage.google(user, "work@example.org")
    client = await stage.inn.client()
    await stage.inn.grant(user, client, ALL)
    grant = (await stage.inn.stores.grants.list(user.id))[0]
    offered = await stage.inn.courier.transfers.offer(
        user=user.id, grant=grant.id, connection=connection.id, scopes=ALL, parcel=parcel
    )
    await stage.context.clear_cookies()
    return f"/files/{offered.handle.get_secret_value()}"


@visit("download.html")
async def a_file_to_fetch(stage: Stage) -> None:
    await stage.open(await _link(stage, drive_file("f1", "A plan of the house.pdf", size=3_400_000)))


@visit("download.html")
async def a_file_with_a_long_name_to_fetch(stage: Stage) -> None:
    await stage.open(await _link(stage, drive_file("f1", "תקציב" * 60 + ".pdf")))


@visit("upload.html")
async def a_file_to_send(stage: Stage) -> None:
    await stage.open(await _link(stage, new_file("")))


@visit("upload.html")
async def other_content_to_send(stage: Stage) -> None:
    await stage.open(await _link(stage, new_content("f1", "M" * 300)))


@visit("uploaded.html")
async def a_file_that_is_there(stage: Stage) -> None:
    async def put(ticket: Ticket, incoming: Incoming) -> Stored:
        return Stored(
            "A plan.pdf", sum([len(piece) async for piece in incoming.pieces]), "https://drive.example/1"
        )

    stage.inn.courier.put = put  # type: ignore[method-assign]
    await stage.open(await _link(stage, new_file("A plan.pdf")))
    plan = {"name": "plan.pdf", "mimeType": "application/pdf", "buffer": b"%PDF" * 999}
    await stage.page.get_by_label("The file").set_input_files(plan)  # type: ignore[arg-type]
    await stage.press("Send")


@visit("message.html")
async def a_link_for_a_file_that_was_used(stage: Stage) -> None:
    path = await _link(stage, new_file(""))
    await stage.inn.run("UPDATE transfers SET consumed_at = now()")
    await stage.open(path)


@visit("data.html")
async def my_data(stage: Stage) -> None:
    await stage.guest()
    await stage.open("/account/data")


@visit("delete.html")
async def delete_my_account(stage: Stage) -> None:
    _, user = await stage.guest()
    await stage.spotify(user)
    await stage.google(user)
    await stage.chats(user)
    await stage.open("/account/data/delete")


@visit("gone.html")
async def deleted(stage: Stage) -> None:
    await delete_my_account(stage)
    await stage.page.get_by_role("checkbox").check()
    await stage.press("Delete my account")


# The operator's setup


async def _printed(stage: Stage) -> str:
    link = await mint_setup_link(stage.inn.database, stage.inn.public_url, stage.inn.audit)
    return link.removeprefix(stage.inn.public_url)


async def _begun(stage: Stage) -> None:
    await stage.open(await _printed(stage))
    await stage.press("Begin")


async def _operators_app(stage: Stage) -> None:
    await stage.inn.vault.apps.save(operator_id(), "spotify", "0123456789abcdef0123456789abcdef", None)
    await stage.inn.operated.changed()


@visit("begin.html", apps=())
async def setup_link(stage: Stage) -> None:
    await stage.open(await _printed(stage))


@visit("setup.html", apps=())
async def setup_of_a_new_server(stage: Stage) -> None:
    await _begun(stage)


@visit("setup.html", apps=("google",))
async def setup_with_a_bit_of_everything(stage: Stage) -> None:
    await _operators_app(stage)
    entry = "a.very.long.address.that.does.not.end@mail.department.example.org"
    await stage.inn.stores.invitations.add(entry)
    await _begun(stage)
    await stage.page.get_by_label("Another guest").fill("nobody")
    await stage.press("Add to the list")


@visit("setup.html", apps=())
async def setup_with_an_app_that_does_not_open(stage: Stage) -> None:
    await _operators_app(stage)
    await stage.inn.run("UPDATE apps SET body = NULL")
    await stage.inn.operated.changed()
    await _begun(stage)


@visit("setupapp.html", apps=())
async def setup_of_spotify(stage: Stage) -> None:
    await _begun(stage)
    await stage.open("/setup/apps/spotify")


@visit("setupapp.html", apps=())
async def setup_of_google_with_a_fault(stage: Stage) -> None:
    await _begun(stage)
    await stage.open("/setup/apps/google")
    await stage.page.get_by_label("Client ID").fill("https://not.an/id")
    await stage.press("Test and keep")


@visit("setupapp.html", apps=())
async def setup_of_spotify_once_more(stage: Stage) -> None:
    await _operators_app(stage)
    await _begun(stage)
    await stage.open("/setup/apps/spotify")


@visit("setupapp.html")
async def setup_of_what_the_settings_name(stage: Stage) -> None:
    await _begun(stage)
    await stage.open("/setup/apps/spotify")


@visit("message.html")
async def setup_without_a_link(stage: Stage) -> None:
    await stage.open("/setup")


# Pages that say what happened


@visit("message.html")
async def nothing_here(stage: Stage) -> None:
    await stage.open("/nothing/" + "here" * 30)


@visit("message.html")
async def a_request_that_is_over(stage: Stage) -> None:
    await stage.guest()
    await stage.open("/consent?h=" + "x" * 43)


@visit("message.html")
async def a_link_that_is_spent(stage: Stage) -> None:
    await stage.open("/owner?t=" + "x" * 43)
    await stage.press("Open Valet")


@visit("message.html")
async def a_refusal_at_the_provider(stage: Stage) -> None:
    browser, _ = await stage.guest()
    page = await browser.submit((await browser.get("/connect/spotify")).forms[0])
    await stage.be(browser)
    await stage.open(stage.inn.spotify.refusal(page.refresh).removeprefix(stage.inn.public_url))


@visit("message.html")
async def a_fault_of_ours_with_its_reference(stage: Stage) -> None:
    await stage.guest()
    await stage.inn.run("ALTER TABLE activity RENAME TO hidden")
    try:
        await stage.open("/account/activity")
    finally:
        await stage.inn.run("ALTER TABLE hidden RENAME TO activity")


@visit("message.html")
async def a_form_of_an_earlier_visit(stage: Stage) -> None:
    browser, _ = await stage.guest()
    await stage.open("/account")
    await stage.inn.sign_in(browser)
    await stage.be(browser)
    await stage.press("Sign out")
