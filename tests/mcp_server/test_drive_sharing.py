"""drive_share_file, drive_unshare_file: with whom, told plainly, taken back, and asked about first."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.drivefiles import files, given, put, truly
from tests.mcp_server.hall import Hall

BEN, EMIL, NOBODY = "ben.okafor@gmail.com", "emil@duarte-atelier.example", "nobody@elsewhere.example"


def shared(hall: Hall, id_: str, account: str = "ana") -> list[tuple[str, str]]:
    """With whom a file is shared, beside its owner, and in which role."""
    rows = truly(hall, id_, account)["permissions"]
    return [(to or kind, role) for _, kind, to, role in rows if role != "owner"]


async def test_with_somebody_with_and_without_a_mail(hall: Hall) -> None:
    id_ = given(hall, "Packing list.txt")
    async with hall.chat("ana", provider="google") as client:
        quiet = await client.call_tool("drive_share_file", {"file_id": id_, "role": "reader", "email": BEN})
        told = await client.call_tool(
            "drive_share_file",
            {"file_id": id_, "role": "writer", "email": EMIL, "notify": True, "message": "Schau mal ☀️ & so"},
        )
        again = await client.call_tool(
            "drive_share_file", {"file_id": id_, "role": "commenter", "email": EMIL}
        )
        more = await client.call_tool("drive_share_file", {"file_id": id_, "role": "commenter", "email": BEN})
        assert shared(hall, id_) == [(BEN, "commenter"), (EMIL, "writer")]
        undo = told.structured_content["undo"]
        back = await client.call_tool(undo["tool"], undo["arguments"])
        gone = await client.call_tool(undo["tool"], undo["arguments"])
    assert shared(hall, id_) == [(BEN, "commenter")]
    assert (
        text_of(quiet)
        == "Shared “Packing list.txt” with “ben.okafor@gmail.com”, who may see it. Nobody is told by mail."
    )
    assert quiet.structured_content["mailed"] is quiet.structured_content["public"] is False
    assert told.structured_content["permission"]["who"] == f"Emil Nowak <{EMIL}>"
    assert again.structured_content["changed"] is False
    assert "Nothing was changed" in text_of(again)
    assert "undo" not in more.structured_content
    assert more.structured_content["not_undoable"].startswith("The role was reader before")
    assert hall.emulator.read("drive/mail") == [
        {"account": "ana", "file": id_, "name": "Packing list.txt", "to": EMIL, "role": "writer",
         "message": "Schau mal ☀️ & so"}
    ]  # fmt: skip
    assert not back.is_error
    assert code_of(gone) == "not_found"
    assert "include_permissions" in text_of(gone)


async def test_with_all_of_a_domain_and_with_everybody(hall: Hall) -> None:
    folder = given(hall, "Clients", "ana-work")
    offer = files(hall, "ana-work")["Offer Brandt.pdf"]
    async with hall.chat("ana-work", provider="google") as client:
        domain = await client.call_tool(
            "drive_share_file", {"file_id": folder, "role": "commenter", "domain": "duarte-atelier.example"}
        )
        public = await client.call_tool(
            "drive_share_file", {"file_id": folder, "role": "reader", "anyone": True}
        )
        look = await client.call_tool("drive_get_file", {"file_id": folder, "include_permissions": True})
        assert shared(hall, offer, "ana-work") == [
            ("duarte-atelier.example", "commenter"), ("anyone", "reader"),
        ]  # fmt: skip
        closed = await client.call_tool(
            "drive_unshare_file", {"file_id": folder, "permission_id": "anyoneWithLink"}
        )
        undo = closed.structured_content["undo"]
        await client.call_tool("drive_unshare_file",
                               {"file_id": folder, "permission_id": "duarte-atelier.example"})  # fmt: skip
    assert "all of “duarte-atelier.example”" in text_of(domain)
    told = "is public now: anyone who has the link may see it, without signing in."
    assert text_of(public) == f"“Clients” and everything in it {told}"
    assert public.structured_content["public"] is True
    assert [row["who"] for row in look.structured_content["permissions"][1:]] == [
        "all of duarte-atelier.example", "anyone with the link",
    ]  # fmt: skip
    assert undo == {
        "tool": "drive_share_file",
        "arguments": {"file_id": folder, "role": "reader", "anyone": True},
    }
    assert shared(hall, offer, "ana-work") == []
    assert hall.emulator.read("drive/mail") == []


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "exactly one"),
    ({"email": BEN, "anyone": True}, "exactly one"),
    ({"email": BEN, "domain": "x.example"}, "exactly one"),
    ({"email": f"{BEN}, {EMIL}"}, "one address"),
    ({"email": "ben"}, "one address"),
    ({"email": BEN.replace("@", "\u200b@")}, "one address"),
    ({"email": BEN.replace("b", "\u202eb")}, "one address"),
    ({"email": "a@b\r\nBcc: c@d"}, "one address"),
    ({"domain": "everybody"}, "domain such as"),
    ({"domain": "x" * 100 + ".example"}, "domain such as"),
    ({"anyone": True, "notify": True}, "with `email` only"),
    ({"email": BEN, "message": "Hi"}, "set `notify` to true"),
    ({"email": BEN, "role": "owner"}, "role"),
]


async def test_what_is_not_shared(hall: Hall) -> None:
    id_ = put(hall, "x.txt", "text/plain", "x")
    async with hall.chat("ana", provider="google") as client:
        for wrong, word in WRONG:
            result = await client.call_tool("drive_share_file", {"file_id": id_, "role": "reader", **wrong})
            assert code_of(result) == "invalid_argument", wrong
            assert word in text_of(result)
        assert hall.sent() == []
        stranger = await client.call_tool(
            "drive_share_file", {"file_id": id_, "role": "reader", "email": NOBODY}
        )
        owner = await client.call_tool(
            "drive_unshare_file", {"file_id": id_, "permission_id": "ana.duarte@gmail.com"}
        )
        nobody = await client.call_tool("drive_unshare_file", {"file_id": id_, "permission_id": "../1"})
        blank = await client.call_tool("drive_unshare_file", {"file_id": id_, "permission_id": " "})
    assert code_of(stranger) == "conflict"
    assert "`notify`: true" in text_of(stranger)
    assert NOBODY not in text_of(stranger)
    assert code_of(owner) == "conflict"
    assert code_of(nobody) == code_of(blank) == "not_found"
    assert shared(hall, id_) == []


async def test_who_wants_to_be_asked_is_asked_first(hall: Hall) -> None:
    """Sharing, unsharing and the trash; taking out of the trash deletes nothing."""
    id_ = put(hall, "Plan \u202e“x”.txt", "text/plain", "x")
    hall.emulator.control("drive/share", **{"file": id_, "with": "emil", "role": "writer"})
    who = await hall.resident("ana", provider="google")
    await hall.desk.approvals.switch(who.user_id, {"drive"}, ())
    share = {"file_id": id_, "role": "reader", "email": BEN, "notify": True, "message": "Hello"}
    public = {"file_id": id_, "role": "writer", "anyone": True}
    asked = [
        ("drive_share_file", share, [["With", BEN], ["They may", "see it"], ["Mail", "Google writes to them"],
                                     ["Message", "Hello"]]),
        ("drive_share_file", public, [["With", "Anyone with the link"], ["They may", "change it"],
                                      ["Mail", "Nobody is told"]]),
        ("drive_share_file", {"file_id": id_, "role": "reader", "domain": "duarte-atelier.example"},
         [["With", "all of “duarte-atelier.example”"], ["They may", "see it"], ["Mail", "Nobody is told"]]),
        ("drive_unshare_file", {"file_id": id_, "permission_id": EMIL}, [["With", EMIL],
                                                                        ["They had", "the role writer"]]),
        ("drive_trash_file", {"file_id": id_}, [["Kind", "text/plain"]]),
    ]  # fmt: skip
    async with hall.chat(who) as client:
        for tool, arguments, lines in asked:
            before = truly(hall, id_)
            result = await client.call_tool(tool, arguments)
            assert code_of(result) == "approval_needed", tool
            shown = json.loads(result.content[1].text)
            assert shown["lines"][0][0] == "File"
            assert shown["lines"][1:] == lines
            assert truly(hall, id_) == before
            assert not [line for line in hall.sent() if not line.startswith("GET ")]
            handle = re.search(r"h=([\w-]+)", result.meta["valet/approve"]["url"])
            assert handle is not None
            assert await hall.desk.approvals.decide(handle[1], who.user_id, "yes")
            done = await client.call_tool(tool, arguments)
            assert not done.is_error, text_of(done)
            assert truly(hall, id_) != before
            hall.judge.calls.clear()
        out = await client.call_tool("drive_trash_file", {"file_id": id_, "undo": True})
        assert not out.is_error
        create = await client.call_tool("drive_create_file", {"name": "x", "type": "doc"})
        assert not create.is_error
    assert truly(hall, id_)["trashed"] is False
