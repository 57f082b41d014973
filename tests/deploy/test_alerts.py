"""The example alerts: valid, of figures that exist; each sounds when it should, none when all is well."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from prometheus_client import CollectorRegistry

from tests.support.promtool import promtool
from tests.valet.figures import Figure, explained
from vault.outcomes import Outcomes
from vault.store.leases import SealedConnection

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
ALERTS = FOLDER / "alerts.yaml"
OPERATIONS = FOLDER.parents[1] / "docs" / "operations.md"
ELSEWHERE = {
    "up",
    "probe_success",
    "probe_ssl_earliest_cert_expiry",
    "valet_backup_last_success_timestamp_seconds",
}

Series = dict[str, str]

WELL: Series = {
    'up{job="valet",instance="a"}': "1x90",
    'up{job="monitoring/valet",instance="b"}': "1x90",
    'valet_not_ready{instance="a",reason="database"}': "0x90",
    'valet_not_ready{instance="a",reason="draining"}': "0x90",
    'valet_http_requests_total{status="2xx"}': "0+60x90",
    'valet_http_requests_total{status="5xx"}': "0+1x90",
    'valet_tool_calls_total{tool="spotify_play",outcome="ok"}': "0+60x90",
    'valet_tool_calls_total{tool="spotify_play",outcome="provider_error"}': "0+2x90",
    'valet_tool_call_duration_seconds_bucket{le="1.0"}': "0+60x90",
    'valet_tool_call_duration_seconds_bucket{le="10.0"}': "0+60x90",
    'valet_tool_call_duration_seconds_bucket{le="+Inf"}': "0+60x90",
    "valet_tool_call_duration_seconds_count": "0+60x90",
    "valet_database_pool_errors_total": "0x90",
    "valet_database_pool_waiting": "0x90",
    'valet_refreshes_total{provider="spotify",outcome="refreshed"}': "0+10x90",
    'valet_refreshes_total{provider="spotify",outcome="failed"}': "0+1x90",
    'valet_refreshes_total{provider="spotify",outcome="revoked"}': "0x90",
    'valet_refreshes_total{provider="spotify",outcome="app_rejected"}': "0x90",
    'valet_token_endpoint_open_circuit{provider="spotify"}': "0x90",
    'valet_upstream_requests_total{provider="spotify",outcome="ok"}': "0+60x90",
    'valet_upstream_requests_total{provider="spotify",outcome="unanswered"}': "0+2x90",
    'valet_paused_apps{provider="spotify"}': "0x90",
    'valet_sealed_refused_total{kind="tampered",place="deks"}': "0x90",
    'valet_connections{provider="spotify",health="healthy"}': "100x90",
    'valet_caretaker_last_round_timestamp_seconds{provider="spotify"}': "0+60x90",
    "valet_audit_oldest_waiting_seconds": "0x90",
    "valet_audit_lost_total": "0x90",
    'valet_rate_limited_total{rule="asks"}': "0+2x90",
    "valet_backup_last_success_timestamp_seconds": "0x90",
    'probe_success{job="valet-outside"}': "1x90",
    'probe_ssl_earliest_cert_expiry{job="valet-outside"}': "5184000x90",
}

ILL: dict[str, Series] = {
    "ValetDown": {'up{job="monitoring/valet",instance="b"}': "1x10 0x80"},
    "ValetNotReady": {'valet_not_ready{instance="a",reason="database"}': "1x90"},
    "ValetErrors": {'valet_http_requests_total{status="5xx"}': "0+10x90"},
    "ValetToolErrors": {'valet_tool_calls_total{tool="spotify_play",outcome="provider_error"}': "0+90x90"},
    "ValetSlow": {'valet_tool_call_duration_seconds_bucket{le="1.0"}': "0+6x90"},
    "ValetDatabasePool": {"valet_database_pool_errors_total": "0+5x90"},
    "ValetRefreshesFailing": {'valet_refreshes_total{provider="spotify",outcome="failed"}': "0+10x90"},
    "ValetAppRejected": {'valet_refreshes_total{provider="spotify",outcome="app_rejected"}': "0x80 1x10"},
    "ValetProviderDown": {'valet_token_endpoint_open_circuit{provider="spotify"}': "1x90"},
    "ValetAppPaused": {'valet_paused_apps{provider="spotify"}': "1x90"},
    "ValetDecryptFailures": {'valet_sealed_refused_total{kind="tampered",place="deks"}': "0x80 1x10"},
    "ValetConnectionsDying": {'valet_refreshes_total{provider="spotify",outcome="revoked"}': "0+1x90"},
    "ValetCaretakerStuck": {'valet_caretaker_last_round_timestamp_seconds{provider="spotify"}': "0x90"},
    "ValetAuditBehind": {"valet_audit_oldest_waiting_seconds": "0+10x90"},
    "ValetDoorHammered": {'valet_rate_limited_total{rule="asks"}': "0+120x90"},
    "ValetBackupMissing": {"valet_backup_last_success_timestamp_seconds": "-200000x90"},
    "ValetCertificateExpiring": {'probe_ssl_earliest_cert_expiry{job="valet-outside"}': "600000x90"},
    "ValetUnreachable": {'probe_success{job="valet-outside"}': "0x90"},
}
FIRST: dict[str, Series] = {
    "ValetAppRejected": {'valet_refreshes_total{provider="google",outcome="app_rejected"}': "_x80 1x10"},
    "ValetDecryptFailures": {'valet_sealed_refused_total{kind="malformed",place="deks"}': "_x80 1x10"},
}
"""What has to sound at once: a series with labels is not there before its first count."""
OTHERWISE: list[Series] = [
    {
        'valet_refreshes_total{provider="google",outcome="app_rejected"}': "_x5 1x85",
        'valet_sealed_refused_total{kind="malformed",place="deks"}': "_x5 1x85",
    },
    {'up{job="another",instance="c"}': "0x90"},
    {'valet_not_ready{instance="a",reason="draining"}': "1x90"},
    {
        'valet_http_requests_total{status="5xx"}': "0+0x90",
        'valet_http_requests_total{status="4xx"}': "0+600x90",
    },
]
"""What must wake nobody: what was long ago, other programs, a rolling restart, strangers."""


def rules() -> list[dict[str, Any]]:
    loaded = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def case(series: Series, firing: list[str]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in {**WELL, **series}.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": "85m",
                "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in firing],
            }
        ],
    }


def played(folder: Path, cases: list[dict[str, Any]]) -> None:
    plan = folder / "plan.yaml"
    plan.write_text(
        yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": cases})
    )
    judged = promtool("test", "rules", str(plan), folder=folder)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_the_rules_and_the_example_are_valid() -> None:
    for arguments in (
        ("check", "rules", "--lint-fatal", "alerts.yaml"),
        ("check", "config", "prometheus.yaml"),
    ):
        judged = promtool(*arguments, folder=FOLDER)
        assert judged.returncode == 0, judged.stdout + judged.stderr


def test_each_alert_sounds_alone_when_it_should_and_none_when_all_is_well(tmp_path: Path) -> None:
    assert {rule["alert"] for rule in rules()} == set(ILL)
    cases = [case({}, []), *(case(series, []) for series in OTHERWISE)]
    cases += [case(series, [name]) for name, series in (*ILL.items(), *FIRST.items())]
    played(tmp_path, cases)


def test_the_first_connections_that_die_after_a_start_are_seen(tmp_path: Path) -> None:
    """As a process that was just started counts them: an increase() is blind for how a series began."""
    registry = CollectorRegistry()
    outcomes = Outcomes(registry, providers=["google"])
    labels = {"provider": "google", "outcome": "revoked"}

    def shown() -> str:
        value = registry.get_sample_value("valet_refreshes_total", labels)
        return "_" if value is None else str(value)

    before = shown()
    for _ in range(8):
        outcomes(cast("SealedConnection", SimpleNamespace(provider="google")), "revoked")
    series = {
        'valet_refreshes_total{provider="google",outcome="revoked"}': f"_x60 {before} {before} {shown()}x25",
        'valet_connections{provider="google",health="healthy"}': "50x90",
    }
    played(tmp_path, [case(series, ["ValetConnectionsDying"])])


def test_every_figure_of_an_alert_is_one_of_ours_or_of_a_program_that_is_named() -> None:
    """Ours: the table of docs/observability.md, which tests/valet/test_figures.py holds to the code."""
    ours = {name for figure in Figure.documented() for name in figure.series}
    for rule in rules():
        for name in re.findall(r"\b((?:valet|up|probe)(?:_\w+)?)\b(?=[\[{)\s]|$)", rule["expr"]):
            assert name in ours | ELSEWHERE, f"{rule['alert']}: {name}"
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert {"summary", "description"} == set(rule["annotations"])


@pytest.mark.parametrize("name", [rule["alert"] for rule in rules()])
def test_each_alert_is_explained_to_whoever_it_wakes_and_leads_to_what_to_do(name: str) -> None:
    assert f"| `{name}` |" in explained()
    assert re.search(rf"^\| .*`{name}`.* \| .+ \|$", OPERATIONS.read_text(encoding="utf-8"), re.M)
