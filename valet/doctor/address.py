"""PUBLIC_URL from outside, through whatever stands in front: is it this Valet, and what arrives there."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx2

from connect.probe import PATH
from valet.doctor.finding import Finding, fault, note, ok, warning
from valet.doctor.patient import Patient
from valet.doctor.wire import Wire, whose
from vault import probing

_FORGED = "192.0.2.77"
"""An address of nobody (RFC 5737), which a proxy must not take a stranger's word for."""
_PADDING = 6000
"""Bytes in one header: less than the cookies and tokens of a long-lived browser may come to."""


async def look(at: Patient) -> list[Finding]:
    """Ask, with a question that only this installation can answer."""
    async with Wire(at.origin) as wire:
        found = [] if at.http_port is None else await _http(at, at.http_port)
        key = at.operator.derive("probe") if at.operator is not None else None
        if key is None:
            answer = await wire.get(PATH)
            if answer is None:
                return [*found, _nobody(at)]
            return [*found, note("whether it is this Valet can't be told without its database and key ring")]
        answer, seen = await _asked(wire, key)
        if answer is None:
            return [*found, _nobody(at)]
        if seen is None:
            return [*found, _stranger(at, answer)]
        found.append(ok(f"{at.origin} is this Valet, {seen.get('version')}"))
        found += await _forwarding(at, wire, key, seen)
    return found


async def _asked(
    wire: Wire, key: bytes, **headers: str
) -> tuple[httpx2.Response | None, dict[str, Any] | None]:
    question = probing.question(key)
    answer = await wire.get(PATH, **{probing.HEADER: question}, **headers)
    if answer is None or answer.status_code != 200:
        return answer, None
    if not probing.proves(key, question, answer.content, answer.headers.get(probing.PROOF, "")):
        return answer, None
    return answer, json.loads(answer.content)


def _nobody(at: Patient) -> Finding:
    if not at.running:
        return note(f"nothing answers at {at.origin}, and no process runs", f"start it: {at.start}")
    parts = urlsplit(at.origin)
    if parts.scheme == "http":
        return fault(
            f"nothing answers at {at.origin}, though processes of this Valet run",
            "PUBLIC_URL must name what they listen on (VALET_HOST, VALET_PORT), or the proxy before them",
        )
    return fault(
        f"nothing answers at {at.origin} from here, though processes of this Valet run",
        f"let {parts.hostname} lead to the proxy (DNS), let it listen on {parts.port or 443}, "
        "open the firewall",
    )


def _stranger(at: Patient, answer: httpx2.Response) -> Finding:
    code = answer.status_code
    if code in {502, 503, 504}:
        return fault(
            f"{at.origin} answers {whose(answer)}: the proxy does not reach the sidecar",
            "start `valet connect`, and let CONNECT_1 of nginx.conf name its host and port",
        )
    if code == 421:
        return fault(
            f"the Host that arrives is not that of {at.origin}",
            "in the proxy: proxy_set_header Host $http_host; and the same PUBLIC_URL for every process",
        )
    if code in {301, 302, 307, 308}:
        to = _led(answer)
        return fault(
            f"{at.origin} sends to {to.scheme}://{to.netloc}"
            if to.netloc
            else f"{at.origin} sends elsewhere",
            "set PUBLIC_URL to the address that people end at, letter by letter",
        )
    if code == 200:
        return fault(
            f"{at.origin} gave an answer that is not this Valet's: another one, or a cache",
            "let the proxy lead to the processes on this database and key ring, and cache nothing",
        )
    return fault(
        f"{at.origin} is answered by somebody else, or by a Valet with another database or key ring "
        f"({whose(answer)})",
        "in the proxy: exactly /mcp to mcp_server, everything else to connect (nginx.conf)",
    )


def _led(answer: httpx2.Response) -> SplitResult:
    """Where it sends; nowhere, where that is no address."""
    try:
        return urlsplit(answer.headers.get("Location", ""))
    except ValueError:
        return urlsplit("")


async def _forwarding(at: Patient, wire: Wire, key: bytes, seen: dict[str, Any]) -> list[Finding]:
    found: list[Finding] = []
    if urlsplit(at.origin).scheme == "https" and not seen["forwarded"]:
        found.append(
            warning(
                "the proxy does not say whose request it is: limits take everybody for one address",
                "in the proxy: proxy_set_header X-Forwarded-For $remote_addr;",
            )
        )
    elif seen["forwarded"] and not seen["trusted"]:
        found.append(
            warning(
                f"the proxy at {seen['peer']} is not believed: limits take everybody for one address",
                f"VALET_TRUSTED_PROXIES={seen['peer']}",
            )
        )
    elif seen["forwarded"]:
        found.append(ok(f"through a proxy that is believed; from here we are {seen['address']}"))
    answer, forged = await _asked(wire, key, X_Forwarded_For=_FORGED, Valet_Padding="x" * _PADDING)
    if forged is None:
        found.append(
            warning(
                "a request with a header of 6 KB does not pass"
                + (f" ({answer.status_code})" if answer is not None else ""),
                "in the proxy: large_client_header_buffers 2 8k;",
            )
        )
    elif forged["address"] == _FORGED:
        found.append(
            fault(
                "whoever asks can say whose address they have, and so pass every limit",
                "in the proxy: proxy_set_header X-Forwarded-For $remote_addr; and let "
                "VALET_TRUSTED_PROXIES name "
                "proxies only",
            )
        )
    return found


async def _http(at: Patient, port: int) -> list[Finding]:
    host = urlsplit(at.origin).hostname or ""
    shown = f"[{host}]" if ":" in host else host
    async with Wire(f"http://{shown}:{port}") as wire:
        answer = await wire.get("/account")
    if answer is None:
        return [note("http is not answered: whoever types the name without https sees nothing")]
    to = answer.headers.get("Location", "")
    if answer.status_code in {301, 302, 307, 308} and to.startswith(f"{at.origin}/"):
        return [ok("http leads to https")]
    return [
        warning(
            f"http is answered ({whose(answer)}) and does not lead to {at.origin}",
            "in the proxy, on port 80: return 308 https://$host$request_uri;",
        )
    ]
