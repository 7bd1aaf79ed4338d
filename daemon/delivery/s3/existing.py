"""Whether an object that is there already is the file that is to be delivered."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from typing import Final

from daemon.delivery.destination import Parcel
from daemon.delivery.s3.operations import Stored
from daemon.files import block_buffer, environment_fault
from daemon.limits import Limits

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
    stored: Stored, parcel: Parcel, descriptor: int, part_size: int, limits: Limits
) -> bool:
    """Whether an object has the parcel's size and content, as far as the store can tell.

    The proof is our mark or a sha256; where a store keeps neither, the ETag, for which the file is
    read again. Raises EnvironmentFaultError where that fails.
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
    whole = _etag(descriptor, parcel.size, part_size if in_parts else 0, limits.read_block)
    return whole == match.group(1) + (match.group(2) or "")


def _etag(descriptor: int, size: int, part_size: int, block: int) -> str:
    """The ETag that S3 gives unencrypted content: its MD5, or the MD5 of those of its parts."""
    if not part_size:
        return _md5(descriptor, 0, size, block).hexdigest()
    offsets = range(0, size, part_size)
    digests = [_md5(descriptor, at, min(part_size, size - at), block).digest() for at in offsets]
    whole = hashlib.md5(b"".join(digests), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(digests)}"


def _md5(descriptor: int, offset: int, size: int, block: int) -> hashlib._Hash:
    digest = hashlib.md5(usedforsecurity=False)
    buffer = block_buffer(block)
    end = offset + size
    try:
        while offset < end:
            count = os.preadv(descriptor, [buffer[: min(block, end - offset)]], offset)
            if not count:
                break
            digest.update(buffer[:count])
            offset += count
    except OSError as error:
        raise environment_fault(error, "reading the file to compare it") from error
    return digest
