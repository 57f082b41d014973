"""Clients of client-id documents, from /authorize to the last refresh."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connect.fetch import Fetched, Fetcher, NotFetched, PublicFetcher
from connect.vouched import AT_ONCE
from tests.connect.authserver import House, assert_error, open_house, query
from tests.connect.test_authorize import assert_page
from tests.connect.tlshost import Authority, document, tls_host
from vault.ids import new_id
from vault.store.clients import Client
from vault.store.database import Database
from vault.store.flows import AlreadyUsed

LOCAL = "http://localhost:50001/callback"


class Post:
    """A fetcher of the tests': what it answers per URL, and what it was asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, dict[str, Any] | NotFetched] = {}
        self.max_age: int | None = None
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    async def fetch(self, url: str) -> Fetched:
        self.asked.append(url)
        await self.open.wait()
        given = self.answers.get(url, NotFetched("answered with status 404"))
        if isinstance(given, NotFetched):
            raise given
        return Fetched(json.dumps(given).encode(), self.max_age)


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
async def house(database: Database, post: Post) -> AsyncIterator[House]:
    async with open_house(database, fetcher=post) as house:
        yield house


@pytest.fixture
def url(post: Post) -> str:
    """The id of a client whose document is there."""
    made = f"https://{new_id().hex}.example/client.json"
    post.answers[made] = document(made)
    return made


async def age(house: House, client_id: str, hours: float) -> None:
    """Let the copy of a document, and a failure to get it, be so much older."""
    await house.execute(
        "UPDATE documents SET fetched_at = fetched_at - make_interval(secs => %s),"
        " fresh_until = fresh_until - make_interval(secs => %s),"
        " retry_at = retry_at - make_interval(secs => %s) WHERE client_id = %s",
        hours * 3600,
        hours * 3600,
        hours * 3600,
        client_id,
    )


async def test_metadata_says_that_documents_are_understood(house: House, database: Database) -> None:
    place = "/.well-known/oauth-authorization-server"
    assert (await house.http.get(place)).json()["client_id_metadata_document_supported"] is True
    async with open_house(database) as without:
        assert (await without.http.get(place)).json()["client_id_metadata_document_supported"] is False


async def test_a_client_needs_no_registration(house: House, url: str) -> None:
    handle = await house.pending(url, redirect_uri=LOCAL)
    flow = await house.flows.find_authorize(handle)
    assert flow is not None
    assert (flow.client_name, flow.client_kind) == ("A chat", "cimd")
    code = (await house.approve(handle))["code"]
    tokens = (await house.exchange(url, code, redirect_uri=LOCAL)).json()
    tokens = (await house.refresh(url, tokens["refresh_token"])).json()
    who = await house.who(tokens["access_token"])
    assert who is not None
    assert who.client_id == url
    revoked = await house.http.post("/revoke", data={"client_id": url, "token": tokens["access_token"]})
    assert revoked.status_code == 200
    assert await house.who(tokens["access_token"]) is None


async def test_only_authorize_fetches(house: House, post: Post, url: str) -> None:
    assert_error(await house.exchange(url, "x"), "invalid_client", 401)
    assert_error(await house.refresh(url, "x"), "invalid_client", 401)
    answer = await house.http.post("/revoke", data={"client_id": url, "token": "x"})
    assert_error(answer, "invalid_client", 401)
    assert post.asked == []
    code = await house.code(url, redirect_uri=LOCAL)
    await age(house, url, 1000)
    tokens = (await house.exchange(url, code, redirect_uri=LOCAL)).json()
    assert (await house.refresh(url, tokens["refresh_token"])).status_code == 200, "a stale copy serves here"
    assert post.asked == [url]


@pytest.mark.parametrize(
    ("max_age", "kept"), [(None, 3600), (0, 300), (60, 300), (301, 301), (86399, 86399), (10**8, 86400)]
)
async def test_a_copy_is_kept_five_minutes_at_least_and_a_day_at_most(
    house: House, post: Post, url: str, max_age: int | None, kept: int
) -> None:
    post.max_age = max_age
    await house.pending(url, redirect_uri=LOCAL)
    rows = await house.execute(
        "SELECT extract(epoch FROM fresh_until - fetched_at)::int FROM documents WHERE client_id = %s", url
    )
    assert rows == [(kept,)]
    await age(house, url, (kept - 30) / 3600)
    await house.pending(url, redirect_uri=LOCAL)
    assert len(post.asked) == 1
    await age(house, url, 60 / 3600)
    await house.pending(url, redirect_uri=LOCAL)
    assert len(post.asked) == 2


async def test_a_changed_document_counts_once_it_is_fetched(house: House, post: Post, url: str) -> None:
    await house.pending(url, redirect_uri=LOCAL)
    post.answers[url] = document(url, redirect_uris=["https://chat.example/cb"], client_name="Renamed")
    await house.pending(url, redirect_uri=LOCAL)
    await age(house, url, 2)
    assert_page(await house.ask(url, redirect_uri=LOCAL))
    flow = await house.flows.find_authorize(await house.pending(url, redirect_uri="https://chat.example/cb"))
    assert flow is not None
    assert flow.client_name == "Renamed"


async def test_an_address_that_the_document_gave_up_gets_no_late_answer(
    house: House, post: Post, url: str
) -> None:
    """Say its host was sold: who answered a request only now would send their code there."""
    handle = await house.pending(url, redirect_uri="https://chat.example/cb")
    post.answers[url] = document(url, redirect_uris=[LOCAL])
    await age(house, url, 2)
    assert (await house.ask(url, redirect_uri=LOCAL)).status_code == 303
    flow = await house.flows.find_authorize(handle)
    assert flow is not None
    for answered in (house.authorize.approve(flow, house.user, ["spotify:read"]), house.authorize.deny(flow)):
        with pytest.raises(AlreadyUsed):
            await answered
    assert await house.grants.list(house.user) == []


async def test_a_copy_of_less_than_a_day_outlives_a_failure(house: House, post: Post, url: str) -> None:
    await house.pending(url, redirect_uri=LOCAL)
    post.answers[url] = NotFetched("could not be reached")
    await age(house, url, 23)
    await house.pending(url, redirect_uri=LOCAL)
    await house.pending(url, redirect_uri=LOCAL)
    assert len(post.asked) == 2, "a failure rests for a minute"
    await age(house, url, 2)
    assert "could not be reached" in assert_page(await house.ask(url, redirect_uri=LOCAL))
    assert len(post.asked) == 3


async def test_a_document_that_went_bad_does_not_replace_the_copy(house: House, post: Post, url: str) -> None:
    await house.pending(url, redirect_uri=LOCAL)
    post.answers[url] = document(url, client_id="https://evil.example/x", client_name="Evil")
    await age(house, url, 2)
    flow = await house.flows.find_authorize(await house.pending(url, redirect_uri=LOCAL))
    assert flow is not None
    assert flow.client_name == "A chat"


async def test_a_failure_is_a_page_and_rests_for_a_minute(house: House, post: Post, url: str) -> None:
    host = url.split("/")[2]
    post.answers[url] = NotFetched("answered with status 500")
    for _ in range(3):
        text = assert_page(await house.ask(url, redirect_uri=LOCAL))
        assert f"{host} answered with status 500." in text
        assert "Nothing was shared" in text
    assert post.asked == [url]
    assert await house.clients.find(url) is None
    post.answers[url] = document(url)
    await age(house, url, 61 / 3600)
    await house.pending(url, redirect_uri=LOCAL)


async def test_what_is_no_id_is_never_fetched(house: House, post: Post) -> None:
    for bad in (
        "https://127.0.0.1/x", "https://localhost/x", "https://a.example", "https://a.example/../x",
        "https://user@a.example/x", "https://a.example/x#y", "https://[::1]/x", "https://a.example:22/x",
        "http://a.example/x", "HTTPS://a.example/x", "file:///etc/passwd", "https://" + "a" * 5000,
    ):  # fmt: skip
        text = assert_page(await house.ask(bad, redirect_uri=LOCAL))
        assert bad not in text
    assert post.asked == []
    assert await house.execute("SELECT 1 FROM documents WHERE client_id LIKE 'https://a.example%%'") == []


async def test_many_at_once_fetch_once(house: House, post: Post, url: str, database: Database) -> None:
    """Over two houses, as two workers would."""
    post.open.clear()
    async with open_house(database, fetcher=post) as second:
        asking = [
            asyncio.create_task(each.ask(url, redirect_uri=LOCAL))
            for _ in range(8)
            for each in (house, second)
        ]
        async with asyncio.timeout(60):
            while not post.asked:
                await asyncio.sleep(0.01)
        post.open.set()
        answers = await asyncio.gather(*asking)
    assert {answer.status_code for answer in answers} == {303}
    assert post.asked == [url]


async def test_documents_that_never_come_hold_up_a_part_of_the_door_only(
    house: House, post: Post, url: str
) -> None:
    """Their hosts are the strangers'. What there is a copy of passes meanwhile, fresh or not."""
    old = f"https://{new_id().hex}.example/client.json"
    post.answers[old] = document(old)
    for each in (url, old):
        await house.pending(each, redirect_uri=LOCAL)
    await age(house, old, 20)
    post.open.clear()
    strange = [f"https://{new_id().hex}.example/c" for _ in range(AT_ONCE)]
    asking = [asyncio.create_task(house.ask(each, redirect_uri=LOCAL)) for each in strange]
    async with asyncio.timeout(30):
        while len(post.asked) < AT_ONCE + 2:
            await asyncio.sleep(0.01)
        one_more = await house.ask(f"https://{new_id().hex}.example/c", redirect_uri=LOCAL)
        assert "Many chat clients are being checked" in assert_page(one_more)
        for each in (url, old):
            assert (await house.ask(each, redirect_uri=LOCAL)).status_code == 303
    assert len(post.asked) == AT_ONCE + 2
    post.open.set()
    await asyncio.gather(*asking)


async def test_one_host_is_not_hammered(house: House, post: Post) -> None:
    host = f"{new_id().hex}.example"
    ids = [f"https://{host}/{n}" for n in range(25)]
    for each in ids:
        assert_page(await house.ask(each, redirect_uri=LOCAL))
    assert post.asked == ids[:20]
    assert "Too much is asked" in assert_page(await house.ask(ids[-1], redirect_uri=LOCAL))


async def test_twenty_documents_that_do_not_exist_shut_out_no_client_that_does(
    house: House, post: Post, url: str
) -> None:
    """Its copy is too old to serve, and somebody keeps its host busy with made-up names."""
    await house.pending(url, redirect_uri=LOCAL)
    await age(house, url, 25)
    host = url.removesuffix("/client.json")
    for n in range(21):
        assert_page(await house.ask(f"{host}/{n}", redirect_uri=LOCAL))
    assert (await house.ask(url, redirect_uri=LOCAL)).status_code == 303
    assert post.asked.count(url) == 2


async def test_the_operators_file_comes_first(database: Database, post: Post, url: str) -> None:
    named = Client(url, "static", "Named by the operator", (LOCAL,), "none")
    async with open_house(database, {url: named}, post) as house:
        flow = await house.flows.find_authorize(await house.pending(url, redirect_uri=LOCAL))
        assert flow is not None
        assert (flow.client_name, post.asked) == ("Named by the operator", [])
    async with open_house(database, fetcher=post) as house:
        flow = await house.flows.find_authorize(await house.pending(url, redirect_uri=LOCAL))
        assert flow is not None
        assert (flow.client_name, flow.client_kind, post.asked) == ("A chat", "cimd", [url])


async def test_turned_off_no_document_is_fetched_or_believed(
    database: Database, post: Post, url: str
) -> None:
    async with open_house(database, fetcher=post) as house:
        await house.pending(url, redirect_uri=LOCAL)
    async with open_house(database) as house:
        assert_page(await house.ask(url, redirect_uri=LOCAL))
    assert len(post.asked) == 1


async def test_the_database_being_away_is_said_so(empty_database: Database, post: Post, url: str) -> None:
    async with open_house(empty_database, fetcher=post) as house:
        await empty_database.close()
        assert (await house.ask(url, redirect_uri=LOCAL)).status_code == 503


async def test_the_whole_way_over_real_tls(database: Database, tmp_path: Path) -> None:
    authority, name = Authority(), f"{new_id().hex}.example"

    async def resolve(*_: object) -> list[str]:
        return ["127.0.0.1"]

    async with tls_host(authority.server(name, tmp_path)) as host:
        client_id = f"https://{name}:{host.port}/client.json"
        host.serve("/client.json", document(client_id), "Cache-Control: max-age=1000")
        inside: Fetcher = PublicFetcher(authority.trusted(), resolve=resolve, allowed=lambda _: True)
        async with open_house(database, fetcher=inside) as house:
            answer = await house.ask(client_id, redirect_uri=LOCAL)
            assert "h" in query(answer.headers["location"])
        # The same host, found by a fetcher that was not told that loopback is public.
        other = f"https://{name}:{host.port}/other.json"
        host.serve("/other.json", document(other))
        strict: Fetcher = PublicFetcher(authority.trusted(), resolve=resolve)
        async with open_house(database, fetcher=strict) as house:
            text = assert_page(await house.ask(other, redirect_uri=LOCAL))
            assert f"{name} could not be reached." in text
    assert [head.split(" ")[1] for head in host.heads] == ["/client.json"]
