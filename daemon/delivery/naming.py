"""What a parcel is called at a destination: templates filled in, made safe for URLs and folders."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from daemon.config import template
from daemon.delivery.destination import Parcel

Facts = Mapping[str, str | int | datetime]

_LONGEST: Final = 255
_PLAIN_IN_HEADERS: Final = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*")
"""What needs no encoding anywhere, and is neither `.` nor `..`."""


def facts_of(parcel: Parcel) -> Facts:
    """The fields that a template can name, with their values."""
    return _Facts(parcel)


class _Facts(dict[str, "str | int | datetime"]):
    """Fields of a parcel, each found when it is first asked for: most templates name one."""

    def __init__(self, parcel: Parcel) -> None:
        self._parcel = parcel

    def __missing__(self, name: str) -> str | int | datetime:
        if name in ("stem", "suffix"):
            self["stem"], self["suffix"] = os.path.splitext(self._parcel.name)
        elif name in template.FIELDS:
            self[name] = getattr(self._parcel, name)
        else:
            raise KeyError(name)
        return self[name]


@lru_cache(maxsize=256)
def _parsed(pattern: str) -> tuple[tuple[str, str | None, str], ...]:
    """Literal, field and format of each part of a template."""
    parts = string.Formatter().parse(pattern)
    return tuple((literal, name, form or "") for literal, name, form, _ in parts)


def segment(text: str, *, safe: str = "") -> str:
    """A text percent-encoded as one path segment (RFC 3986 section 3.3); never `.` or `..`."""
    if _PLAIN.fullmatch(text):
        return text
    try:
        encoded = quote(text, safe=safe, errors="surrogateescape")
    except UnicodeEncodeError:
        encoded = quote(text, safe=safe, errors="replace")
    return encoded.replace(".", "%2E") if encoded in (".", "..") else encoded


def url_of(pattern: str, facts: Facts) -> str:
    """A URL from its template: each value becomes one segment; slashes of a path or date stay."""
    parts = []
    for literal, name, form in _parsed(pattern):
        parts.append(literal)
        if name == "path":  # many servers answer 404 where %2F stands for its slashes
            parts.append("/".join(map(segment, str(facts[name]).split("/"))))
        elif name is not None:
            parts.append(segment(format(facts[name], form), safe="/" if form else ""))
    return "".join(parts)


def header_of(pattern: str, facts: Facts) -> str:
    """A header's value from its template: values are percent-encoded where a header takes no more.

    A header holds one line of ASCII; % is encoded too, so that it can be undone.
    """
    parts = []
    for literal, name, form in _parsed(pattern):
        parts.append(literal)
        if name is not None:
            parts.append(segment(format(facts[name], form), safe=_PLAIN_IN_HEADERS))
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
