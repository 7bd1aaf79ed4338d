"""What `inboxd check` finds out about a WebDAV share: that it is one, our rights, its room."""

from __future__ import annotations

from typing import Final

from daemon.delivery.destination import Finding
from daemon.delivery.reach import findings_of_fault
from daemon.delivery.share import Share
from daemon.errors import DeliveryError, EnvironmentFaultError
from daemon.limits import DEFAULT

_PROBE: Final = ".inboxd-check"


def check_share(share: Share) -> list[Finding]:
    """One finding for each thing that works, the last of them the failure, if any; never raises.

    An empty hidden file is written and removed, since no server tells our rights otherwise.
    """
    try:
        findings = share.client.check(share.client.request("OPTIONS", share.root))
        if all(finding.ok for finding in findings):
            findings += _look(share)
        if all(finding.ok for finding in findings):
            findings += _try_rights(share)
    except (DeliveryError, EnvironmentFaultError) as error:
        return findings_of_fault(share.client.origin, error)
    return findings


def _look(share: Share) -> list[Finding]:
    try:
        found = share.look(share.root, None)
    except DeliveryError as error:
        return [_failed("folder", error)]
    if found is None or not found.is_folder:
        return [Finding("folder", False, "`url` names no folder on the share; make it, or mend it")]
    there = Finding("folder", True, "it is there, and speaks WebDAV")
    if found.room is None:
        return [there]
    if found.room < DEFAULT.reserve_space:
        return [there, Finding("quota", False, f"only {found.room} bytes are free; make room")]
    return [there, Finding("quota", True, f"{found.room // 10**6} MB are free")]


def _try_rights(share: Share) -> list[Finding]:
    try:
        share.put(share.root + _PROBE, b"", "application/octet-stream")
        share.remove(share.root + _PROBE)
    except DeliveryError as error:
        return [_failed("rights", error)]
    return [Finding("rights", True, "files can be written and removed")]


def _failed(subject: str, error: DeliveryError) -> Finding:
    match error.code:
        case "auth_refused" if error.http_status == 401:
            return Finding(
                "auth", False, f"the server refuses us ({error.http_status}); check `auth`"
            )
        case "auth_refused":
            advice = "let the user of `auth` write there"
            return Finding(
                "rights", False, f"the server does not allow it ({error.http_status}); {advice}"
            )
        case "server_full":
            return Finding("quota", False, f"{error.message}; make room there")
    return Finding(subject, False, error.message)
