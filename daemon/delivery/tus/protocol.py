"""What tus 1.0 says in headers, read and written; pure.

The protocol: https://tus.io/protocols/resumable-upload
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, Self
from urllib.parse import urljoin, urlsplit

from daemon.delivery.destination import JSON
from daemon.delivery.transport.body import readable_bytes
from daemon.errors import DeliveryError, Kind
from daemon.limits import MIB

VERSION: Final = "1.0.0"
CONTENT_TYPE: Final = "application/offset+octet-stream"
CHECKED_UP_TO: Final = 8 * MIB
"""Bytes of the largest file that gets an Upload-Checksum.

What does not match is thrown away by the server, and so is what a cut left of a request with a
checksum: of a larger file that would be more than is worth sending again.
"""

_REFUSALS: Final[Mapping[int, tuple[str, str, Kind]]] = {
    409: ("upload_conflict", "the server does not say where it wants to go on", Kind.TRANSIENT),
    412: ("protocol_version", f"the server does not take tus {VERSION}", Kind.PERMANENT),
    423: ("upload_locked", "the server still works on an earlier request", Kind.TRANSIENT),
    460: ("checksum_mismatch", "the server got other bytes than were sent", Kind.TRANSIENT),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server says that it can do, in its answer to OPTIONS; all empty where it says nothing.

    `largest` is in bytes, None where it names no bound.
    """

    versions: frozenset[str] = frozenset()
    extensions: frozenset[str] = frozenset()
    checksums: frozenset[str] = frozenset()
    largest: int | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Self:
        """The offer in the headers of an answer."""
        return cls(
            _words(headers.get("Tus-Version", "")),
            _words(headers.get("Tus-Extension", "")),
            _words(headers.get("Tus-Checksum-Algorithm", "")),
            number(headers.get("Tus-Max-Size")),
        )

    @property
    def speaks_ours(self) -> bool:
        """Whether our version is among those it names; one that names none is given the benefit."""
        return not self.versions or VERSION in self.versions

    def checksum(self, size: int) -> str | None:
        """The algorithm for the checksum of a whole file of `size` bytes, None for none."""
        if "checksum" not in self.extensions or not 0 < size <= CHECKED_UP_TO:
            return None
        return next((name for name in ("sha256", "sha1") if name in self.checksums), None)


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that a server has begun: where it is, and until when (seconds since 1970)."""

    url: str
    expires: float | None = None

    def remembered(self, content: Mapping[str, JSON]) -> dict[str, JSON]:
        """What has to be kept of it, for `recall`, and of the content that it gets."""
        facts = {**content, "upload": self.url}
        return facts if self.expires is None else {**facts, "expires": self.expires}


def recall(state: Mapping[str, JSON], content: Mapping[str, JSON], now: float) -> Upload | None:
    """The upload that was kept for this very content, None where there is none or it expired."""
    url, expires = state.get("upload"), state.get("expires")
    if not isinstance(url, str) or any(state.get(name) != content[name] for name in content):
        return None
    if not isinstance(expires, int | float):
        return Upload(url)
    return Upload(url, expires) if now < expires else None


def metadata(pairs: Mapping[str, str]) -> str:
    """The value of Upload-Metadata: keys as they are, values in Base64 of their UTF-8."""
    encoded = {key: base64.b64encode(readable_bytes(value)) for key, value in pairs.items()}
    return ",".join(f"{key} {value.decode()}" if value else key for key, value in encoded.items())


def checksum(algorithm: str, digest: bytes) -> str:
    """The value of Upload-Checksum."""
    return f"{algorithm} {base64.b64encode(digest).decode()}"


def number(value: str | None) -> int | None:
    """A length or an offset from a header, None for what is none."""
    value = (value or "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 20 else None


def expiry(headers: Mapping[str, str]) -> float | None:
    """Seconds since 1970 from Upload-Expires (RFC 9110 section 5.6.7), None for what is no date."""
    try:
        moment = parsedate_to_datetime(headers.get("Upload-Expires", ""))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def place(headers: Mapping[str, str], url: str) -> str | None:
    """Where an upload was created, absolute; None where the answer does not say so in a URL."""
    value = headers.get("Location", "").strip()
    try:
        where = urljoin(url, value)
        parts = urlsplit(where)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return where if value and value.isascii() and value.isprintable() and usable else None


def origin(url: str) -> str:
    """Scheme, host and port of a URL, written one way (RFC 6454)."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{parts.scheme}://{parts.hostname}:{port}".lower()


def refusal(status: int) -> DeliveryError | None:
    """The error for a status to which the protocol gives a meaning of its own."""
    if status not in _REFUSALS:
        return None
    code, message, kind = _REFUSALS[status]
    return DeliveryError(code, f"{message} ({status})", kind=kind, http_status=status)


def broken(what: str, status: int | None = None) -> DeliveryError:
    """The error for a server that does not keep to the protocol."""
    return DeliveryError("protocol_broken", f"the server {what}", http_status=status)


def too_large(largest: int) -> DeliveryError:
    """The error for a file that the server said before that it does not take."""
    return DeliveryError(
        "too_large_for_server",
        f"the server takes no more than {largest} bytes",
        kind=Kind.PERMANENT,
    )


def other_version(offer: Offer) -> DeliveryError:
    """The error for a server that names its versions, and ours is not among them."""
    said = ", ".join(sorted(offer.versions))
    return DeliveryError(
        "protocol_version", f"the server speaks tus {said}, not {VERSION}", kind=Kind.PERMANENT
    )


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(",") if word.strip())
