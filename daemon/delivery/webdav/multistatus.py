"""What a WebDAV server tells about one resource (RFC 4918 sections 13 to 15); pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from xml.parsers import expat

PROPFIND: Final = (
    b'<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop>'
    b"<D:resourcetype/><D:getcontentlength/><D:getetag/><D:quota-available-bytes/>"
    b"</D:prop></D:propfind>"
)
"""The body of a request for all that a Resource holds."""

_WANTED: Final = frozenset({"DAV: getcontentlength", "DAV: getetag", "DAV: quota-available-bytes"})
_LONGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class Resource:
    """A file or a folder on a share; what the server does not tell is None.

    `tag` is its entity tag, `room` the bytes that still fit (RFC 4331).
    """

    is_folder: bool = False
    size: int | None = None
    tag: str | None = None
    room: int | None = None


def resource_of(content: bytes) -> Resource | None:
    """The first resource in a 207 answer, None where it is no such answer.

    A document type, which WebDAV has no use for, and names that expand are refused with it.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(content, True)
    except (expat.ExpatError, ValueError):
        return None
    if not reader.is_answer:
        return None
    found = reader.found
    return Resource(
        reader.is_folder,
        _number(found.get("DAV: getcontentlength")),
        found.get("DAV: getetag") or None,
        _number(found.get("DAV: quota-available-bytes")),
    )


class _Reader:
    """Collects the text of the wanted properties up to the end of the first response."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.is_folder = False
        self.is_answer = False
        self._name: str | None = None
        self._ended = False
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _start(self, name: str, _: Any) -> None:
        self.is_answer = self.is_answer or name == "DAV: multistatus"
        if not self._ended:
            self._name = name if name in _WANTED else None
            self.is_folder = self.is_folder or name == "DAV: collection"

    def _end(self, name: str) -> None:
        self._name = None
        self._ended = self._ended or name == "DAV: response"

    def _text(self, text: str) -> None:
        if self._name is not None:
            self.found[self._name] = (self.found.get(self._name, "") + text)[:_LONGEST]

    def _refuse(self, *_: Any) -> None:
        raise ValueError("a document type")


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text[:19]) if text.isascii() and text.isdigit() else None
