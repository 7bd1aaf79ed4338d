"""Whether an object that is there already is the file that is to be delivered."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from typing import Final

from daemon.delivery.destination import Parcel
from daemon.delivery.hashing import hash_of
from daemon.delivery.s3.operations import Stored

DELIVERY: Final = "x-amz-meta-inboxd-delivery"
SHA256: Final = "x-amz-meta-inboxd-sha256"
CHECKSUM: Final = "x-amz-checksum-sha256"
_MD5: Final = re.compile(r'"?([0-9a-f]{32})(-\d+)?"?')


def marks(parcel: Parcel) -> dict[str, str]:
    """The metadata by which we know an object of ours again."""
    known = {DELIVERY: parcel.idempotency_key, SHA256: parcel.sha256}
    return {name: value for name, value in known.items() if value}


def checksum(sha256: str) -> str:
    """A digest as S3 writes it in headers: base64 in place of hexadecimal."""
    return base64.b64encode(bytes.fromhex(sha256)).decode()


def is_same(
    stored: Stored, parcel: Parcel, descriptor: int, part_size: int, stop: threading.Event
) -> bool:
    """Whether an object has the parcel's size and content, as far as the store can tell.

    The proof is our mark or a sha256; where a store keeps neither, the ETag, for which the file is
    read again. Raises what `hash_of` does.
    """
    headers = stored.headers
    if headers.get("Content-Length", "0") != str(parcel.size):
        return False
    if headers.get(SHA256) and parcel.sha256:
        return headers[SHA256] == parcel.sha256
    if headers.get(DELIVERY):
        return headers[DELIVERY] == parcel.idempotency_key
    if headers.get(CHECKSUM) and parcel.sha256 and "-" not in headers[CHECKSUM]:
        return headers[CHECKSUM] == checksum(parcel.sha256)
    match = _MD5.fullmatch(stored.etag)
    if match is None:
        return False
    in_parts = match.group(2) is not None
    whole = _etag(descriptor, parcel.size, part_size if in_parts else 0, stop)
    return whole == match.group(1) + (match.group(2) or "")


def _etag(descriptor: int, size: int, part_size: int, stop: threading.Event) -> str:
    """The ETag that S3 gives unencrypted content: its MD5, or the MD5 of those of its parts."""
    if not part_size:
        return hash_of(descriptor, size, "md5", stop).hex()
    digests = [
        hash_of(descriptor, min(part_size, size - at), "md5", stop, offset=at)
        for at in range(0, size, part_size)
    ]
    whole = hashlib.md5(b"".join(digests), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(digests)}"
