"""What a server's answer to an upload means; pure."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urljoin, urlsplit

from daemon.delivery.destination import JSON
from daemon.errors import DeliveryError, Kind

_TRANSIENT: Final[Mapping[int, tuple[str, str]]] = {
    408: ("server_timeout", "the server waited too long for the file"),
    421: (
        "server_unavailable",
        "the connection leads to a server that does not answer for this name",
    ),
    423: ("server_locked", "the server has the file locked"),
    425: ("too_early", "the server does not want the request yet"),
    429: ("too_many_requests", "the server asks for fewer requests"),
    500: ("server_error", "the server failed"),
    502: ("server_unavailable", "a gateway did not reach the server"),
    503: ("server_unavailable", "the server is not available"),
    504: ("server_unavailable", "a gateway waited too long for the server"),
    507: ("server_full", "the server has no room left"),
}
_PERMANENT: Final[Mapping[int, tuple[str, str]]] = {
    401: ("auth_refused", "the server does not accept the secret; check `auth`"),
    403: ("auth_refused", "the server does not allow this; check `auth` and its rights"),
    404: ("refused_by_server", "the server does not know this address; check {where}"),
    405: ("refused_by_server", "the server does not take this method; check {where}"),
    407: ("auth_refused", "a proxy asks for a password; check `proxy`"),
    413: ("too_large_for_server", "the file is larger than the server takes"),
}
_SERVER_WIDE: Final = frozenset(
    {
        "too_many_requests",
        "server_unavailable",
        "server_full",
        "clock_skewed",
        "credentials_expired",
    }
)
_PAGE: Final = re.compile(rb"<(!doctype\s+html|html)\b", re.IGNORECASE)
_LONGEST_LOCATION: Final = 2048


def retry_after(value: str | None, now: float, cap: float) -> float | None:
    """Seconds asked for by a Retry-After header (RFC 9110 section 10.2.3), None for none.

    `value` is a number of seconds or a date; `now` is in seconds since 1970. Never negative, never
    more than `cap`; what is neither a number nor a date is as if it were not there.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value[:12]), cap))
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        seconds = moment.timestamp() - now
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), cap)


def refusal(
    status: int,
    headers: Mapping[str, str],
    url: str,
    *,
    now: float,
    cap: float,
    address: str = "url",
    method: str | None = None,
) -> DeliveryError:
    """The error for an answer other than 2xx.

    `address` is the key of the configuration that names the server, `method` the one that says how
    it is asked, None where there is no such key.
    """
    if 300 <= status < 400:
        where = headers.get("Location", "").strip()
        said = f"points to {_shown(where, url)}" if where else "points elsewhere, not saying where"
        advice = f"if that is right, set `{address}` to it" if where else f"check `{address}`"
        return DeliveryError(
            "redirected",
            f"the server {said} ({status}); {advice}",
            kind=Kind.PERMANENT,
            http_status=status,
        )
    if status in _TRANSIENT or status >= 500:
        code, message = _TRANSIENT.get(status, ("server_error", "the server failed"))
        pause = retry_after(headers.get("Retry-After"), now, cap)
        return DeliveryError(code, f"{message} ({status})", http_status=status, retry_after=pause)
    code, message = _PERMANENT.get(
        status, ("refused_by_server", "the server does not accept the file")
    )
    message = message.format(where=f"`{method if method and status == 405 else address}`")
    return DeliveryError(code, f"{message} ({status})", kind=Kind.PERMANENT, http_status=status)


def wants_certificate(status: int, content: bytes) -> bool:
    """Whether a server says in plain HTTP that it misses a certificate of ours, as nginx does."""
    return status in (400, 495, 496) and b"SSL certificate" in content


def is_page(status: int, content: bytes) -> bool:
    """Whether a success is a page for people, as a login page says 200 to whatever is asked."""
    start = content.lstrip()
    while start.startswith(b"<!--"):
        start = start.partition(b"-->")[2].lstrip()
    return status == 200 and _PAGE.match(start) is not None


def blames_destination(error: DeliveryError) -> bool:
    """Whether an error would meet every other file on its way to the same destination too."""
    if error.kind is not Kind.TRANSIENT or error.crowded:
        return False
    return error.http_status is None or error.code in _SERVER_WIDE


def json_object(body: bytes) -> dict[str, JSON]:
    """A JSON object in an answer's body, {} for anything else."""
    value = json_value(body)
    return value if isinstance(value, dict) else {}


def json_value(body: bytes) -> dict[str, JSON] | list[JSON] | None:
    """A JSON object or list in an answer's body, None for anything else.

    What is in it can be written again: numbers that JSON does not know become null, unpaired
    surrogates become U+FFFD.
    """
    if not body:
        return None
    body = body.removeprefix(codecs.BOM_UTF8)
    if body.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        value = json.loads(body, parse_constant=lambda _: None, parse_float=_finite)
        if b"\\u" in body:
            text = json.dumps(value, ensure_ascii=False)
            value = json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def location(headers: Mapping[str, str], url: str) -> str | None:
    """The Location header as an absolute address, None where there is none."""
    value = headers.get("Location", "").strip()
    if not value or not value.isprintable() or len(value) > _LONGEST_LOCATION:
        return None
    try:
        return urljoin(url, value)
    except ValueError:
        return value


def _shown(target: str, url: str) -> str:
    """An address without user name, password and query, which may hold secrets."""
    try:
        parts = urlsplit(urljoin(url, target))
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "an address that is not one"
    text = f"{parts.scheme}://{host}{parts.path}"
    return text if text.isprintable() else "an address that is not one"
