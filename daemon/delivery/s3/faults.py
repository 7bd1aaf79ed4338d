"""What S3's codes mean for a delivery: our own code, whether another attempt helps, what to do."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import requests

from daemon.delivery import verdict
from daemon.delivery.s3.answers import document_of, error_code, region_of, text_of
from daemon.errors import DeliveryError, Kind

_LONGEST_SAID: Final = 500

TAKEN: Final = "there is an object of this name already, with other content"
LOST: Final = "the store no longer knows the upload; it begins anew"
_AUTH = "auth_refused"
_BUSY = "too_many_requests"
_DAMAGED = "damaged_on_the_way"
_REGION = "wrong_region"
_T, _P = Kind.TRANSIENT, Kind.PERMANENT
_CODES: Final[Mapping[str, tuple[str, Kind, str]]] = {
    "SlowDown": (_BUSY, _T, "the store asks for fewer requests"),
    "SlowDownRead": (_BUSY, _T, "the store asks for fewer requests"),
    "SlowDownWrite": (_BUSY, _T, "the store asks for fewer requests"),
    "TooManyRequests": (_BUSY, _T, "the store asks for fewer requests"),
    "Throttling": (_BUSY, _T, "the store asks for fewer requests"),
    "ThrottlingException": (_BUSY, _T, "the store asks for fewer requests"),
    "RequestLimitExceeded": (_BUSY, _T, "the store asks for fewer requests"),
    "KMS.ThrottlingException": (_BUSY, _T, "the key service asks for fewer requests"),
    "InternalError": ("server_error", _T, "the store failed"),
    "ServiceUnavailable": ("server_unavailable", _T, "the store is not available"),
    "ServerBusy": ("server_unavailable", _T, "the store is not available"),
    "Busy": ("server_unavailable", _T, "the store is not available"),
    "RequestTimeout": ("server_timeout", _T, "the store waited too long for the file"),
    "OperationAborted": ("object_busy", _T, "another request is changing the same object"),
    "ConditionalRequestConflict": (
        "object_busy", _T, "another request is changing the same object"
    ),
    "BadDigest": (_DAMAGED, _T, "what arrived is not what was sent"),
    "IncompleteBody": (_DAMAGED, _T, "less arrived than was sent"),
    "XAmzContentSHA256Mismatch": (_DAMAGED, _T, "what arrived is not what was sent"),
    "XAmzContentChecksumMismatch": (_DAMAGED, _T, "what arrived is not what was sent"),
    "NoSuchUpload": ("upload_lost", _T, LOST),
    "InvalidPart": ("upload_lost", _T, "the store lost a part; the upload begins anew"),
    "InvalidPartOrder": ("upload_lost", _T, "the store lost a part; the upload begins anew"),
    "QuotaExceeded": ("server_full", _T, "the quota is used up; raise it or make room"),
    "XMinioAdminBucketQuotaExceeded": (
        "server_full", _T, "the bucket's quota is used up; raise it or make room"
    ),
    "XMinioStorageFull": ("server_full", _T, "the store has no room left"),
    "InsufficientStorage": ("server_full", _T, "the store has no room left"),
    "TemporaryRedirect": (
        "server_unavailable", _T, "the bucket is new or moves; the store asks for patience"
    ),
    "ExpiredToken": (
        "credentials_expired", _T, "the temporary key has expired; put a new one in its place"
    ),
    "TokenRefreshRequired": (
        "credentials_expired", _T, "the temporary key has expired; put a new one in its place"
    ),
    "RequestTimeTooSkewed": (
        "clock_skewed", _T, "this machine's clock is wrong; have it set by NTP"
    ),
    "RequestExpired": ("clock_skewed", _T, "this machine's clock is wrong; have it set by NTP"),
    "AccessDenied": (
        _AUTH, _P, "the key may not do this; it needs s3:PutObject and s3:AbortMultipartUpload"
    ),
    "AllAccessDisabled": (_AUTH, _P, "nobody may use this bucket"),
    "AccountProblem": (_AUTH, _P, "the account is locked; ask its provider"),
    "InvalidAccessKeyId": (_AUTH, _P, "the store does not know the access key; check it"),
    "InvalidToken": (_AUTH, _P, "the store does not know the session token; check it"),
    "InvalidSecurity": (_AUTH, _P, "the store does not accept the key; check it"),
    "SignatureDoesNotMatch": (
        _AUTH, _P, "the secret key is not the access key's; check it, and any proxy on the way"
    ),
    "NoSuchBucket": (
        "no_such_bucket", _P, "there is no such bucket; check `bucket` and `endpoint`, or make it"
    ),
    "InvalidBucketName": (
        "no_such_bucket", _P, "no bucket can be called so there; check `bucket`"
    ),
    "PermanentRedirect": (_REGION, _P, "the bucket is elsewhere; check `region` and `endpoint`"),
    "AuthorizationHeaderMalformed": (
        _REGION, _P, "the bucket is in another region; check `region`, and the access key"
    ),
    "IllegalLocationConstraintException": (
        _REGION, _P, "the bucket is in another region; check `region`"
    ),
    "PreconditionFailed": ("name_taken", _P, TAKEN),
    "EntityTooLarge": ("too_large_for_server", _P, "the file is larger than the store takes"),
    "KeyTooLongError": ("key_too_long", _P, "the object's key is too long; shorten `key`"),
    "NotImplemented": ("refused_by_server", _P, "the store cannot do what is asked of it"),
}  # fmt: skip
_BY_STATUS: Final = {
    401: "AccessDenied",
    403: "AccessDenied",
    404: "NoSuchBucket",
    412: "PreconditionFailed",
    413: "EntityTooLarge",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    507: "InsufficientStorage",
}
"""What an answer without a code comes to, from the store or from something in front of it."""


def refusal(
    response: requests.Response, *, hidden: tuple[str, ...] = (), cap: float
) -> DeliveryError:
    """The error for an answer that is none of those wished for.

    Args: `hidden` are texts that must not be repeated; `cap` is the longest Retry-After in seconds.
    """
    said = _without(hidden, error_code(response))
    status = response.status_code
    code = said if said in _CODES else "" if said else _BY_STATUS.get(status, "")
    if not code and said and 400 <= status < 500:
        error = DeliveryError(
            "refused_by_server",
            f"the store does not accept the request ({said}, {status})",
            kind=Kind.PERMANENT,
            http_status=status,
        )
    elif not code:
        error = verdict.refusal(
            status,
            response.headers,
            response.url,
            now=time.time(),
            cap=cap,
            address="endpoint",
        )
    else:
        ours, kind, sentence = _CODES[code]
        pause = verdict.retry_after(response.headers.get("Retry-After"), time.time(), cap)
        message = f"{sentence}{_more(ours, response)} ({said or 'no code'}, {status})"
        error = DeliveryError(ours, message, kind=kind, http_status=status, retry_after=pause)
    error.response = _said(said, response, hidden)
    return error


def _more(code: str, response: requests.Response) -> str:
    """The fact that makes advice about a region or a clock plain."""
    if code == _REGION:
        region = region_of(response)
        return f"; it is in {region}" if region else ""
    if code == "clock_skewed":
        apart = _clocks_apart(response)
        return "" if apart is None else f"; it is {abs(apart):.0f} s {_way(apart)}"
    return ""


def _way(apart: float) -> str:
    return "fast" if apart > 0 else "slow"


def _clocks_apart(response: requests.Response) -> float | None:
    """Seconds by which our clock is ahead of the store's."""
    try:
        there = parsedate_to_datetime(response.headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return time.time() - there.replace(tzinfo=there.tzinfo or UTC).timestamp()


def _said(code: str, response: requests.Response, hidden: tuple[str, ...]) -> dict[str, str]:
    """What goes into the sidecar of an error: never the parts in which S3 repeats a request."""
    document = document_of(response)
    facts = {
        "code": code,
        "message": text_of("Message", document) if code else "",
        "request_id": response.headers.get("x-amz-request-id") or text_of("RequestId", document),
    }
    kept = {name: _plain(_without(hidden, text)) for name, text in facts.items()}
    return {name: text for name, text in kept.items() if text}


def _without(hidden: tuple[str, ...], text: str) -> str:
    for secret in hidden:
        text = text.replace(secret, "[redacted]")
    return text


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:_LONGEST_SAID]
