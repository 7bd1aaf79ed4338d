"""Deciding about one file: opened once, hashed, typed, judged, and proven in a child."""

from __future__ import annotations

import errno
import os
import signal
import stat
import threading

from daemon import turns
from daemon.children.errors import ChildDiedError, ChildFailedError, ChildTimeoutError
from daemon.children.frames import JSON
from daemon.children.limits import ChildLimits
from daemon.children.pool import ChildPool
from daemon.errors import Fault, InboxdError, Kind
from daemon.files import environment_fault, is_environment, open_regular
from daemon.limits import Limits
from daemon.validation.bounds import Bounds
from daemon.validation.content import Content, check_unchanged, read_content
from daemon.validation.kinds import (
    PROVABLE,
    claimed_type,
    extension,
    is_link_file,
    settled_type,
)
from daemon.validation.media_type import detect
from daemon.validation.polyglots import also
from daemon.validation.rules import Rules, judge_links, judge_size, judge_type, refusal
from daemon.validation.scanning import Guard, judge_scan
from daemon.validation.signatures import UNKNOWN
from daemon.validation.verdict import Check, Verdict

_UNPROVEN = Check("proof", ok=True, detail="not looked into: there is no parser for this type")
_PROVEN = Check("proof", ok=True, detail="decoded by a strict parser")
_LINK = "application/x-link"
_LARGEST_LINK = 64 * 1024
"""Bytes of a link file; real ones have a few hundred."""
_ATTEMPTS = 2
"""A child's death becomes a verdict when it happens again; the first may be an accident of ours."""
_OUT_OF_MEMORY = {
    # PDFium and libstdc++ abort when an allocation fails; the kernel kills what takes too much.
    "memory",
    *(f"signal {number:d}" for number in (signal.SIGABRT, signal.SIGKILL)),
    *(f"signal {number:d}" for number in (signal.SIGILL, signal.SIGTRAP)),
}


def proving_pool(limits: Limits, size: int) -> ChildPool:
    """Children that prove files for a `Validator`, started when first needed."""
    return ChildPool(
        "daemon.validation.proof:prover",
        name="validation",
        size=size,
        limits=ChildLimits(
            memory=limits.prove_memory,
            # Less than the wall time: who meets that one was kept waiting and may try again.
            cpu=limits.prove_timeout * 2 / 3,
            tasks=limits.child_tasks,
        ),
    )


class Validator:
    """Finds out what a file is and whether it may leave the machine; any thread may ask."""

    def __init__(self, pool: ChildPool, limits: Limits, guard: Guard | None = None) -> None:
        self._pool = pool
        self._limits = limits
        self.guard = guard

    def inspect(self, path: bytes, name: bytes, rules: Rules, stop: threading.Event) -> Verdict:
        """The verdict on the file at `path` that was dropped as `name`.

        Raises InboxdError of kind transient with `changed` or `vanished` if the file does not hold
        still, EnvironmentFaultError if our machine is at fault, ScannerTroubleError if the file has
        to wait for the virus scanner, StoppedError on `stop`.
        """
        try:
            descriptor = open_regular(path)
        except OSError as error:
            return _verdict_unopened(path, error)
        try:
            return self._inspect_open(descriptor, name, rules, stop)
        except OSError as error:
            raise _reading_fault(error) from error
        finally:
            os.close(descriptor)

    def _inspect_open(
        self, descriptor: int, name: bytes, rules: Rules, stop: threading.Event
    ) -> Verdict:
        """The verdict on an open file."""
        before = os.fstat(descriptor)
        size = before.st_size
        if fault := judge_links(before.st_nlink, before.st_uid, rules):
            return Verdict(size, None, None, (Check("file", False, "a hard link"),), fault)
        if fault := judge_size(size, rules):
            return Verdict(size, None, None, (Check("size", False, f"{size} bytes"),), fault)
        content, checks, fault = self._read(descriptor, before, stop)
        if fault is not None:
            return Verdict(size, content.sha256, None, checks, fault)
        if rules.links and is_link_file(name):
            return self._inspect_link(descriptor, extension(name), content, checks, stop)
        if not size:
            return Verdict(0, content.sha256, UNKNOWN, checks)
        media_type = _media_type(content, name)
        seen, fault = judge_type(media_type, name, rules)
        checks += seen
        if others := also(media_type, content.head, content.tail):
            checks += (Check("polyglot", False, f"the file is also {' and '.join(others)}"),)
        if fault is None:
            proven, fault = self._prove(descriptor, media_type, rules, stop)
            checks += proven
            if media_type in PROVABLE:
                check_unchanged(descriptor, before)
        return Verdict(size, content.sha256, media_type, checks, fault)

    def _inspect_link(
        self,
        descriptor: int,
        kind: str,
        content: Content,
        checks: tuple[Check, ...],
        stop: threading.Event,
    ) -> Verdict:
        """The verdict on a link file, with the address in it."""
        if content.size > _LARGEST_LINK:
            fault = refusal("too_large", f"a link file of {content.size:,} bytes is none")
            return Verdict(content.size, content.sha256, _LINK, checks, fault)
        found, refused = self._ask(descriptor, {"link": kind}, stop)
        link = found[0].detail if found else None
        noted = tuple(Check("link", True, check.detail.partition("?")[0]) for check in found)
        return Verdict(content.size, content.sha256, _LINK, (*checks, *noted), refused, link)

    def _read(
        self, descriptor: int, before: os.stat_result, stop: threading.Event
    ) -> tuple[Content, tuple[Check, ...], Fault | None]:
        """The file's content in one pass, hashed and scanned for viruses where that is wanted."""
        checks: tuple[Check, ...] = (Check("size", True, f"{before.st_size} bytes"),)
        guard, block = self.guard, self._limits.read_block
        if guard is None or not before.st_size:
            return read_content(descriptor, before, block, stop), checks, None
        with turns.waiting(), guard.scanner.scan(stop) as scan:
            content = read_content(descriptor, before, block, stop, scan.feed)
            check, fault = judge_scan(scan, guard.when_down)
        return content, (*checks, check), fault

    def _prove(
        self, descriptor: int, media_type: str, rules: Rules, stop: threading.Event
    ) -> tuple[tuple[Check, ...], Fault | None]:
        """What a strict parser finds, where there is one for this type."""
        if media_type not in PROVABLE:
            return (_UNPROVEN,), None
        bounds = Bounds(media_type, min(rules.max_pages, self._limits.frames), rules.max_pixels)
        checks, fault = self._ask(descriptor, bounds.request(), stop)
        outcome = Check("proof", ok=False, detail=fault.message) if fault else _PROVEN
        return (*checks, outcome), fault

    def _ask(
        self, descriptor: int, request: JSON, stop: threading.Event
    ) -> tuple[tuple[Check, ...], Fault | None]:
        """A child's findings, or what its end says about the file."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = self._pool.run(
                    request, descriptor, timeout=self._limits.prove_timeout, stop=stop
                )
            except ChildDiedError as error:
                if attempt == _ATTEMPTS or error.reason == "cpu":
                    return (), _fault_of_death(error.reason)
            except ChildTimeoutError as error:
                if attempt == _ATTEMPTS:
                    message = f"its parser was not done within {error.seconds:g} s"
                    return (), refusal("too_complex", message)
            except ChildFailedError as error:
                if error.origin is not None and error.origin.kind is not Kind.PERMANENT:
                    origin = error.origin
                    raise InboxdError(origin.code, origin.message, kind=origin.kind) from error
                message = f"its content is damaged, send it again or export it anew: {error.type}"
                return (), refusal("damaged", message)
            else:
                return _findings(answer)
        raise AssertionError("unreachable")


def _findings(answer: JSON) -> tuple[tuple[Check, ...], Fault | None]:
    """A proving child's answer as facts; see `daemon.validation.proof.prove` for its shape."""
    assert isinstance(answer, dict)
    seen, refused = answer["checks"], answer["refusal"]
    assert isinstance(seen, list)
    checks = tuple(
        Check(str(check[0]), bool(check[1]), str(check[2]))
        for check in seen
        if isinstance(check, list)
    )
    if not isinstance(refused, list):
        return checks, None
    return checks, refusal(str(refused[0]), str(refused[1]))


def _fault_of_death(reason: str) -> Fault:
    """What the end of a parser says about the file that it was given."""
    if reason == "cpu":
        return refusal("too_complex", "its parser used up its processor time")
    if reason in _OUT_OF_MEMORY:
        return refusal("too_large_to_parse", f"its parser needs too much memory ({reason})")
    return refusal("too_complex", f"its parser broke down on it ({reason})")


def _media_type(content: Content, name: bytes) -> str:
    """The type by content; where the bytes fit several, the one that the name claims."""
    detected = detect(content.head, content.tail, content.size)
    return settled_type(detected, claimed_type(name))


def _verdict_unopened(path: bytes, error: OSError) -> Verdict:
    """A refusal of what is no file; raises as `Validator.inspect` does for all else."""
    if error.errno in (errno.ELOOP, errno.EINVAL, errno.ENXIO):
        what = _what_it_is(path)
        fault = refusal("not_a_regular_file", f"{what} is not a file; its content is not touched")
        return Verdict(0, None, None, (Check("file", ok=False, detail=what),), fault)
    if error.errno in (errno.EACCES, errno.EPERM) and os.path.lexists(path):
        # We can see it in its folder, so it is this one file and no reason to stop the others.
        fault = refusal(
            "not_readable", "the daemon's user may not read the file; give it the right and retry"
        )
        size = os.lstat(path).st_size
        return Verdict(size, None, None, (Check("file", ok=False, detail="not readable"),), fault)
    raise _reading_fault(error) from error


def _reading_fault(error: OSError) -> InboxdError:
    """What a failure to open or read a file means."""
    if is_environment(error):
        return environment_fault(error, "reading a file")
    if error.errno == errno.ENOENT:
        return InboxdError("vanished", "the file is no longer there", kind=Kind.TRANSIENT)
    return InboxdError("cannot_read", f"reading a file: {error.strerror}", kind=Kind.TRANSIENT)


def _what_it_is(path: bytes) -> str:
    """A word for what is not a regular file."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return "this"
    words = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFDIR: "a folder",
    }
    return words.get(stat.S_IFMT(mode), "this")
