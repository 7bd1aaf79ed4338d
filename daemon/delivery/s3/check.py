"""What `inboxd check` finds out about a bucket, without leaving anything in it."""

from __future__ import annotations

from typing import Final

import requests

from daemon.config.destinations import S3DestinationConfig
from daemon.delivery.destination import Finding
from daemon.delivery.reach import failure, findings_of_answer, findings_of_fault, let_in, unknown
from daemon.delivery.s3.answers import error_code
from daemon.delivery.s3.operations import ObjectRequests
from daemon.errors import DeliveryError, EnvironmentFaultError

_PROBE: Final = "inboxd-check"


def check_bucket(store: ObjectRequests, config: S3DestinationConfig) -> list[Finding]:
    """Findings about the way there, the key, the bucket and the right to write; never raises."""
    try:
        response = store.list_nothing()
    except (DeliveryError, EnvironmentFaultError) as error:
        if error.code in ("no_credentials", "credentials_expired"):  # nothing was sent
            return [failure(error)]
        return findings_of_fault(store.client.origin, error)
    *way, last = findings_of_answer(
        store.client.origin, response, verified=config.verify is not False
    )
    if not _says_who_we_are(response):
        refused = store.refusal(response)
        subject = "auth" if refused.code == "auth_refused" else None
        return [*way, failure(refused, subject=subject)]
    found = [*way, Finding("answer", True, last.message), let_in()]
    found.append(Finding("place", True, f"the bucket {config.bucket} is there"))
    found.append(_rights(store, config))
    return [*found, *unknown("quota")] if found[-1].ok else found


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
            return unknown("rights")[0]
        subject = "rights" if error.code == "auth_refused" else None
        return failure(error, "rights", subject=subject)
    except EnvironmentFaultError as error:
        return failure(error, "rights")
    try:
        store.abort(key, upload)
    except (DeliveryError, EnvironmentFaultError) as error:
        said = f"files can be written, but unfinished ones not taken back: {error.message}"
        return Finding("rights", False, said)
    return Finding("rights", True, "files can be written: an upload was begun and taken back")
