"""The methods of gmail.v1 as its discovery document has them (name, verb, path, scopes), and their price."""

from __future__ import annotations

from providers.emulator.google.api import Method, rest

HOST = "/gmail.googleapis.com"
USER = "/gmail/v1/users/{user}"
MESSAGE, THREAD = f"{USER}/messages/{{message}}", f"{USER}/threads/{{thread}}"
DRAFTS, LABELS = f"{USER}/drafts", f"{USER}/labels"
SETTINGS = f"{USER}/settings"
SEND_AS, CSE = f"{SETTINGS}/sendAs", f"{SETTINGS}/cse"

WHOLE = "https://mail.google.com/"
MODIFYING = (WHOLE, "gmail.modify")
READING = (*MODIFYING, "gmail.readonly")
GLANCING = (*READING, "gmail.metadata")
ADDON_META, ADDON_READ, ADDON_ACT, ADDON_WRITE = (
    "gmail.addons.current.message.metadata",
    "gmail.addons.current.message.readonly",
    "gmail.addons.current.message.action",
    "gmail.addons.current.action.compose",
)
ONE = (*GLANCING, ADDON_ACT, ADDON_META, ADDON_READ)
WRITING = (*MODIFYING, "gmail.compose", ADDON_WRITE)
DRAFTING = (*READING, "gmail.compose")
LABELLING = (*MODIFYING, "gmail.labels")
SETTING = (*READING, "gmail.settings.basic")

SERVED: tuple[Method, ...] = (
    ("gmail.users.getProfile", "GET", f"{USER}/profile", (*GLANCING, "gmail.compose")),
    ("gmail.users.labels.list", "GET", LABELS, (*GLANCING, "gmail.labels")),
    ("gmail.users.labels.get", "GET", f"{LABELS}/{{label}}", (*GLANCING, "gmail.labels")),
    ("gmail.users.labels.create", "POST", LABELS, LABELLING),
    ("gmail.users.labels.patch", "PATCH", f"{LABELS}/{{label}}", LABELLING),
    ("gmail.users.labels.update", "PUT", f"{LABELS}/{{label}}", LABELLING),
    ("gmail.users.labels.delete", "DELETE", f"{LABELS}/{{label}}", LABELLING),
    ("gmail.users.messages.list", "GET", f"{USER}/messages", GLANCING),
    ("gmail.users.messages.send", "POST", f"{USER}/messages/send", (*WRITING, "gmail.send")),
    ("gmail.users.messages.batchModify", "POST", f"{USER}/messages/batchModify", MODIFYING),
    ("gmail.users.messages.get", "GET", MESSAGE, ONE),
    ("gmail.users.messages.modify", "POST", f"{MESSAGE}/modify", MODIFYING),
    ("gmail.users.messages.trash", "POST", f"{MESSAGE}/trash", MODIFYING),
    ("gmail.users.messages.untrash", "POST", f"{MESSAGE}/untrash", MODIFYING),
    ("gmail.users.messages.attachments.get", "GET", f"{MESSAGE}/attachments/{{attachment}}",
     (*READING, ADDON_ACT, ADDON_READ)),
    ("gmail.users.threads.list", "GET", f"{USER}/threads", GLANCING),
    ("gmail.users.threads.get", "GET", THREAD, ONE),
    ("gmail.users.threads.modify", "POST", f"{THREAD}/modify", MODIFYING),
    ("gmail.users.threads.trash", "POST", f"{THREAD}/trash", MODIFYING),
    ("gmail.users.threads.untrash", "POST", f"{THREAD}/untrash", MODIFYING),
    ("gmail.users.drafts.list", "GET", DRAFTS, DRAFTING),
    ("gmail.users.drafts.create", "POST", DRAFTS, WRITING),
    ("gmail.users.drafts.send", "POST", f"{DRAFTS}/send", WRITING),
    ("gmail.users.drafts.get", "GET", f"{DRAFTS}/{{draft}}", DRAFTING),
    ("gmail.users.drafts.update", "PUT", f"{DRAFTS}/{{draft}}", WRITING),
    ("gmail.users.drafts.delete", "DELETE", f"{DRAFTS}/{{draft}}", WRITING),
    ("gmail.users.history.list", "GET", f"{USER}/history", GLANCING),
    ("gmail.users.settings.sendAs.list", "GET", SEND_AS, SETTING),
)  # fmt: skip

UPLOADED = (
    "gmail.users.messages.send",
    "gmail.users.drafts.create",
    "gmail.users.drafts.send",
    "gmail.users.drafts.update",
)
"""These take the message itself as well, at an address of their own."""

UPLOADS: tuple[Method, ...] = tuple(
    (name, verb, f"{HOST}/upload{path}", scopes) for name, verb, path, scopes in SERVED if name in UPLOADED
)

REST = f"""
    POST {USER}/watch {USER}/stop
    POST {USER}/messages {USER}/messages/import {USER}/messages/batchDelete
    DELETE {MESSAGE} {THREAD}
    GET,PUT {SETTINGS}/autoForwarding {SETTINGS}/imap {SETTINGS}/language {SETTINGS}/pop {SETTINGS}/vacation
    GET,POST {CSE}/identities {CSE}/keypairs
    DELETE,GET,PATCH {CSE}/identities/{{address}}
    GET {CSE}/keypairs/{{pair}}
    POST {CSE}/keypairs/{{pair}}:disable {CSE}/keypairs/{{pair}}:enable {CSE}/keypairs/{{pair}}:obliterate
    GET,POST {SETTINGS}/delegates {SETTINGS}/filters {SETTINGS}/forwardingAddresses
    DELETE,GET {SETTINGS}/delegates/{{address}} {SETTINGS}/filters/{{filter}}
    DELETE,GET {SETTINGS}/forwardingAddresses/{{address}}
    POST {SEND_AS} {SEND_AS}/{{address}}/verify
    DELETE,GET,PATCH,PUT {SEND_AS}/{{address}}
    GET,POST {SEND_AS}/{{address}}/smimeInfo
    DELETE,GET {SEND_AS}/{{address}}/smimeInfo/{{info}}
    POST {SEND_AS}/{{address}}/smimeInfo/{{info}}/setDefault
"""
"""The API has these; the emulator answers 501 until it does."""

UNBUILT = rest(REST)

PRICES = {
    "getProfile": 1, "labels.list": 1, "labels.get": 1, "labels.create": 5, "labels.patch": 5,
    "labels.update": 5, "labels.delete": 5, "messages.list": 5, "messages.send": 100,
    "messages.batchModify": 50, "messages.get": 20, "messages.modify": 5, "messages.trash": 5,
    "messages.untrash": 5, "messages.attachments.get": 20, "threads.list": 10, "threads.get": 40,
    "threads.modify": 10, "threads.trash": 10, "threads.untrash": 10, "drafts.list": 5, "drafts.create": 10,
    "drafts.send": 100, "drafts.get": 20, "drafts.update": 15, "drafts.delete": 10, "history.list": 2,
    "settings.sendAs.list": 1,
}  # fmt: skip
"""Quota units (developers.google.com, Gmail API: usage limits); gets at the price since May 2026."""
