"""What `inboxd check` says about a destination: the same subjects and words for all types; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urljoin, urlsplit

import requests

from daemon.delivery.destination import Finding
from daemon.errors import InboxdError
from daemon.limits import DEFAULT

_STAGES: Final = ("dns", "tcp", "tls", "answer")
_PASSED: Final = {
    "dns": "the name leads to an address",
    "tcp": "the server takes connections",
    "tls": "the certificate is valid",
}
_SUBJECTS: Final = {
    "dns_failed": "dns",
    "connection_refused": "tcp",
    "connect_timeout": "tcp",
    "unreachable": "tcp",
    "proxy_failed": "tcp",
    "tls_certificate": "tls",
    "tls_failed": "tls",
    "tls_timeout": "tls",
    "tls_client_certificate": "tls",
    "auth_refused": "auth",
    "credentials_expired": "auth",
    "no_credentials": "auth",
    "preset_refused": "auth",
    "clock_skewed": "clock",
    "clock_wrong": "clock",
    "no_such_bucket": "place",
    "wrong_region": "place",
    "target_missing": "place",
    "target_no_rights": "rights",
    "target_read_only": "rights",
    "target_full": "quota",
    "server_full": "quota",
}
_ADVICE: Final = {
    "connection_refused": "check the port, and that the server runs",
    "connection_reset": "check that the port is that of this server, and look at its log",
    "connect_timeout": "check firewalls between here and there",
    "unreachable": "check the network and the routes of this machine",
    "proxy_failed": "check `proxy`",
    "tls_failed": "check that the port speaks TLS",
    "tls_timeout": "check that the port speaks TLS, or raise `timeout.connect`",
    "no_answer": "check that the port is that of this server, and look at its log",
    "answer_broken": "check that the port is that of this server",
    "transfer_timeout": "look at its log, or raise `timeout.read`",
    "transfer_slow": "look at its log, or lower `timeout.slowest`",
    "transfer_overdue": "look at its log, or raise `timeout.transfer`",
    "server_error": "look at its log",
    "server_unavailable": "look at its log",
    "server_timeout": "look at its log",
    "server_full": "make room there, or raise the quota",
    "server_locked": "try again later, or remove the lock there",
    "too_early": "try again later",
    "too_many_requests": "try again later, or lower `concurrency.max`",
    "too_large_for_server": "raise what the server takes",
}
"""What to do, where the message of an error does not say it already."""

_HINTS: Final = {
    404: ", and may know this address when a file comes; if not, check `url`",
    410: ", and may know this address when a file comes; if not, check `url`",
    429: ", and asks for fewer requests",
}
"""What an answer that is fine may be a sign of: many servers know an address by POST alone."""


def findings_of_fault(origin: str, error: InboxdError) -> list[Finding]:
    """One finding for each stage on the way to a server that was reached, then the failure."""
    if error.code == "proxy_failed":  # it alone has seen the way
        return [failure(error)]
    failed = failure(error)
    last = failed.subject if failed.subject in _STAGES else "answer"
    stages = _stages(origin)
    return [*_passed(stages[: stages.index(last)]), failed]


def findings_of_answer(
    origin: str, response: requests.Response, *, verified: bool
) -> list[Finding]:
    """One finding for each stage on the way to a server, the last about what it says.

    A server may know nothing of the method or of that address, so most refusals are fine.
    """
    findings = _passed(_stages(origin)[:-1])
    if not verified:
        findings[-1] = Finding("tls", True, "certificates are NOT verified, as allow_insecure says")
    findings.append(_judged(response))
    return findings


def failure(
    error: InboxdError, otherwise: str = "answer", *, subject: str | None = None
) -> Finding:
    """A finding for an error, with what to do about it.

    Its subject follows from its code unless it is given; it is `otherwise` where the code may mean
    anything.
    """
    if subject is None:
        subject = _SUBJECTS.get(error.code, otherwise)
        if error.code == "auth_refused" and getattr(error, "http_status", None) == 403:
            subject = "rights"  # RFC 9110 section 15.5.4: it knows us, and that is not enough
    advice = _ADVICE.get(error.code)
    return Finding(subject, False, f"{error.message}; {advice}" if advice else error.message)


def never_reached(error: InboxdError) -> bool:
    """Whether an attempt ended before anything of a file was sent."""
    return _SUBJECTS.get(error.code) in ("dns", "tcp", "tls")


def let_in() -> Finding:
    """The finding that a server knows us, or asks nobody who they are."""
    return Finding("auth", True, "the server lets us in")


def room(free: int) -> Finding:
    """The finding about the bytes that are free at a destination."""
    if free < DEFAULT.reserve_space:
        return Finding("quota", False, f"only {free} bytes are free; make room there")
    return Finding("quota", True, f"{free // 10**6} MB are free")


def unknown(*subjects: str) -> list[Finding]:
    """Findings about what nobody can tell before a file is delivered."""
    return [Finding(name, True, "it shows with the first file", known=False) for name in subjects]


def all_well(findings: Iterable[Finding]) -> bool:
    """Whether nothing failed so far."""
    return all(finding.ok for finding in findings)


def _passed(stages: Sequence[str]) -> list[Finding]:
    return [Finding(stage, True, _PASSED[stage]) for stage in stages]


def _stages(origin: str) -> list[str]:
    return [stage for stage in _STAGES if stage != "tls" or origin.startswith("https")]


def _judged(response: requests.Response) -> Finding:
    status = response.status_code
    if status == 401:
        return Finding("auth", False, f"the server does not let us in ({status}); check `auth`")
    if status == 403:
        advice = "let the user of `auth` write there"
        return Finding("rights", False, f"the server does not allow it ({status}); {advice}")
    if status == 407:
        return Finding("auth", False, f"a proxy asks for a password ({status}); check `proxy`")
    if 300 <= status < 400:
        moved = _moved(response)
        if moved is not None:
            return Finding("place", False, moved)
    if status == 507:
        return Finding("quota", False, f"the server has no room left ({status}); make room there")
    if status == 413:
        advice = "raise what the server takes"
        return Finding(
            "quota", False, f"the server takes not even an empty file ({status}); {advice}"
        )
    if status >= 500 and status != 501:
        return Finding("answer", False, f"the server is in trouble ({status}); look at its log")
    return Finding("answer", True, f"the server answers ({status}){_HINTS.get(status, '')}")


def _moved(response: requests.Response) -> str | None:
    """What to do about a redirect, None where it stays on the same server."""
    status, where = response.status_code, response.headers.get("Location", "").strip()
    if not where:
        return f"the server points elsewhere, not saying where ({status}); check `url`"
    here, there = urlsplit(response.url), urlsplit(urljoin(response.url, where))
    if (there.scheme, there.hostname) == (here.scheme, here.hostname):
        return None
    target = f"{there.scheme}://{there.hostname}"
    return f"the server points to {target} ({status}); set `url` to it"
