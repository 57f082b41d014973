"""Changing a mailbox at the emulator: labels, the bin, drafts, sending, and what is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from providers.emulator.google.gmail.refusals import LARGEST
from tests.providers.mailbox import GmailWire, header, letter, opened, parts, raw
from tests.support.emulator import EmulatorProcess

RAW = raw(letter())
SHOWN = {"labelListVisibility": "labelShow", "messageListVisibility": "show"}


@pytest.fixture
def ana(emulator: EmulatorProcess) -> GmailWire:
    return GmailWire(emulator)


def related(data: Any, message: bytes, end: bytes = b"\n") -> bytes:
    """JSON and a message as one upload, with lines that end as clients end them."""
    head = b"--cut" + end + b"Content-Type: application/json" + end * 2 + json.dumps(data).encode()
    return (
        head + end + b"--cut" + end + b"Content-Type: message/rfc822" + end * 2 + message + end + b"--cut--"
    )


# Labels and the bin


def test_labels_are_made_changed_and_taken_off(ana: GmailWire) -> None:
    made = ana.post(
        "/labels",
        {"name": "Pottery", "labelListVisibility": "labelShowIfUnread", "messageListVisibility": "show"},
    )
    kiln = ana.one("from:haruka")["id"]
    assert ana.post(f"/messages/{kiln}/modify", {"addLabelIds": [made["id"], "STARRED"]})["labelIds"] == [
        "INBOX", made["id"], "STARRED",
    ]  # fmt: skip
    assert ana.find("label:pottery") == ["陶芸教室のご案内"]
    shown = ana.get(f"/labels/{made['id']}")
    assert (shown["messagesTotal"], shown["threadsUnread"], shown["type"]) == (1, 0, "user")
    colour = {"textColor": "#ffffff", "backgroundColor": "#16a766"}
    changed = ana.post(f"/labels/{made['id']}", {"name": "Pottery/Kiln", "color": colour}, "PATCH")
    assert (changed["name"], changed["labelListVisibility"], changed["color"]) == (
        "Pottery/Kiln", "labelShowIfUnread", colour,
    )  # fmt: skip
    again = ana.post(f"/labels/{made['id']}", {"id": made["id"], "name": "Kiln", **SHOWN}, "PUT")
    assert (again["labelListVisibility"], "color" in again) == ("labelShow", False)
    assert "Kiln" in [row["name"] for row in ana.get("/labels")["labels"]]
    ana.post(f"/labels/{made['id']}", method="DELETE")
    assert ana.get(f"/messages/{kiln}")["labelIds"] == ["INBOX", "STARRED"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/labels", {"name": "RECEIPTS"}, 409, "Label name exists or conflicts"),
        ("POST", "/labels", {"name": " / "}, 400, "Invalid label name"),
        ("POST", "/labels", {"name": "inbox"}, 400, "Invalid label name"),
        ("POST", "/labels", {"name": "x", "color": {"textColor": "red"}}, 400,
         "Label color is not on the allowed color palette"),
        ("POST", "/labels", {"title": "x"}, 400,
         'Invalid JSON payload received. Unknown name "title": Cannot find field.'),
        ("PATCH", "/labels/INBOX", {"name": "x"}, 400, "Invalid update request"),
        ("DELETE", "/labels/SENT", None, 400, "Invalid delete request"),
        ("POST", "/messages/{id}/modify", {}, 400, "No label add or removes specified"),
        ("POST", "/messages/{id}/modify", {"addLabelIds": ["Receipts"]}, 400, "Invalid label: Receipts"),
        ("POST", "/messages/{id}/modify", {"removeLabelIds": ["SENT"]}, 400, "Invalid label: SENT"),
        ("POST", "/messages/{id}/modify", {"addLabelIds": ["SPAM"], "removeLabelIds": ["SPAM"]}, 400,
         "Cannot both add and remove the same label"),
        ("POST", "/messages/{id}/modify", {"addLabelIds": ["STARRED"] * 101}, 400,
         "Too many labels specified (limit: 100)."),
        ("POST", "/messages/batchModify", {"addLabelIds": ["STARRED"]}, 400, "No message ids specified."),
        ("POST", "/messages/batchModify", {"addLabelIds": ["STARRED"], "ids": ["1"] * 1001}, 400,
         "Too many message ids specified (limit: 1000)."),
    ],
)  # fmt: skip
def test_wrong_labels(ana: GmailWire, method: str, path: str, body: Any, status: int, message: str) -> None:
    id_ = ana.get("/messages", q="from:haruka")["messages"][0]["id"]
    answer = ana.refused(method, path.format(id=id_), body)
    assert (answer[0], answer[2]) == (status, message)


def test_the_bin_takes_out_of_the_inbox_and_gives_back_without_it(ana: GmailWire) -> None:
    (row,) = ana.get("/threads", q="rfc822msgid:lunch-1@gmail.com")["threads"]
    gone = ana.post(f"/threads/{row['id']}/trash")
    assert [message["labelIds"] for message in gone["messages"]] == [
        ["IMPORTANT", "TRASH"], ["SENT", "TRASH"], ["UNREAD", "IMPORTANT", "TRASH"],
    ]  # fmt: skip
    assert ana.get("/threads", q="lunch") == {"resultSizeEstimate": 0}
    back = ana.post(f"/threads/{row['id']}/untrash")
    assert [message["labelIds"] for message in back["messages"]] == [
        ["IMPORTANT"], ["SENT"], ["UNREAD", "IMPORTANT"],
    ]  # fmt: skip
    one = back["messages"][0]["id"]
    assert ana.post(f"/messages/{one}/trash")["labelIds"] == ["IMPORTANT", "TRASH"]
    assert ana.post(f"/messages/{one}/untrash")["labelIds"] == ["IMPORTANT"]
    ana.post(f"/threads/{row['id']}/modify", {"addLabelIds": ["INBOX"], "removeLabelIds": ["UNREAD"]})
    assert ana.find("lunch is:unread") == []
    ids = [message["id"] for message in back["messages"]]
    ana.post("/messages/batchModify", {"ids": [*ids, "ffff"], "removeLabelIds": ["IMPORTANT", "INBOX"]})
    assert [ana.get(f"/messages/{id_}").get("labelIds") for id_ in ids] == [None, ["SENT"], None]


def test_history_tells_what_changed(ana: GmailWire) -> None:
    start = ana.get("/profile")["historyId"]
    kiln = ana.get("/messages", q="from:haruka")["messages"][0]["id"]
    ana.post(f"/messages/{kiln}/modify", {"addLabelIds": ["STARRED"], "removeLabelIds": ["INBOX"]})
    sent = ana.post("/messages/send", {"raw": RAW})
    rows = ana.get("/history", startHistoryId=start)["history"]
    assert [next(name for name in row if name.endswith(("Added", "Removed"))) for row in rows] == [
        "labelsAdded", "labelsRemoved", "messagesAdded",
    ]  # fmt: skip
    assert rows[2]["messages"] == [{"id": sent["id"], "threadId": sent["threadId"]}]
    (only,) = ana.get("/history", startHistoryId=start, historyTypes="labelRemoved")["history"]
    assert only["labelsRemoved"][0]["labelIds"] == ["INBOX"]
    latest = ana.get("/profile")["historyId"]
    assert ana.get("/history", startHistoryId=latest) == {"historyId": latest}


# Sending


def test_an_answer_joins_its_thread_only_with_all_three(emulator: EmulatorProcess, ana: GmailWire) -> None:
    kiln = ana.one("from:haruka")
    id_, thread = header(kiln, "Message-ID"), kiln["threadId"]
    subject = "Re: 陶芸教室のご案内"
    whole = letter("haruka@kiln.example", subject, In_Reply_To=id_, References=id_)
    joined = ana.post("/messages/send", {"raw": raw(whole), "threadId": thread})
    assert joined["threadId"] == thread
    stray = [
        {"raw": raw(whole)},
        {"raw": raw(letter("haruka@kiln.example", subject)), "threadId": thread},
        {"raw": raw(letter("haruka@kiln.example", "Glaze", References=id_)), "threadId": thread},
    ]
    for body in stray:
        sent = ana.post("/messages/send", body)
        assert sent["threadId"] == sent["id"]
    assert len(ana.get(f"/threads/{thread}", format="minimal")["messages"]) == 2
    assert ana.refused("POST", "/messages/send", {"raw": RAW, "threadId": "19aa00000000beef"})[0] == 404
    # At the other end references are enough, with the same subject.
    tea = ana.post("/messages/send", {"raw": RAW})
    there = GmailWire(emulator, "ben").one("from:ana subject:tea")
    back = letter("ana.duarte@gmail.com", "RE: Tea", In_Reply_To=header(there, "Message-ID"))
    GmailWire(emulator, "ben").post("/messages/send", {"raw": raw(back)})
    assert ana.one("from:ben subject:tea")["threadId"] == tea["threadId"]


def test_gmail_signs_what_it_sends(emulator: EmulatorProcess, ana: GmailWire) -> None:
    forged = letter(From="Ben Okafor <ben.okafor@gmail.com>", Message_ID="<mine@example.org>")
    sent = ana.get(f"/messages/{ana.post('/messages/send', {'raw': raw(forged)})['id']}")
    assert header(sent, "From") == "Ana Duarte <ana.duarte@gmail.com>"
    assert header(sent, "Message-ID").startswith("<CA")
    assert header(sent, "Date")
    work = GmailWire(emulator, "ana-work")
    alias = letter(From="Atelier <studio@duarte-atelier.example>")
    kept = work.get(f"/messages/{work.post('/messages/send', {'raw': raw(alias)})['id']}")
    assert header(kept, "From") == "Atelier <studio@duarte-atelier.example>"
    own = ana.post("/messages/send", {"raw": raw(letter("ana.duarte@gmail.com", "Note to myself"))})
    assert own["labelIds"] == ["UNREAD", "SENT", "INBOX"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "'raw' RFC822 payload message string or uploading message via /upload/* URL required"),
        ({"raw": "%%%"}, "Invalid value at 'message.raw' (TYPE_BYTES), Base64 decoding failed"),
        ({"raw": raw(letter(""))}, "Recipient address required"),
        ({"raw": raw(letter("nobody"))}, "Invalid To header"),
        ({"raw": raw(b"To: Ana <ana@>\r\n\r\nx")}, "Invalid To header"),
        ({"raw": raw(letter(", ".join(f"p{n}@example.org" for n in range(501))))},
         "Too many recipients: a message has at most 500"),
        ({"message": {"raw": RAW}},
         'Invalid JSON payload received. Unknown name "message": Cannot find field.'),
    ],
    ids=["nothing", "no base64", "nobody", "no address", "half an address", "too many", "a draft"],
)  # fmt: skip
def test_wrong_messages(ana: GmailWire, body: Any, message: str) -> None:
    answer = ana.refused("POST", "/messages/send", body)
    assert (answer[0], answer[2]) == (400, message)


def test_uploads_and_their_limit(ana: GmailWire) -> None:
    def up(content: bytes, query: Any, path: str = "/messages/send", **how: Any) -> Any:
        return ana("POST", path, content=content, query=query, base="/upload/gmail/v1/users/me", **how)

    media, multipart = {"uploadType": "media"}, {"uploadType": "multipart"}
    assert up(letter(), media).json()["labelIds"] == ["SENT"]
    kiln = ana.one("from:haruka")
    answer = letter("haruka@kiln.example", "Re: 陶芸教室のご案内", References=header(kiln, "Message-ID"))
    for end in (b"\n", b"\r\n"):
        body = related({"threadId": kiln["threadId"]}, answer, end)
        sort = 'multipart/related; boundary="cut"'
        sent = up(body, multipart, sort=sort, judged=end == b"\r\n").json()
        assert sent["threadId"] == kiln["threadId"]
        assert opened(ana.get(f"/messages/{sent['id']}", format="raw")["raw"]).rstrip().endswith(b"At four?")
    draft = up(letter(), media, "/drafts").json()
    assert draft["message"]["labelIds"] == ["DRAFT"]
    assert up(b"x", media, sort="text/plain", judged=False).status_code == 400
    assert up(b"x", {"uploadType": "resumable"}, judged=False).status_code == 501
    large = letter() + b"." * (LARGEST - len(letter()) + 1)
    refused = up(large, media)
    assert (refused.status_code, refused.json()["error"]["errors"][0]["reason"]) == (413, "uploadTooLarge")
    assert ana.refused("POST", "/messages/send", {"raw": raw(large)})[:2] == (413, "uploadTooLarge")


def test_only_so_many_recipients_a_day(emulator: EmulatorProcess, ana: GmailWire) -> None:
    emulator.control("google/quota", **{"gmail.sending": 3})
    ana.post("/messages/send", {"raw": raw(letter("a@example.org, b@example.org"))})
    ana.post("/messages/send", {"raw": RAW})
    assert ana.refused("POST", "/messages/send", {"raw": RAW})[:2] == (429, "rateLimitExceeded")
    assert len(emulator.read("gmail/sent")) == 2


# Drafts


def test_a_draft_is_kept_changed_and_sent(emulator: EmulatorProcess, ana: GmailWire) -> None:
    draft = ana.post("/drafts", {"message": {"raw": raw(letter("", "Plan"))}})
    assert ana.refused("POST", "/drafts/send", {"id": draft["id"]})[2] == "Recipient address required"
    changed = ana.post(f"/drafts/{draft['id']}", {"message": {"raw": raw(letter(subject="Plan B"))}}, "PUT")
    assert (changed["id"], changed["message"]["threadId"]) == (draft["id"], draft["message"]["threadId"])
    assert changed["message"]["id"] != draft["message"]["id"]
    assert header(ana.get(f"/drafts/{draft['id']}")["message"], "Subject") == "Plan B"
    listed = [row["id"] for row in ana.get("/drafts", q="subject:plan")["drafts"]]
    assert listed == [draft["id"]]
    assert ana.find("in:draft plan") == ["Plan B"]
    sent = ana.post("/drafts/send", {"id": draft["id"]})
    assert (sent["labelIds"], sent["threadId"]) == (["SENT"], draft["message"]["threadId"])
    assert ana.refused("GET", f"/drafts/{draft['id']}")[0] == 404
    assert ana.find("plan") == ["Plan B"]
    assert GmailWire(emulator, "ben").find("plan") == ["Plan B"]
    assert ana.refused("POST", "/drafts/send", {"id": draft["id"]})[0] == 404


def test_a_draft_answers_in_its_thread_and_is_deleted_for_good(ana: GmailWire) -> None:
    kiln = ana.one("from:haruka")
    answer = letter("haruka@kiln.example", "Re: 陶芸教室のご案内", References=header(kiln, "Message-ID"))
    draft = ana.post("/drafts", {"message": {"raw": raw(answer), "threadId": kiln["threadId"]}})
    assert draft["message"]["threadId"] == kiln["threadId"]
    total = ana.get("/profile")["messagesTotal"]
    ana.post(f"/drafts/{draft['id']}", method="DELETE")
    assert ana.get("/profile")["messagesTotal"] == total - 1
    assert ana.get(f"/threads/{kiln['threadId']}")["messages"][0]["id"] == kiln["id"]
    assert ana.refused("DELETE", f"/drafts/{draft['id']}")[0] == 404
    assert ana.refused("POST", "/drafts", {"message": {}})[0] == 400


def test_mail_of_fifty_megabytes_arrives_and_shows_little_of_itself(emulator: EmulatorProcess) -> None:
    line = base64.b64encode(bytes(735)) + b"\r\n"
    huge = (
        b'Subject: huge\r\nMIME-Version: 1.0\r\nContent-Type: application/zip; name="huge.zip"\r\n'
        b'Content-Disposition: attachment; filename="huge.zip"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        + line
        * (50 * 1024 * 1024 // len(line))
    )
    emulator.control("gmail/put", account="ana", raw=base64.b64encode(huge).decode())
    answer = GmailWire(emulator)("GET", "/messages", query={"q": "huge"})
    shown = GmailWire(emulator)("GET", f"/messages/{answer.json()['messages'][0]['id']}")
    assert len(shown.content) < 5_000
    assert parts(shown.json())[""]["body"]["size"] > 38_000_000
