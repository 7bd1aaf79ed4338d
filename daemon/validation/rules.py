"""What an inbox accepts: pure decisions about facts that were found out elsewhere."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from daemon.config.model import InboxConfig
from daemon.errors import Fault, Kind
from daemon.validation.kinds import Group, canonical, claimed_type, extension, is_link_file, kind
from daemon.validation.verdict import Check


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits of one inbox: sizes in bytes, `max_pixels` for one page."""

    accept: tuple[str, ...]
    max_size: int
    max_pages: int
    max_pixels: int
    allow_empty: bool = False
    links: bool = False
    """Whether link files are followed."""
    owners: frozenset[int] | None = None
    """Users whose files may have other names elsewhere; None for all."""

    @classmethod
    def from_inbox(cls, inbox: InboxConfig) -> Rules:
        """The rules in a configuration."""
        return cls(
            accept=tuple(canonical(pattern) for pattern in inbox.accept),
            max_size=inbox.max_size,
            max_pages=inbox.max_pages,
            max_pixels=inbox.max_pixels,
            allow_empty=inbox.allow_empty,
            links=inbox.links is not None,
            owners=_owners(inbox),
        )


def refusal(code: str, message: str) -> Fault:
    """A verdict against a file."""
    return Fault(code, message, Kind.PERMANENT)


def _owners(inbox: InboxConfig) -> frozenset[int]:
    """The daemon's user and the owner of the inbox."""
    found = {os.geteuid()}
    with contextlib.suppress(OSError):
        found.add(os.stat(inbox.path).st_uid)
    return frozenset(found)


def judge_links(names: int, owner: int, rules: Rules) -> Fault | None:
    """Whether a file of so many names may be one that belongs to somebody else.

    Where fs.protected_hardlinks is off (sysctl), anyone can make a name in the inbox for a file
    that only the daemon may read.
    """
    if names < 2 or rules.owners is None or owner in rules.owners:
        return None
    return refusal(
        "hard_link",
        "it is one more name of a file that belongs to another user; drop a copy instead",
    )


def judge_size(size: int, rules: Rules) -> Fault | None:
    """Whether a file is empty or too large, before anything of it is read."""
    if size == 0 and not rules.allow_empty:
        return refusal("empty", "the file is empty")
    if size > rules.max_size:
        return refusal(
            "too_large", f"{size:,} bytes are more than the {rules.max_size:,} of max_size"
        )
    return None


def judge_type(
    media_type: str, name: bytes, rules: Rules
) -> tuple[tuple[Check, ...], Fault | None]:
    """Whether content of this type is accepted under this name; the checks say what was seen."""
    note, fault = _judge_name(media_type, name)
    accepted = accepts(rules.accept, media_type)
    if fault is None and not accepted and is_link_file(name):
        fault = refusal(
            "link_file", "it holds an address only, and this inbox has no `links` that allow it"
        )
    elif fault is None and not accepted:
        fault = refusal(
            "type_not_accepted", f"{media_type} is not among the types that this inbox accepts"
        )
    check = Check("type", accepted, media_type)
    return ((check, note) if note else (check,)), fault


def _judge_name(media_type: str, name: bytes) -> tuple[Check | None, Fault | None]:
    """What the extension is worth: a note where it names another type, refused if another kind.

    Unknown content and unknown extensions are never held against each other.
    """
    claimed = claimed_type(name)
    if claimed is None or canonical(claimed) == canonical(media_type):
        return None, None
    content = kind(media_type)
    if content is Group.UNKNOWN:
        return None, None
    detail = f".{extension(name)} says {claimed}, the content is {media_type}"
    note = Check("extension", ok=False, detail=detail)
    if content is kind(claimed):
        return note, None
    return note, refusal("type_mismatch", detail)


@lru_cache(maxsize=1024)
def accepts(patterns: tuple[str, ...], media_type: str) -> bool:
    """Whether one of some patterns, such as `image/jpeg`, `audio/*` or `*/*`, takes a type."""
    wanted = canonical(media_type)
    return any(fnmatchcase(wanted, canonical(pattern)) for pattern in patterns)
