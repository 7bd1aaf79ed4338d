"""What a parcel is called at a destination: templates filled in, made safe for URLs and folders."""

from __future__ import annotations

import os
import string
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote

from daemon.config import template
from daemon.delivery.destination import Parcel

Facts = Mapping[str, str | int | datetime]

_LONGEST: Final = 255
_PLAIN_IN_HEADERS: Final = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
_PARSE = string.Formatter().parse


def facts_of(parcel: Parcel) -> Facts:
    """The fields that a template can name, with their values."""
    stem, suffix = os.path.splitext(parcel.name)
    return {
        "inbox": parcel.inbox,
        "name": parcel.name,
        "stem": stem,
        "suffix": suffix,
        "path": parcel.path,
        "sha256": parcel.sha256,
        "size": parcel.size,
        "media_type": parcel.media_type,
        "received": parcel.received,
        "job": parcel.job,
    }


def segment(text: str, *, safe: str = "") -> str:
    """A text percent-encoded as one path segment (RFC 3986 section 3.3); never `.` or `..`."""
    try:
        encoded = quote(text, safe=safe, errors="surrogateescape")
    except UnicodeEncodeError:
        encoded = quote(text, safe=safe, errors="replace")
    return encoded.replace(".", "%2E") if encoded in (".", "..") else encoded


def url_of(pattern: str, facts: Facts) -> str:
    """A URL from its template: each value becomes one segment, the slashes of a date stay."""
    parts = []
    for literal, name, form, _ in _PARSE(pattern):
        parts.append(literal)
        if name is not None:
            parts.append(segment(format(facts[name], form or ""), safe="/" if form else ""))
    return "".join(parts)


def header_of(pattern: str, facts: Facts) -> str:
    """A header's value from its template: values are percent-encoded where a header takes no more.

    A header holds one line of ASCII; % is encoded too, so that it can be undone.
    """
    parts = []
    for literal, name, form, _ in _PARSE(pattern):
        parts.append(literal)
        if name is not None:
            parts.append(segment(format(facts[name], form or ""), safe=_PLAIN_IN_HEADERS))
    return "".join(parts)


def relative_path(pattern: str, parcel: Parcel) -> list[bytes]:
    """The folders and the name of a parcel below a target folder, from a template.

    Nothing in it leads out of that folder; each part fits into a file name. The job's id stands in
    for a name that is empty, and a template that ends in a slash gets the name.
    """
    if pattern.endswith("/"):
        pattern += "{name}"
    text = template.render(pattern, facts_of(parcel)).replace("\0", "")
    parts = [_part(part) for part in text.split("/") if part not in ("", ".", "..")]
    return parts or [parcel.job.encode()]


def with_tail(name: bytes, tail: str) -> bytes:
    """A name with a tail before its suffix, for when the name itself is taken."""
    stem, suffix = os.path.splitext(name)
    tail_bytes = b"-" + tail.encode()
    if len(suffix) + len(tail_bytes) > _LONGEST:
        suffix = b""
    return _cut(stem, _LONGEST - len(suffix) - len(tail_bytes)) + tail_bytes + suffix


def _part(text: str) -> bytes:
    part = os.fsencode(text)
    if len(part) <= _LONGEST:
        return part
    stem, suffix = os.path.splitext(part)
    if len(suffix) >= _LONGEST:
        return _cut(part, _LONGEST)
    return _cut(stem, _LONGEST - len(suffix)) + suffix


def _cut(name: bytes, size: int) -> bytes:
    """At most `size` bytes of a name, none of its characters cut in two."""
    while 0 < size < len(name) and name[size] & 0xC0 == 0x80:
        size -= 1
    return name[:size]
