"""AWS KMS as moto speaks it, in a process of its own: the real wire for boto3, without Amazon.

It must not be believed everywhere: a disabled key still decrypts, and where another key than the named one
made the bytes it says AccessDeniedException, not IncorrectKeyException. Tests of those answer themselves.
"""

from __future__ import annotations

import subprocess
import sys
import time
from types import TracebackType
from typing import Any

import httpx2

from tests.support.ports import free_port

REGION = "eu-central-1"


class KeyService:
    """One service with keys in it. `environment` lets boto3 find it, and nothing of the machine's own."""

    def __init__(self) -> None:
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: dict[str, Any] = {}
        self.url = f"http://127.0.0.1:{self._port}"
        self.environment = {
            "AWS_ENDPOINT_URL_KMS": self.url,
            "AWS_ACCESS_KEY_ID": "canary-access-key",
            "AWS_SECRET_ACCESS_KEY": "canary-secret-key",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "NO_PROXY": "127.0.0.1",
        }

    def client(self, region: str = REGION) -> Any:
        """boto3's client for it, with the authority to make keys."""
        import boto3

        if region not in self._clients:
            session = boto3.session.Session("admin", "admin", region_name=region)
            self._clients[region] = session.client("kms", endpoint_url=self.url)
        return self._clients[region]

    def key(self, region: str = REGION) -> str:
        """The ARN of a new key."""
        return str(self.client(region).create_key()["KeyMetadata"]["Arn"])

    def alias(self, name: str, arn: str) -> str:
        """The ARN of a new alias of that key."""
        kms = self.client()
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=arn)
        aliases = kms.list_aliases(KeyId=arn)["Aliases"]
        return str(next(each["AliasArn"] for each in aliases if each["AliasName"] == f"alias/{name}"))

    def __enter__(self) -> KeyService:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._port)]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
        deadline = time.monotonic() + 120
        while True:
            try:
                httpx2.get(f"{self.url}/moto-api/", trust_env=False)
            except httpx2.TransportError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__(None, None, None)
                    raise RuntimeError("moto's server did not start") from None
                time.sleep(0.05)
                continue
            return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
