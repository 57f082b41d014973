"""A whole Valet moves its keys from a file to AWS KMS, and goes on without the file."""

from __future__ import annotations

import json

from tests.support.emulator import EmulatorProcess
from tests.support.kms import KeyService
from tests.support.valet import ValetProcess


def test_a_valet_moves_to_a_key_service_and_forgets_the_file(key_service: KeyService) -> None:
    ref = f"awskms:{key_service.key()}"
    with (
        EmulatorProcess() as emulator,
        ValetProcess(VALET_EMULATOR_ORIGIN=emulator.origin, **key_service.environment) as demo,
    ):
        assert demo.run("try").returncode == 0
        file = demo.data / "demo" / "keyring.json"
        demo.environment_more["VALET_KEYRING"] = f"{ref},file:{file}"
        demo.restart()
        assert demo.run("try").returncode == 0, "it opens what the file wrapped"
        due = json.loads(demo.run("keys", "status", "--demo", "--json").stdout)
        assert due["active"] == ref and due["rewrap_due"] > 0 and due["unknown"] == []
        assert demo.run("keys", "rewrap", "--demo").returncode == 0
        done = json.loads(demo.run("keys", "status", "--demo", "--json").stdout)
        assert done["rewrap_due"] == 0 and done["belongs"] is True
        demo.environment_more["VALET_KEYRING"] = ref
        file.unlink()
        demo.restart()
        assert demo.run("try").returncode == 0
        ran = demo.run("keys", "verify", "--demo")
        assert ran.returncode == 0 and ran.stdout.endswith("everything opens\n")
        assert not file.exists()
        logs = demo.logs.read_text()
        assert "canary-secret-key" not in logs + demo.banner and "sealed_record_refused" not in logs
