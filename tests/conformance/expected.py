"""What every scenario of the suite is to say of Valet, and why where that is not «passed».

A scenario that is not named here passes with all its checks. What is named differs in just the checks
listed, with just that status. A change in either direction fails the test, and so does a scenario that
the suite offers and that is in no run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.conformance.suite import Findings

REVISIONS = ("2025-06-18", "2025-11-25", "2026-07-28")
EARLIER = REVISIONS[:2]
MODERN = REVISIONS[2:]


@dataclass(frozen=True)
class Exempt:
    """Checks of a scenario that do not succeed, by their status. No checks: the scenario checks nothing."""

    scenario: str
    revisions: tuple[str, ...]
    checks: dict[str, str]
    reason: str


def _fails(scenario: str, revisions: tuple[str, ...], reason: str, check: str | None = None) -> Exempt:
    return Exempt(scenario, revisions, {check or scenario: "FAILURE"}, reason)


_NO_STREAM = (
    "Valet answers each POST with one JSON and keeps no stream (design: any worker serves any request), so "
    "nothing can be sent before the answer."
)
_NO_QUESTIONS = (
    "A server's own request needs a stream. Valet asks earlier clients by the error -32042 with a link, and "
    "modern ones by InputRequiredResult."
)
_NO_LOG = "Valet sends no log messages to clients, and does not declare the capability."
_NO_SUBSCRIPTIONS = "There are no sessions that could be subscribed, and the capability is not declared."
_NO_LISTENING = (
    "Nothing that Valet lists changes without a new request, so it serves no subscriptions/listen, and "
    "declares no listChanged."
)

ALWAYS = [
    _fails("logging-set-level", EARLIER, _NO_LOG),
    _fails("resources-subscribe", EARLIER, _NO_SUBSCRIPTIONS),
    _fails("resources-unsubscribe", EARLIER, _NO_SUBSCRIPTIONS),
    Exempt(
        "server-session-lifecycle",
        EARLIER,
        {"server-session-delete-accepted": "SKIPPED", "server-session-terminated-returns-404": "SKIPPED"},
        "The session id is a signed note, and there is no session to end: DELETE is 405, as the revision "
        "allows.",
    ),
    Exempt("server-sse-polling", ("2025-11-25",), {}, _NO_STREAM),
    Exempt(
        "server-stateless",
        MODERN,
        {
            "sep-2575-server-sends-subscription-ack": "SKIPPED",
            "sep-2575-server-tags-subscription-id": "SKIPPED",
            "sep-2575-server-honors-notification-filter": "SKIPPED",
            "sep-2575-server-sends-prompts-list-changed-on-subscription": "SKIPPED",
            "sep-2575-server-sends-tools-list-changed-on-subscription": "SKIPPED",
        },
        _NO_LISTENING,
    ),
]
"""Of the test build and of the product."""

TEST_BUILD = [
    *ALWAYS,
    _fails("tools-call-with-logging", EARLIER, _NO_LOG),
    _fails("tools-call-with-progress", REVISIONS, _NO_STREAM),
    _fails("tools-call-sampling", EARLIER, _NO_QUESTIONS),
    _fails("tools-call-elicitation", EARLIER, _NO_QUESTIONS),
    _fails("elicitation-sep1034-defaults", EARLIER[1:], _NO_QUESTIONS, "elicitation-sep1034-general"),
    _fails("elicitation-sep1330-enums", EARLIER[1:], _NO_QUESTIONS, "elicitation-sep1330-general"),
]
"""Of the same app with the suite's tools, prompts and resources on board."""

PRODUCT = [
    *ALWAYS,
    Exempt(
        "server-stateless",
        MODERN,
        {
            "sep-2575-server-rejects-undeclared-capability": "FAILURE",
            "sep-2575-missing-capability-http-400": "FAILURE",
            "sep-2575-http-server-no-independent-requests-on-stream": "FAILURE",
            "sep-2575-server-no-log-without-loglevel": "FAILURE",
        },
        "«Not testable» without the suite's tools test_missing_capability, test_streaming_elicitation and "
        "test_logging_tool; the test build has them.",
    ),
]
"""Of Valet itself, in the scenarios that need nothing of the suite's own."""

NEEDS_FIXTURES = frozenset(
    {
        "completion-complete",
        "elicitation-sep1034-defaults",
        "elicitation-sep1330-enums",
        "http-custom-header-server-validation",
        "input-required-result-basic-elicitation",
        "input-required-result-basic-list-roots",
        "input-required-result-basic-sampling",
        "input-required-result-capability-check",
        "input-required-result-ignore-extra-params",
        "input-required-result-missing-input-response",
        "input-required-result-multi-round",
        "input-required-result-multiple-input-requests",
        "input-required-result-non-tool-request",
        "input-required-result-request-state",
        "input-required-result-result-type",
        "input-required-result-tampered-state",
        "json-schema-2020-12",
        "prompts-get-embedded-resource",
        "prompts-get-simple",
        "prompts-get-with-args",
        "prompts-get-with-image",
        "resources-read-binary",
        "resources-read-text",
        "resources-templates-read",
        "tools-call-audio",
        "tools-call-elicitation",
        "tools-call-embedded-resource",
        "tools-call-error",
        "tools-call-image",
        "tools-call-mixed-content",
        "tools-call-sampling",
        "tools-call-simple-text",
        "tools-call-with-logging",
        "tools-call-with-progress",
    }
)
"""Scenarios that call a tool, prompt or resource of the suite's own: against the product they can't pass."""

VACUOUS = frozenset({"input-required-result-validate-input"})
"""Against the product it passes for any server without the suite's tool, so it does not count there."""

EXTENSIONS = frozenset(
    {
        "sep-2640-skills-directory",
        "sep-2640-skills-enumeration",
        "sep-2640-skills-manifest",
        "tasks-capability-negotiation",
        "tasks-dispatch-and-envelope",
        "tasks-lifecycle",
        "tasks-mrtr-composition",
        "tasks-mrtr-input",
        "tasks-request-headers",
        "tasks-request-state-removal",
        "tasks-required-task-error",
        "tasks-status-notifications",
        "tasks-wire-fields",
    }
)
"""Scenarios of extensions that Valet does not declare (tasks, skills). They belong to no revision."""

AUTHORIZATION: list[Exempt] = []
"""Of Valet's authorization server."""


def differences(
    found: Findings,
    offered: Iterable[str],
    revision: str,
    exceptions: list[Exempt],
    leave_out: frozenset[str] = frozenset(),
) -> list[str]:
    """A sentence for each scenario of `offered` that was not as expected; none if all were."""
    rows = [row for row in exceptions if revision in row.revisions]
    wrong = [f"{name} is unknown to the suite" for name in {row.scenario for row in rows} - set(offered)]
    for scenario in sorted(set(offered) - leave_out):
        checks = found.get(scenario, {})
        named = [row for row in rows if row.scenario == scenario]
        expected = {check: status for row in named for check, status in row.checks.items()}
        failed = {check: status for check, status in checks.items() if status not in {"SUCCESS", "INFO"}}
        silent = any(not row.checks for row in named)
        worked = "SUCCESS" in checks.values()
        if failed != expected:
            wrong.append(f"{scenario}: {failed or 'passed'}, expected {expected or 'to pass'}")
        elif (silent and worked) or not (silent or worked or failed):
            wrong.append(f"{scenario} checked {'something' if silent else 'nothing'}")
    return wrong


def passed(found: Findings, scenario: str) -> bool:
    """Whether all checks of a scenario succeeded, and there was one."""
    statuses = set(found.get(scenario, {}).values()) - {"INFO"}
    return statuses == {"SUCCESS"}
