"""What no single key shows: folders that meet, names that nothing answers to."""

from __future__ import annotations

import itertools
import os
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import daemon
from daemon.config.destinations import (
    DestinationConfig,
    FolderDestinationConfig,
)
from daemon.config.explain import did_you_mean
from daemon.config.model import Config, InboxConfig
from daemon.config.places import Document

_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})
_FINISHED = ("done", "rejected")
_ENDS = (*_FINISHED, "work")
_FINISHED_ONLY = "what is there counts as finished; choose another folder"


def check(
    document: Document,
    inboxes: Mapping[str, InboxConfig],
    destinations: Mapping[str, DestinationConfig],
    rest: Config | None,
) -> None:
    """Note in the document all that does not fit together between its sections.

    Only sections that are valid on their own are given; `rest` has neither inboxes nor
    destinations. Folders are compared with links resolved.
    """
    for target, destination in destinations.items():
        _secrets_outside(document, target, getattr(destination, "headers", {}))
        if rest is not None and isinstance(destination, FolderDestinationConfig):
            _target_is_state(document, target, destination, rest.state)
    for name, inbox in inboxes.items():
        _own_folders(document, name, inbox)
        _names(document, name, inbox)
        _config_outside(document, name, inbox)
        _code_outside(document, name, inbox)
        _links_moved(document, name, inbox)
        if rest is not None:
            _state_outside(document, name, inbox, rest.state)
        for target, destination in destinations.items():
            if isinstance(destination, FolderDestinationConfig):
                _target_outside(document, name, inbox, target, destination)
                _own_blocks(document, name, inbox, target, destination)
    for (name, inbox), (other, second) in itertools.combinations(inboxes.items(), 2):
        _pair(document, name, inbox, other, second)


def _links_moved(document: Document, name: str, inbox: InboxConfig) -> None:
    """What a link leads to lies in work/, which an inbox that keeps its originals does not use."""
    if inbox.links is not None and inbox.originals == "keep":
        document.complain(
            ("inboxes", name, "links"),
            f"{name} keeps its originals in the inbox, and what links lead to would have no place; "
            "set originals to move or delete",
        )


def same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one folder, through links and mounts too."""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def inside(path: Path, folder: Path) -> bool:
    """Whether a path lies somewhere below a folder, with links resolved."""
    real, above = os.path.realpath(path), os.path.realpath(folder)
    return real != above and os.path.commonpath([real, above]) == above


def _watched(path: Path, inbox: InboxConfig) -> str | None:
    """How an inbox would pick up what lies in `path`; None where it would not."""
    if same(path, inbox.path):
        return "is the inbox itself"
    if inbox.recursive and inside(path, inbox.path):
        return "lies inside the inbox, which is recursive"
    return None


def _end_folder(inbox: InboxConfig, end: str) -> Path:
    folder: Path = getattr(inbox, f"{end}_folder")
    return folder


def _own_folders(document: Document, name: str, inbox: InboxConfig) -> None:
    here = ("inboxes", name)
    for end in _ENDS:
        folder = _end_folder(inbox, end)
        if how := _watched(folder, inbox):
            document.complain(
                (*here, end), f"{folder} {how}; files would be taken in again and again"
            )
        elif inside(inbox.path, folder):
            document.complain((*here, "path"), f"the inbox lies in its own {end} folder {folder}")
        elif os.path.lexists(folder) and not os.path.isdir(folder):
            document.complain((*here, end), f"{folder} is not a folder")
    for end in _FINISHED:
        folder = _end_folder(inbox, end)
        if same(inbox.work_folder, folder):
            document.complain((*here, "work"), f"this is the {end} folder too; give it its own")
        elif inside(inbox.work_folder, folder):
            document.complain((*here, "work"), f"lies in the {end} folder; {_FINISHED_ONLY}")
        elif inside(folder, inbox.work_folder):
            document.complain((*here, end), f"lies in the work folder {inbox.work_folder}; move it")


def _names(document: Document, name: str, inbox: InboxConfig) -> None:
    declared = document.data.get("destinations")
    known = list(declared) if isinstance(declared, dict) else []
    for at, target in enumerate(inbox.deliver):
        here = ("inboxes", name, "deliver", at)
        if target not in known:
            document.complain(
                here, f"there is no destination {target!r}; {did_you_mean(target, known)}"
            )
        elif target in inbox.deliver[:at]:
            document.complain(here, f"{target} is named twice; once is enough")


def _secrets_outside(document: Document, target: str, headers: Mapping[str, str]) -> None:
    for header in headers:
        here = ("destinations", target, "headers", header)
        if header.lower() in _SECRET_HEADERS and here not in document.substituted:
            document.complain(
                here, "this is a secret in the file; use auth, or a variable such as ${NAME}"
            )


def _config_outside(document: Document, name: str, inbox: InboxConfig) -> None:
    if inside(Path(document.file), inbox.path):
        document.complain(
            ("inboxes", name, "path"),
            "this configuration file lies in the inbox, where it would be taken in, or be changed "
            "by whoever drops files; move one of them",
        )


def _code_outside(document: Document, name: str, inbox: InboxConfig) -> None:
    for folder in _code_folders():
        if same(inbox.path, folder) or inside(inbox.path, folder) or inside(folder, inbox.path):
            document.complain(
                ("inboxes", name, "path"),
                f"the inbox and the program in {folder} lie one in the other: whoever drops files "
                "could change what runs; choose another folder",
            )


def _code_folders() -> set[Path]:
    """Where the program, its libraries and its interpreter's are."""
    paths = sysconfig.get_paths()
    found = {paths[kind] for kind in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")}
    return {Path(daemon.__file__).parent, *map(Path, found)}


def _state_outside(document: Document, name: str, inbox: InboxConfig, state: Path) -> None:
    if same(state, inbox.path) or inside(state, inbox.path):
        document.complain(
            ("state",), f"{state} lies in the inbox {name}; the ledger needs a folder of its own"
        )
    elif inside(inbox.path, state):
        document.complain(
            ("inboxes", name, "path"),
            f"the inbox lies in the state folder {state}, which is for the daemon alone; "
            "choose another folder",
        )
    for end in _ENDS:
        if same(state, _end_folder(inbox, end)):
            document.complain(
                ("state",), f"{state} is the {end} folder of {name}; the ledger needs its own"
            )
        elif inside(state, _end_folder(inbox, end)):
            document.complain(
                ("state",), f"{state} lies in the {end} folder of {name}; the ledger needs its own"
            )


def _target_outside(
    document: Document,
    name: str,
    inbox: InboxConfig,
    target: str,
    destination: FolderDestinationConfig,
) -> None:
    here = ("destinations", target, "path")
    if how := _watched(destination.path, inbox):
        document.complain(
            here, f"{destination.path} {how} ({name}); files would be taken in again and again"
        )
    for end in _ENDS:
        if same(destination.path, _end_folder(inbox, end)):
            document.complain(
                here, f"{destination.path} is the {end} folder of {name}; deliver somewhere else"
            )
        elif inside(destination.path, _end_folder(inbox, end)):
            document.complain(
                here,
                f"{destination.path} lies in the {end} folder of {name}, where each file has its "
                "JSON; deliver somewhere else",
            )


def _target_is_state(
    document: Document, target: str, destination: FolderDestinationConfig, state: Path
) -> None:
    if same(destination.path, state):
        document.complain(
            ("destinations", target, "path"),
            f"{state} is the state folder, and a file could have the name of the ledger; deliver "
            "somewhere else",
        )


def _own_blocks(
    document: Document,
    name: str,
    inbox: InboxConfig,
    target: str,
    destination: FolderDestinationConfig,
) -> None:
    linked = destination.method == "hardlink" and target in inbox.deliver
    if linked and inbox.originals == "keep":
        document.complain(
            ("destinations", target, "method"),
            f"{name} keeps its originals, and whoever writes to one would change what was "
            "delivered; use reflink or copy",
        )


def _pair(
    document: Document, name: str, inbox: InboxConfig, other: str, second: InboxConfig
) -> None:
    if same(inbox.path, second.path):
        document.complain(
            ("inboxes", other, "path"),
            f"this is the folder of the inbox {name} too; one folder can have one inbox",
        )
        return
    for outer, outer_inbox, inner, inner_inbox in (
        (name, inbox, other, second),
        (other, second, name, inbox),
    ):
        if _watched(inner_inbox.path, outer_inbox):
            document.complain(
                ("inboxes", inner, "path"),
                f"lies inside the inbox {outer}, which is recursive; both would take its files",
            )
        for end in _ENDS:
            folder = _end_folder(inner_inbox, end)
            if _watched(folder, outer_inbox):
                document.complain(
                    ("inboxes", inner, end),
                    f"{folder} lies in the inbox {outer}, which would take in what is put there",
                )
        for end in _FINISHED:
            folder = _end_folder(outer_inbox, end)
            if inside(inner_inbox.path, folder):
                document.complain(
                    ("inboxes", inner, "path"),
                    f"lies in the {end} folder of the inbox {outer}; {_FINISHED_ONLY}",
                )
            elif same(inner_inbox.work_folder, folder) or inside(inner_inbox.work_folder, folder):
                document.complain(
                    ("inboxes", inner, "work"),
                    f"lies in the {end} folder of the inbox {outer}; {_FINISHED_ONLY}",
                )
