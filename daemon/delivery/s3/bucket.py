"""Where a bucket is, and what a parcel is called in it."""

from __future__ import annotations

import ipaddress
from base64 import b64encode
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from daemon.config.destinations import S3DestinationConfig
from daemon.delivery.destination import Parcel
from daemon.delivery.naming import relative_path
from daemon.delivery.transport.body import readable_bytes
from daemon.errors import DeliveryError, Kind

_LONGEST_KEY: Final = 1024
"""Bytes of an object's key (Amazon S3 User Guide, "Naming Amazon S3 objects")."""
_WORD: Final = 45
"""Bytes of an encoded word, which has at most 75 characters (RFC 2047 section 2)."""
_DOMAINS: Final = (
    ("cn-", "amazonaws.com.cn"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eusc-", "amazonaws.eu"),
)


class Bucket:
    """A bucket's address: its name in the path, or in front of the host's name."""

    def __init__(self, config: S3DestinationConfig) -> None:
        endpoint = (config.endpoint or _amazon(config.region)).rstrip("/")
        parts = urlsplit(endpoint)
        self.name = config.bucket
        if config.path_style or _needs_path(config.bucket, parts.scheme, parts.hostname or ""):
            self.url = f"{endpoint}/{config.bucket}"
        else:
            self.url = f"{parts.scheme}://{config.bucket}.{parts.netloc}{parts.path}"

    def object_url(self, key: str) -> str:
        """The address of an object, encoded as it is signed (SigV4: all but unreserved and /)."""
        return f"{self.url}/{quote(key, safe='/')}"

    def key_at(self, url: str) -> str:
        """The key of the object at an address that `object_url` gave."""
        return unquote(url.removeprefix(f"{self.url}/"))


def key_of(pattern: str, parcel: Parcel) -> str:
    """A parcel's key from its template: no empty, `.` or `..` segment, bytes made UTF-8.

    Raises DeliveryError where it is longer than a key can be.
    """
    parts = relative_path(pattern, parcel)
    key = b"/".join(parts).decode("utf-8", "replace")
    size = len(key.encode())
    if size > _LONGEST_KEY:
        raise DeliveryError(
            "key_too_long",
            f"the object's key has {size} bytes, {_LONGEST_KEY} are the most; shorten `key`",
            kind=Kind.PERMANENT,
        )
    return key


def metadata_value(text: str) -> str:
    """A text for a metadata header: what is not plain ASCII as encoded words (RFC 2047).

    So Amazon S3 documents it for REST ("Working with object metadata").
    """
    if text.isascii() and text.isprintable() and text == " ".join(text.split()):
        return text
    return " ".join(f"=?UTF-8?B?{b64encode(word).decode()}?=" for word in _words(text))


def _words(text: str) -> Iterator[bytes]:
    """A text in pieces of UTF-8 that fit into an encoded word, no character cut in two."""
    content = readable_bytes(text)
    while content:
        size = min(_WORD, len(content))
        while size < len(content) and content[size] & 0xC0 == 0x80:
            size -= 1
        yield content[:size]
        content = content[size:]


def _amazon(region: str) -> str:
    domain = next((name for prefix, name in _DOMAINS if region.startswith(prefix)), "amazonaws.com")
    return f"https://s3.{region}.{domain}"


def _needs_path(bucket: str, scheme: str, host: str) -> bool:
    """Whether no host could be called so, or no certificate would be valid for it."""
    if not bucket.replace("-", "").replace(".", "").isalnum() or bucket != bucket.lower():
        return True
    if ("." in bucket and scheme == "https") or "." not in host:
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
