"""What `inboxd check` says about an HTTP destination, from one harmless request; pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import urljoin, urlsplit

import requests

from daemon.delivery.destination import Finding
from daemon.errors import InboxdError

_STAGES: Final = ("dns", "tcp", "tls", "answer")
_STAGE_OF: Final = {
    "dns_failed": "dns",
    "connection_refused": "tcp",
    "connect_timeout": "tcp",
    "unreachable": "tcp",
    "tls_certificate": "tls",
    "tls_failed": "tls",
    "tls_client_certificate": "tls",
}
_ADVICE: Final = {
    "dns_failed": "check the name in `url` and the machine's resolver",
    "connection_refused": "check the port in `url`, and that the server runs",
    "connect_timeout": "check firewalls between here and there",
    "unreachable": "check the network and the routes of this machine",
    "tls_failed": "check that the port in `url` speaks TLS",
}


def findings_of_fault(origin: str, error: InboxdError) -> list[Finding]:
    """One finding for each stage that was reached, the last of them the failure."""
    failed = _STAGE_OF.get(error.code, "answer")
    stages = _stages(origin)
    passed = [Finding(stage, True, "works") for stage in stages[: stages.index(failed)]]
    advice = _ADVICE.get(error.code)
    message = f"{error.message}; {advice}" if advice else error.message
    return [*passed, Finding(failed, False, message)]


def findings_of_answer(
    origin: str, response: requests.Response, *, verified: bool
) -> list[Finding]:
    """One finding for each stage, the last about what the server says to a HEAD request.

    A server may know nothing of HEAD or of that address, so most refusals are fine.
    """
    findings = [Finding(stage, True, "works") for stage in _stages(origin)[:-1]]
    if not verified:
        findings.append(
            Finding("tls", True, "certificates are NOT verified, as allow_insecure says")
        )
    findings.append(_judged(response))
    return findings


def _stages(origin: str) -> list[str]:
    return [stage for stage in _STAGES if stage != "tls" or origin.startswith("https")]


def _judged(response: requests.Response) -> Finding:
    status = response.status_code
    if status in (401, 403):
        return Finding("auth", False, f"the server refuses us ({status}); check `auth`")
    if status == 407:
        return Finding("auth", False, "a proxy asks for a password (407)")
    if 300 <= status < 400:
        where = response.headers.get("Location", "").strip()
        if not where:
            return Finding(
                "answer",
                False,
                f"the server points elsewhere, not saying where ({status}); check `url`",
            )
        here, there = urlsplit(response.url), urlsplit(urljoin(response.url, where))
        if (there.scheme, there.hostname) != (here.scheme, here.hostname):
            target = f"{there.scheme}://{there.hostname}"
            return Finding(
                "answer", False, f"the server points to {target} ({status}); set `url` to it"
            )
    if status >= 500 and status != 501:
        return Finding("answer", False, f"the server is in trouble ({status}); look at its log")
    return Finding("answer", True, f"the server answers ({status})")
