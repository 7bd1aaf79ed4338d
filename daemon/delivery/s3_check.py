"""What `inboxd check` finds out about a bucket, without leaving anything in it."""

from __future__ import annotations

from typing import Final

import requests

from daemon.config.destinations import S3DestinationConfig
from daemon.delivery.destination import Finding
from daemon.delivery.reach import findings_of_answer, findings_of_fault
from daemon.delivery.s3_answers import error_code
from daemon.delivery.s3_requests import ObjectRequests
from daemon.errors import DeliveryError, EnvironmentFaultError

_SUBJECTS: Final = {
    "auth_refused": "auth",
    "credentials_expired": "auth",
    "no_credentials": "auth",
    "clock_skewed": "clock",
    "no_such_bucket": "bucket",
    "wrong_region": "region",
    "server_full": "quota",
}
_PROBE: Final = "inboxd-check"


def check_bucket(store: ObjectRequests, config: S3DestinationConfig) -> list[Finding]:
    """Findings about the way there, the key, the bucket and the right to write; never raises."""
    try:
        response = store.list_nothing()
    except (DeliveryError, EnvironmentFaultError) as error:
        if error.code in _SUBJECTS:
            return [_finding(error)]
        return findings_of_fault(store.client.origin, error)
    verified = config.verify is not False
    findings = findings_of_answer(store.client.origin, response, verified=verified)[:-1]
    if not _says_who_we_are(response):
        return [*findings, _finding(store.refusal(response))]
    findings.append(Finding("auth", True, f"the key is good for the bucket {config.bucket}"))
    return [*findings, _rights(store, config)]


def _says_who_we_are(response: requests.Response) -> bool:
    """Whether the store knows the key: one that may only write may not list what is there."""
    return response.status_code == 200 or error_code(response) == "AccessDenied"


def _rights(store: ObjectRequests, config: S3DestinationConfig) -> Finding:
    """Begin an upload, which needs the right to write, and take it back before it is an object."""
    key = f"{config.key.partition('{')[0]}{_PROBE}".lstrip("/")
    try:
        upload = store.create(key, {}, None)
    except DeliveryError as error:
        if error.http_status == 501:
            return Finding(
                "rights", True, "whether files may be written is not known until one is delivered"
            )
        return _finding(error, otherwise="rights")
    except EnvironmentFaultError as error:
        return Finding("rights", False, error.message)
    try:
        store.abort(key, upload)
    except (DeliveryError, EnvironmentFaultError) as error:
        return Finding(
            "rights",
            False,
            f"files may be written, but unfinished ones not taken back: {error.message}",
        )
    return Finding("rights", True, "files may be written: an upload was begun and taken back")


def _finding(error: DeliveryError | EnvironmentFaultError, otherwise: str = "answer") -> Finding:
    subject = _SUBJECTS.get(error.code, otherwise)
    if subject == "auth" and otherwise == "rights":
        subject = otherwise
    return Finding(subject, False, error.message)
