"""What `inboxd check` looks at: folders, OCR, the virus scanner, destinations; one finding each."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.cli.output import Exit, exit_code, printable
from daemon.errors import ConfigError, InboxdError

if TYPE_CHECKING:
    from daemon.config.model import Config, InboxConfig
    from daemon.config.places import Document

_BLOCK = 1 << 20
_MOST_SHOWN = 256 << 20
"""Bytes that the virus scanner is shown at most, to see that it takes them."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was looked at: the key that it belongs to, and what came of it.

    `fault` is the exit code that it calls for, None where nothing is wrong. What is allowed and
    `unsafe` is no fault, and still to be told. What nobody can know yet is not `known`. `subject`
    is set for destinations, and is one of those in delivery/destination.py.
    """

    key: str
    message: str
    fault: Exit | None = None
    unsafe: bool = False
    known: bool = True
    subject: str | None = None

    @property
    def state(self) -> str:
        """In a word: `ok`, `warning`, `unknown` or `fault`."""
        if self.fault is not None:
            return "fault"
        if self.unsafe:
            return "warning"
        return "ok" if self.known else "unknown"

    @property
    def line(self) -> str:
        """All of it for people."""
        subject = f"{self.subject}: " if self.subject else ""
        return f"{self.key}: {subject}{self.message}"


def everything(config: Config, document: Document, *, offline: bool) -> Iterator[Found]:
    """Look at all that a configuration names; with `offline` at this machine only."""
    from daemon.config.unsafe import unsafe  # noqa: PLC0415  # slow to import

    yield Found("inboxes", f"{document.file} is a valid configuration")
    for found in unsafe(config):
        if found.code != "unconfined":  # the next one tries it
            yield Found(found.key, found.message, unsafe=True)
    yield _confinement(document.file)
    yield _state(config.state)
    for name, inbox in config.inboxes.items():
        yield from _inbox(f"inboxes.{name}", inbox)
    if any(inbox.read != "none" for inbox in config.inboxes.values()):
        yield from _engine(config, offline=offline)
    if config.virus_scan is not None and not offline:
        yield from _scanner(config)
    for name in config.destinations:
        yield from _destination(name, config, offline=offline)


def _confinement(file: str) -> Found:
    """Whether a process that parses files can still do what it has no need to."""
    from daemon.children.witness import loopholes  # noqa: PLC0415

    key = "inboxes"
    try:
        found = loopholes(os.path.abspath(file))
    except InboxdError as error:
        return Found(key, error.message, Exit.ENVIRONMENT)
    if not found:
        return Found(key, "files are parsed without network, other files and other processes")
    could = f"a parser that was taken over could {', '.join(found)}"
    return Found(key, f"{could}; this needs Linux 6.12, Landlock and seccomp", unsafe=True)


def _state(folder: Path) -> Found:
    """Whether the ledger can be kept there, and is nobody else's to write."""
    from daemon.jobs.state_folder import StateFolder  # noqa: PLC0415

    try:
        StateFolder(folder).refuse_open()
    except InboxdError as error:
        return Found("state", error.message, Exit.ENVIRONMENT)
    except OSError:
        pass  # there is none yet, or what keeps us from it is said next
    return _folder("state", folder, _make_or_use(folder))


def _inbox(key: str, inbox: InboxConfig) -> Iterator[Found]:
    writes = inbox.originals != "keep"
    yield _folder(f"{key}.path", inbox.path, _use(inbox.path, writes=writes))
    for end, folder in (
        ("done", inbox.done_folder),
        ("rejected", inbox.rejected_folder),
        ("work", inbox.work_folder),
    ):
        yield _folder(f"{key}.{end}", folder, _make_or_use(folder))
    if writes and _device(inbox.work_folder) != _device(inbox.path):
        yield Found(
            f"{key}.work",
            f"{inbox.work_folder} is on another disk than the inbox, so that taking a file could "
            "not be one step; choose a folder on the same disk",
            Exit.USAGE,
        )


def _folder(key: str, folder: Path, obstacle: str | None) -> Found:
    if obstacle is not None:
        return Found(key, f"{folder} {obstacle}", Exit.ENVIRONMENT)
    return Found(key, f"{folder} can be used")


def _use(folder: Path, *, writes: bool = True) -> str | None:
    """What keeps us from reading and, unless not `writes`, writing in a folder; else None."""
    if not folder.exists():
        return "does not exist, or lies where we may not look; create it"
    if not folder.is_dir():
        return "is not a folder"
    effective = os.access in os.supports_effective_ids
    rights = os.R_OK | os.X_OK | (os.W_OK if writes else 0)
    if not os.access(folder, rights, effective_ids=effective):
        needed = "read and written" if writes else "read"
        return f"cannot be {needed} by user {os.geteuid()}; give it the rights"
    return _room(folder) if writes else None


def _make_or_use(folder: Path) -> str | None:
    """As `_use`, for a folder that is created where there is room and right for it."""
    if os.path.lexists(folder):
        return _use(folder)
    above = next(parent for parent in folder.parents if parent.exists())
    obstacle = _use(above)
    return f"cannot be created: {above} {obstacle}" if obstacle else None


def _room(folder: Path) -> str | None:
    from daemon.limits import DEFAULT  # noqa: PLC0415
    from daemon.pipeline.environment import Environment  # noqa: PLC0415

    fault = Environment(os.fsencode(folder), {}, DEFAULT).short_of_space()
    return None if fault is None else f"cannot take files: {fault.message}"


def _device(folder: Path) -> int | None:
    """The disk on which a folder lies or would be created."""
    for place in (folder, *folder.parents):
        try:
            return os.stat(place).st_dev
        except OSError:
            continue
    return None


def _engine(config: Config, *, offline: bool) -> Iterator[Found]:
    from daemon.pipeline.ocr import check_service, engine_settings  # noqa: PLC0415
    from daemon.reading.engine import make_engine  # noqa: PLC0415  # loads onnxruntime

    try:
        engine = make_engine(engine_settings(config.ocr))
        yield Found("ocr.engine", f"{engine.name} {engine.version} can be used")
        if config.ocr.engine == "ocrspace":
            check_service(config.ocr, reach=not offline)
            how = "it was not reached (--offline)" if offline else "it took a page"
            yield Found("ocr.endpoint", f"{config.ocr.endpoint}: {how}")
    except ConfigError as error:
        yield from (Found("ocr.engine", problem.message, Exit.USAGE) for problem in error.problems)
    except InboxdError as error:
        yield Found("ocr.engine", error.message, Exit.ENVIRONMENT)
    if config.ocr.words is not None:
        yield from _words(config.ocr.words)


def _words(folder: Path) -> Iterator[Found]:
    """Whether the words of receipts that a person added can be used."""
    from daemon.receipts.word_files import added  # noqa: PLC0415

    try:
        languages = [content["language"] for content in added(folder)]
        yield Found("ocr.words", f"{folder}: words of {', '.join(languages) or 'no language'}")
    except ConfigError as error:
        yield from (Found("ocr.words", str(problem), Exit.USAGE) for problem in error.problems)


def _scanner(config: Config) -> Iterator[Found]:
    """Whether the virus scanner answers, and takes files as large as the inboxes do."""
    from daemon.validation.clamd import ClamdScanner  # noqa: PLC0415

    assert config.virus_scan is not None
    key = "virus_scan.clamd"
    scanner = ClamdScanner(config.virus_scan.clamd, config.virus_scan.timeout)
    try:
        yield Found(key, f"{scanner.name} answers: {scanner.version()}")
        largest = min(max(inbox.max_size for inbox in config.inboxes.values()), _MOST_SHOWN)
        with scanner.scan(threading.Event()) as scan:
            for _ in range(-(-largest // _BLOCK)):
                scan.feed(bytes(_BLOCK))
            scan.signature()
    except InboxdError as error:
        yield Found(key, error.message, Exit.ENVIRONMENT)
    else:
        yield Found(key, f"{scanner.name} takes files of {largest:,} bytes")


def _destination(name: str, config: Config, *, offline: bool) -> Iterator[Found]:
    from daemon.delivery.registry import open_destination  # noqa: PLC0415  # slow to import

    key = f"destinations.{name}"
    try:
        destination = open_destination(name, config.destinations[name])
    except ConfigError as error:
        for problem in error.problems:
            yield Found(problem.where, problem.message, Exit.USAGE)
        return
    except InboxdError as error:
        yield Found(key, error.message, exit_code(error))
        return
    try:
        with contextlib.closing(destination):
            findings = [] if offline else destination.check()
    except InboxdError as error:
        yield Found(key, error.message, exit_code(error))
        return
    except Exception as error:  # noqa: BLE001 - of another package; ours never raise
        yield Found(key, f"type {config.destinations[name].type} is broken: {error!r}", Exit.USAGE)
        return
    if offline:
        yield Found(key, "can be set up; it was not reached (--offline)")
    for finding in findings:
        fault = None if finding.ok else Exit.ENVIRONMENT
        yield Found(
            key, finding.message, fault, known=finding.known, subject=printable(finding.subject)
        )
