"""What `inboxd check` finds out about a WebDAV share: that it is one, our rights, its room."""

from __future__ import annotations

from typing import Final

from daemon.delivery.destination import Finding
from daemon.delivery.reach import all_well, failure, findings_of_fault, let_in, room, unknown
from daemon.delivery.webdav.share import Share
from daemon.errors import DeliveryError, EnvironmentFaultError

_PROBE: Final = ".inboxd-check"


def check_share(share: Share) -> list[Finding]:
    """One finding for each thing that works, the last of them the failure, if any; never raises.

    An empty hidden file is written and removed, since no server tells our rights otherwise.
    """
    try:
        # As deliveries ask: some servers refuse an OPTIONS with digest where a name has a space.
        asked = share.client.request("PROPFIND", share.root, {"Depth": "0"})
        findings = share.client.check(asked)
        if all_well(findings):
            findings += _look(share)
    except (DeliveryError, EnvironmentFaultError) as error:
        return findings_of_fault(share.client.origin, error)
    return findings


def _look(share: Share) -> list[Finding]:
    try:
        found = share.look(share.root, None)
    except DeliveryError as error:
        if error.code == "answer_broken":
            return [Finding("place", False, f"{error.message}; check `url`")]
        return [failure(error, "place")]
    if found is None and (above := share.nearest()) is not None:
        message = f"not there yet; it is made below {above} with the first file"
        return [let_in(), Finding("place", True, message), *unknown("rights", "quota")]
    if found is None or not found.is_folder:
        return [
            let_in(),
            Finding("place", False, "`url` names no folder on the share; make it, or mend `url`"),
        ]
    findings = [let_in(), Finding("place", True, "the folder is there, and speaks WebDAV")]
    findings.append(_try_rights(share))
    if findings[-1].ok:
        findings += unknown("quota") if found.room is None else [room(found.room)]
    return findings


def _try_rights(share: Share) -> Finding:
    try:
        share.put(share.root + _PROBE, b"", "application/octet-stream")
        share.remove(share.root + _PROBE)
    except DeliveryError as error:
        return failure(error, "rights")
    return Finding("rights", True, "files can be written and removed")
