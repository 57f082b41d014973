"""Gmail at the emulator: what is in it, how it is read and searched, and what it refuses."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest

from tests.providers import discovery
from tests.providers.mailbox import GmailWire, header, letter, opened, parts, raw
from tests.support.emulator import EmulatorProcess

LUNCH, CONCERT = "Re: Lunch on Sunday?", "أمسية موسيقية 🎻 في لشبونة"


@pytest.fixture
def ana(emulator: EmulatorProcess) -> GmailWire:
    return GmailWire(emulator)


# The living set


def test_everybody_has_their_mail(emulator: EmulatorProcess, ana: GmailWire) -> None:
    assert ana.get("/profile")["messagesTotal"] == 20
    assert ana.get("/messages", labelIds="INBOX")["resultSizeEstimate"] == 11
    cleo = GmailWire(emulator, "cleo")
    assert cleo.get("/messages") == {"resultSizeEstimate": 0}
    assert cleo.get("/threads") == {"resultSizeEstimate": 0}
    assert cleo.get("/drafts") == {"resultSizeEstimate": 0}
    own = GmailWire(emulator, "ana-work").get("/settings/sendAs")["sendAs"]
    assert [row["sendAsEmail"] for row in own] == [
        "ana@duarte-atelier.example", "studio@duarte-atelier.example",
    ]  # fmt: skip
    assert ana("GET", "/profile", base="/gmail/v1/users/ana.duarte@gmail.com").status_code == 200
    assert ana.refused("GET", "/profile", base="/gmail/v1/users/ben.okafor@gmail.com") == (
        403, "forbidden", "Delegation denied for ana.duarte@gmail.com",
    )  # fmt: skip


def test_a_thread_holds_what_was_answered(ana: GmailWire) -> None:
    (row,) = ana.get("/threads", q="from:ben lunch newer_than:1d")["threads"]
    thread = ana.get(f"/threads/{row['id']}")
    first, second, third = thread["messages"]
    assert row["snippet"] == third["snippet"]
    assert [message["labelIds"] for message in (first, second, third)] == [
        ["INBOX", "IMPORTANT"], ["SENT"], ["UNREAD", "INBOX", "IMPORTANT"],
    ]  # fmt: skip
    assert header(third, "References").split() == [header(first, "Message-ID"), header(second, "Message-ID")]
    assert int(first["internalDate"]) < int(second["internalDate"]) < int(third["internalDate"])
    tree = parts(second)
    assert (tree[""]["mimeType"], tree["0"]["mimeType"]) == ("multipart/alternative", "text/plain")
    assert b'class="gmail_quote' in opened(tree["1"]["body"]["data"])
    minimal = ana.get(f"/threads/{row['id']}", format="minimal")["messages"][0]
    assert "payload" not in minimal


def test_text_comes_in_utf8_whatever_its_header_says(ana: GmailWire) -> None:
    kiln = ana.one("from:haruka")
    assert header(kiln, "Content-Type") == 'text/plain; charset="shift_jis"'
    assert header(kiln, "Subject").startswith("=?utf-8?")  # as it was sent
    assert opened(kiln["payload"]["body"]["data"]).decode().startswith("アナ様")
    bill = ana.one("subject:fatura from:clinica")
    assert "ação" in opened(parts(bill)["0"]["body"]["data"]).decode()
    assert "iso-8859-1" in str(parts(bill)["0"]["headers"])
    whole = opened(ana.one("subject:fatura from:clinica", format="raw")["raw"])
    assert b"a=E7=E3o" in whole
    assert ana.one("from:haruka", format="metadata", metadataHeaders="from")["payload"]["headers"] == [
        {"name": "From", "value": header(kiln, "From")}
    ]


def test_attachments_are_fetched_apart_by_ids_that_change(ana: GmailWire) -> None:
    costs = ana.one("filename:xlsx")
    again = ana.get(f"/messages/{costs['id']}")
    sheets = [parts(message)["1"] for message in (costs, again)]
    assert sheets[0]["filename"] == "porto-costs.xlsx"
    assert "data" not in sheets[0]["body"]
    ids = [sheet["body"]["attachmentId"] for sheet in sheets]
    assert ids[0] != ids[1]
    for id_ in ids:
        got = ana.get(f"/messages/{costs['id']}/attachments/{id_}")
        assert got["size"] == sheets[0]["body"]["size"] == len(opened(got["data"]))
        assert "xl/workbook.xml" in zipfile.ZipFile(io.BytesIO(opened(got["data"]))).namelist()
    other = ana.one("from:haruka")["id"]
    assert ana.refused("GET", f"/messages/{other}/attachments/{ids[0]}")[2] == "Invalid attachment token"
    school = parts(ana.one("from:lapa"))
    assert (school["0.1.1"]["filename"], school["1"]["filename"]) == ("logo.png", "convite-🎭.png")
    forwarded = parts(ana.one("subject:fatura from:ben"))
    assert (forwarded["1"]["mimeType"], forwarded["1.0.1"]["filename"]) == (
        "message/rfc822", "fatura-2026-1187.pdf",
    )  # fmt: skip
    pdf = ana.one("from:bilhetes")
    ticket = ana.get(f"/messages/{pdf['id']}/attachments/{parts(pdf)['1']['body']['attachmentId']}")
    assert opened(ticket["data"]).startswith(b"%PDF-")


# Search


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("from:haruka", ["陶芸教室のご案内"]),
        ("釉薬", ["陶芸教室のご案内"]),
        ("موسيقية from:layla is:starred", [CONCERT]),
        ("lunch from:me", [LUNCH]),
        ('"the big cake" -in:draft', [LUNCH]),
        ("cake big the", [LUNCH, "Recipe for the big cake"]),
        ("is:unread from:ben", [LUNCH]),
        ("from:ben -is:unread subject:lunch", ["Lunch on Sunday?"]),
        ("in:spam", ["You have WON!!!"]),
        ("won", []),
        ("in:trash", ["A sua inscrição termina"]),
        ("inscrição in:anywhere", ["A sua inscrição termina"]),
        ("label:travel-porto-2027 has:attachment filename:pdf", ["O seu bilhete IC 530 Lisboa – Porto"]),
        ("label:Receipts OR from:haruka", ["陶芸教室のご案内", "Fatura 2026/1187"]),
        ("{label:receipts from:haruka} -subject:fatura", ["陶芸教室のご案内"]),
        ("from:(haruka OR layla) is:starred", [CONCERT]),
        ("subject:(big recipe)", ["Recipe for the big cake"]),
        ("in:draft to:layla", [f"Re: {CONCERT}"]),
        ("larger:20k", ["[potters] Digest, Vol 88, Issue 11"]),
        ("list:potters smaller:20k", []),
        ("category:promotions newer_than:1d", ["Cerâmica de outono: -20% até domingo"]),
        ("older_than:30d from:ines", ["Parabéns!!"]),
        ("rfc822msgid:<lunch-1@gmail.com>", ["Lunch on Sunday?"]),
        ("after:2199/01/01", []),
        ("before:yesterday", []),
        ("bogus:thing", []),
        ("lun", []),
    ],
)
def test_search(ana: GmailWire, q: str, found: list[str]) -> None:
    assert ana.find(q) == found


def test_a_date_is_midnight_in_california(emulator: EmulatorProcess, ana: GmailWire) -> None:
    # 2027-03-14, when the clocks change there at two in the morning.
    for name, at in (("before", 1805011140), ("after", 1805011260)):  # 07:59 and 08:01 UTC
        emulator.control("gmail/put", text=f"Subject: clock {name}\r\n\r\nx", at=at)
    assert ana.find("clock after:2027/03/14") == ["clock after"]
    assert ana.find("clock before:2027/03/14") == ["clock before"]
    assert ana.find("clock after:1805011200") == ["clock after"]


def test_labels_and_pages(ana: GmailWire) -> None:
    both = ana.get("/messages", labelIds=["INBOX", "STARRED"])
    assert both["resultSizeEstimate"] == 2
    assert ana.get("/messages", includeSpamTrash="true")["resultSizeEstimate"] == 20
    seen: list[str] = []
    query: dict[str, Any] = {"maxResults": 7, "q": "in:inbox"}
    while True:
        page = ana.get("/threads", **query)
        seen += [row["id"] for row in page["threads"]]
        if "nextPageToken" not in page:
            break
        query["pageToken"] = page["nextPageToken"]
    assert len(seen) == len(set(seen)) == 10
    assert ana.refused("GET", "/threads", query={**query, "q": "from:ben"})[1] == "invalid"
    assert ana.refused("GET", "/messages", query={"labelIds": "Nothing"})[2] == "Invalid label: Nothing"
    assert ana.get("/threads", fields="threads/id", q="from:haruka")["threads"][0].keys() == {"id"}


def test_metadata_only_sees_headings(emulator: EmulatorProcess) -> None:
    glance = GmailWire(emulator, scopes=("gmail.metadata",))
    (row, *_) = glance.get("/messages", labelIds="STARRED")["messages"]
    assert header(glance.get(f"/messages/{row['id']}", format="metadata"), "From")
    assert glance.refused("GET", "/messages", query={"q": "from:ben"}) == (
        403, "forbidden", "Metadata scope does not support 'q' parameter",
    )  # fmt: skip
    assert glance.refused("GET", f"/messages/{row['id']}")[0] == 403


# What is refused


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/messages/zzz", 400, "Invalid id value"),
        ("GET", "/messages/19aa00000000beef", 404, "Requested entity was not found."),
        ("GET", "/threads/19aa00000000beef", 404, "Requested entity was not found."),
        ("GET", "/drafts/r1", 404, "Requested entity was not found."),
        ("GET", "/labels/Label_99", 404, "Requested entity was not found."),
        ("GET", "/messages?maxResults=no", 400, "Invalid integer value: 'no'."),
        ("GET", "/threads?pageToken=guess", 400, "Invalid page token value."),
        ("GET", "/history", 400, "Missing required parameter: startHistoryId"),
        ("GET", "/history?startHistoryId=1", 404, "Requested entity was not found."),
        ("GET", "/messages?q=" + "(" * 3000, 400, "Invalid query"),
    ],
)
def test_wrong_readings(ana: GmailWire, method: str, path: str, status: int, message: str) -> None:
    answer = ana.refused(method, path)
    assert (answer[0], answer[2]) == (status, message)


def test_units_run_out_for_one_person_only(emulator: EmulatorProcess, ana: GmailWire) -> None:
    ben = GmailWire(emulator, "ben")
    id_ = ben.one("club")["id"]
    emulator.control("google/quota", gmail=100)
    emulator.advance(61)
    for _ in range(5):
        assert ben("GET", f"/messages/{id_}").status_code == 200
    assert ben.refused("GET", f"/messages/{id_}")[:2] == (403, "userRateLimitExceeded")
    assert ana("GET", "/profile").status_code == 200
    emulator.advance(61)
    assert ben("GET", "/profile").status_code == 200


SERVED = [
    "getProfile",
    "labels.list",
    "labels.get",
    "labels.create",
    "labels.patch",
    "labels.update",
    "labels.delete",
    "messages.list",
    "messages.get",
    "messages.send",
    "messages.modify",
    "messages.batchModify",
    "messages.trash",
    "messages.untrash",
    "messages.attachments.get",
    "threads.list",
    "threads.get",
    "threads.modify",
    "threads.trash",
    "threads.untrash",
    "drafts.list",
    "drafts.get",
    "drafts.create",
    "drafts.update",
    "drafts.delete",
    "drafts.send",
    "history.list",
    "settings.sendAs.list",
]


def test_every_method_of_the_document_is_served_or_says_that_it_is_not(ana: GmailWire) -> None:
    whole = GmailWire(ana.emulator, scopes=("https://mail.google.com/", "gmail.settings.basic",
                      "gmail.settings.sharing"))  # fmt: skip
    served = set()
    for method in whole.contract.operations():
        path = "/" + re.sub(r"\{\w+\}", "nothing", method["path"].replace("{userId}", "me"))
        body = {} if method["httpMethod"] in {"POST", "PUT", "PATCH"} else None
        answer = whole(method["httpMethod"], path, body, judged=False, base="")
        assert answer.status_code not in {401, 403, 405}, method["id"]
        if answer.status_code != 501:
            served.add(method["id"].removeprefix("gmail.users."))
    assert served == set(SERVED)


def test_scopes_are_those_of_the_document(ana: GmailWire) -> None:
    methods = {method["id"]: method for method in discovery.google("gmail.v1").operations()}
    every = {scope for method in methods.values() for scope in method["scopes"]}
    ana.emulator.control("google/quota", gmail=1_000_000)
    for scope in sorted(every):
        wire = GmailWire(ana.emulator, scopes=(scope,))
        for name in SERVED:
            method = methods[f"gmail.users.{name}"]
            path = "/" + re.sub(r"\{\w+\}", "nothing", method["path"].replace("{userId}", "me"))
            body = {} if method["httpMethod"] in {"POST", "PUT", "PATCH"} else None
            answer = wire(method["httpMethod"], path, body, judged=False, base="")
            refused = answer.status_code == 403 and "insufficient" in answer.text
            assert refused != (scope in method["scopes"]), (scope, name)


# What strangers send


def test_any_bytes_are_a_message(emulator: EmulatorProcess, ana: GmailWire) -> None:
    deep = b"Subject: deep\r\n"
    for level in range(4000):
        deep += b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level)
    for body in (b"", b"\x00\xff", b"no heading at all", deep + b"\r\nbottom\r\n",
                 b"Subject: =?x-none?q?what?=\r\nContent-Type: text/plain; charset=none\r\n\r\n\xe9",
                 b"Content-Type: multipart/mixed\r\n\r\nwithout a boundary"):  # fmt: skip
        put = emulator.http.post(
            "/_control/gmail/put", json={"raw": raw(body).replace("-", "+").replace("_", "/")}
        )
        assert put.status_code == 200, put.text
        shown = ana.get(f"/messages/{put.json()['id']}")
        assert shown["sizeEstimate"] == len(body)
        assert shown["payload"]["headers"] is not None
    assert ana.find("without boundary") == [""]


def test_post_between_accounts_and_what_the_control_surface_shows(
    emulator: EmulatorProcess, ana: GmailWire
) -> None:
    sent = ana.post(
        "/messages/send",
        {"raw": raw(letter("Ben <BEN.okafor@gmail.com>", bcc="emil@duarte-atelier.example"))},
    )
    assert sent["labelIds"] == ["SENT"]
    ben = GmailWire(emulator, "ben").one("from:ana subject:tea")
    assert ben["labelIds"] == ["UNREAD", "CATEGORY_PERSONAL", "INBOX"]
    assert "emil" not in str(ben["payload"]["headers"])
    emil = emulator.read("gmail/mailbox", account="emil")["messages"][0]
    assert (emil["subject"], emil["labels"][-1]) == ("Tea", "INBOX")
    (row,) = emulator.read("gmail/sent")
    assert (row["account"], row["id"], row["to"], row["bcc"], row["text"].strip()) == (
        "ana", sent["id"], ["ben.okafor@gmail.com"], ["emil@duarte-atelier.example"], "At four?",
    )  # fmt: skip
    assert row["message_id"].endswith("@mail.gmail.com>")
