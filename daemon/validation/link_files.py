"""The address in a link file, as a proving child finds it."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from xml.parsers.expat import ExpatError

from daemon.errors import RefusedError

LARGEST = 64 * 1024
"""Bytes of a link file that are looked at."""
_LONGEST = 2048


def address_in(data: bytes, kind: str) -> str:
    """The address in a link file of a kind (`url`, `webloc`, `desktop`).

    Raises RefusedError with `damaged` where there is none.
    """
    try:
        found = _READERS[kind](data)
    except (ValueError, ExpatError, TypeError, OverflowError, RecursionError, LookupError):
        raise RefusedError("damaged", f"it is no link file, or no whole .{kind}") from None
    if not found or len(found) > _LONGEST or not found.isprintable():
        raise RefusedError("damaged", "it is no link file: there is no address in it")
    return found


def _internet_shortcut(data: bytes) -> str:
    return _entry(_text(data), "[internetshortcut]", "url")


def _desktop_entry(data: bytes) -> str:
    """The address of an entry of type Link (Desktop Entry Specification 1.5, section 6)."""
    text = _text(data)
    if _entry(text, "[desktop entry]", "type") != "Link":
        raise ValueError("not a link")
    return _entry(text, "[desktop entry]", "url")


def _web_location(data: bytes) -> str:
    """The address in a property list, XML or binary; plistlib itself refuses entities."""
    found = plistlib.loads(data)["URL"]
    if not isinstance(found, str):
        raise TypeError("not a text")
    return found.strip()


def _entry(text: str, section: str, key: str) -> str:
    """The first value of a key in a section of a file of `key=value` lines; empty for none."""
    within = False
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("["):
            within = stripped.lower() == section
        name, equals, value = stripped.partition("=")
        if within and equals and name.strip().lower() == key:
            return value.strip()
    return ""


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


_READERS: dict[str, Callable[[bytes], str]] = {
    "url": _internet_shortcut,
    "webloc": _web_location,
    "desktop": _desktop_entry,
}
