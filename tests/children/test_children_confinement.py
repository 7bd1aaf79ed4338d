"""What a child can no longer do once it sees files: each is tried, from the inside."""

from __future__ import annotations

import errno
import os
import platform
import resource
import signal
import struct
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from daemon.children import confinement, landlock, seccomp, syscalls
from daemon.children.confinement import Profile
from daemon.children.errors import ChildDiedError
from daemon.children.limits import ChildLimits
from daemon.children.pool import ChildPool
from tests.children.targets import NEEDS, REACHES
from tests.reliability.report import Outcome

LIMITS = ChildLimits(memory=512 << 20, cpu=5.0)
PROGRAMS_MAY = {"start a program", "become a program", "fork", "open a file for writing"}
"""What the profile for programs has to allow, or leaves to Landlock alone."""


class Reach(Protocol):
    """Has a child try something; returns its refusal, None where it went through."""

    def __call__(self, profile: Profile, what: str, target: str = "reach") -> object: ...


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file that anybody may write, in a folder that the children are told of."""
    folder = tmp_path_factory.mktemp("scratch")
    folder.chmod(0o777)
    there = folder / "scratch.there"
    there.write_text("as it was")
    there.chmod(0o666)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        yield there


@pytest.fixture(scope="module")
def pools(scratch: Path) -> Iterator[dict[str, ChildPool]]:
    """A pool for each way to be confined, kept for the next attempt: a refusal harms no child."""
    made: dict[str, ChildPool] = {}
    yield made
    for pool in made.values():
        pool.close()


@pytest.fixture
def reach(pools: dict[str, ChildPool]) -> Reach:
    """Has a child of a profile try something."""

    def run(profile: Profile, what: str, target: str = "reach") -> object:
        key = f"{profile} {target} {os.environ.get('TZ')}"
        if key not in pools:
            name = f"{__package__}.targets:{target}"
            pools[key] = ChildPool(name, name="reach", size=1, limits=LIMITS, profile=profile)
        return pools[key].run(what, timeout=20)

    return run


@pytest.fixture(autouse=True)
def unharmed(scratch: Path) -> Iterator[None]:
    """Neither this process nor the file gets anything of what a child tries."""
    seen = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: seen.set())
    yield
    signal.signal(signal.SIGUSR1, before)
    assert not seen.is_set()
    assert scratch.read_text() == "as it was"
    assert [path.name for path in scratch.parent.iterdir()] == ["scratch.there"]


@pytest.mark.reliability(
    "Least privilege", "a parser that tries to {what}", "refused by the kernel"
)
@pytest.mark.parametrize("what", REACHES)
def test_a_sealed_child_is_refused(what: str, reach: Reach, outcome: Outcome) -> None:
    """Neither the network, nor a file, nor another process can be reached."""
    refusal = reach(Profile.SEALED, what)
    assert refusal is not None
    outcome(str(refusal).partition(":")[0])


@pytest.mark.parametrize("what", sorted(set(REACHES) - PROGRAMS_MAY))
def test_a_child_that_starts_programs_is_refused_the_rest(what: str, reach: Reach) -> None:
    """Starting a program is all that it may do more."""
    assert reach(Profile.PROGRAMS, what) is not None


@pytest.mark.parametrize("what", ["start a program", *NEEDS])
def test_a_child_that_starts_programs_can(what: str, reach: Reach) -> None:
    """A program of the system is started, and waited for."""
    assert reach(Profile.PROGRAMS, what) is None


def test_a_program_that_is_started_is_held_too(scratch: Path) -> None:
    """What a program may not do its children may not either."""
    target = f"{__package__}.targets:started"
    pool = ChildPool(target, name="x", size=1, limits=LIMITS, profile=Profile.PROGRAMS)
    try:
        for script in (f"echo x > {scratch}", f"cat {scratch}", "exec 3<>/dev/tcp/127.0.0.1/9"):
            assert pool.run(["/bin/bash", "-c", script], timeout=20) != 0
        assert pool.run(["/bin/bash", "-c", "true"], timeout=20) == 0
    finally:
        pool.close()


def test_what_a_parser_needs_is_left(reach: Reach) -> None:
    """Threads, memory, time and chance."""
    assert reach(Profile.SEALED, "work") is None


def test_an_open_child_gives_up_nothing(reach: Reach) -> None:
    """It is for what nobody can know the needs of."""
    assert reach(Profile.OPEN, "read a file of its user") is None
    assert reach(Profile.OPEN, "open a Unix socket") is None


WITHOUT_SECCOMP = (
    *("make a file", "open a file for writing", "empty a file", "remove a file", "make a folder"),
    *("read a file of its user", "read the environment of its parent", "attach to its parent"),
    *("kill its parent", "start a program", "list a folder of its user"),
)
WITHOUT_LANDLOCK = sorted(
    set(REACHES)
    - {"read a file of its user", "list a folder of its user", "read the environment of its parent"}
)


@pytest.mark.parametrize("what", WITHOUT_SECCOMP)
def test_landlock_alone_keeps_files_and_processes(what: str, reach: Reach) -> None:
    """On a processor whose calls we do not know most of it still holds."""
    assert reach(Profile.SEALED, what, "reach_without_seccomp") is not None


@pytest.mark.parametrize("what", WITHOUT_LANDLOCK)
def test_the_filter_alone_lets_out_nothing(
    what: str, reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On an older kernel other files can be read, but neither written nor sent anywhere."""
    monkeypatch.setenv("TZ", "without-landlock")
    assert reach(Profile.SEALED, what) is not None


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here nothing is; elsewhere `check` says in words what a parser could do."""
    assert confinement.missing() == []
    monkeypatch.setattr(landlock, "version", lambda: 0)
    monkeypatch.setattr(seccomp, "is_available", lambda: False)
    assert len(confinement.missing()) == 2
    assert "can use the network" in confinement.missing()[1]


def test_an_unknown_processor_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the filter is left out, since the numbers of its calls are not known."""
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert syscalls.column() is None
    assert not seccomp.is_available()
    assert not seccomp.install(programs=False)


@pytest.mark.parametrize("at", range(len(syscalls.ARCHITECTURES)))
@pytest.mark.parametrize("programs", [False, True])
def test_every_jump_of_the_filter_stays_inside(at: int, programs: bool) -> None:
    """Each instruction leads to another one, and the last is a verdict."""
    found = seccomp.filter_program(at, programs=programs)
    returns = 0x06
    for place, (code, yes, no, _operand) in enumerate(found):
        if code != returns:
            assert place + 1 + max(yes, no) < len(found)
    assert found[-1][0] == returns
    assert len(found) < 4096


@pytest.mark.parametrize("at", range(len(syscalls.ARCHITECTURES)))
def test_no_number_stands_for_two_calls(at: int) -> None:
    """The tables agree with each other."""
    tables = (syscalls.NETWORK, syscalls.PROGRAMS, syscalls.FILES, syscalls.OTHERS)
    found = [
        number
        for table in (*tables, syscalls.JUDGED)
        for pair in table.values()
        if (number := pair[at]) is not None
    ]
    assert len(found) == len(set(found))
    assert max(found) <= syscalls.LAST


ERRNO, ALLOW, KILL = 0x00050000, 0x7FFF0000, 0x80000000


def ruling(program: Sequence[seccomp.Instruction], data: bytes) -> int:
    """What a filter says about a call, run as the kernel would (bpf(4), seccomp_data)."""
    place = value = 0
    while True:
        code, yes, no, operand = program[place]
        place += 1
        match code:
            case 0x20:
                (value,) = struct.unpack_from("<I", data, operand)
            case 0x06:
                return operand
            case 0x15:
                place += yes if value == operand else no
            case 0x25:
                place += yes if value > operand else no
            case 0x35:
                place += yes if value >= operand else no
            case 0x45:
                place += yes if value & operand else no


def called(number: int, *arguments: int, machine: int) -> bytes:
    """A call as a filter sees it."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    return struct.pack("<IIQ6Q", number, machine, 0, *padded)


@pytest.mark.parametrize("at", range(len(syscalls.ARCHITECTURES)))
@pytest.mark.parametrize("programs", [False, True])
def test_the_filter_rules_as_it_is_meant_on_every_architecture(at: int, programs: bool) -> None:
    """Run by hand, since no machine is all of them: what is listed is refused, the rest is not."""
    found = seccomp.filter_program(at, programs=programs)
    machine = list(syscalls.ARCHITECTURES.values())[at]

    def says(number: int, *arguments: int) -> int:
        return ruling(found, called(number, *arguments, machine=machine))

    refused = [syscalls.NETWORK, syscalls.FILES, syscalls.OTHERS]
    refused += [] if programs else [syscalls.PROGRAMS]
    named = {number for table in refused for number in syscalls.numbers(table, at)}
    judged = set(syscalls.numbers(syscalls.JUDGED, at))
    for number in range(syscalls.LAST + 1):
        if number not in judged:
            assert says(number) == (ERRNO | errno.EPERM if number in named else ALLOW), number
    assert says(syscalls.LAST + 1) == ERRNO | errno.ENOSYS
    assert says(0x40000000) == ERRNO | errno.ENOSYS
    assert ruling(found, called(1, machine=0x40000003)) == KILL
    number = {name: pair[at] for name, pair in syscalls.JUDGED.items()}
    own, parent, no = os.getpid(), os.getppid(), ERRNO | errno.EPERM
    openat, clone, kill = number["openat"], number["clone"], number["kill"]
    limits, signal_one = number["prlimit64"], number["tgkill"]
    assert openat is not None
    assert clone is not None
    assert kill is not None
    assert limits is not None
    assert signal_one is not None
    assert says(openat, 0, 0, os.O_RDONLY | os.O_CLOEXEC) == ALLOW
    assert says(openat, 0, 0, os.O_RDWR) == (ALLOW if programs else no)
    assert says(clone, 0x003D0F00) == ALLOW  # a thread, as glibc makes one
    assert says(clone, signal.SIGCHLD) == (ALLOW if programs else no)
    assert says(clone, 0x10000000 | signal.SIGCHLD) == no
    assert says(kill, -os.getpgrp() % (1 << 64), 9) == ALLOW
    assert says(kill, own, 9) == ALLOW
    assert says(kill, parent, 9) == says(kill, -1 % (1 << 64), 9) == no
    assert says(signal_one, own, 1, 6) == ALLOW
    assert says(signal_one, parent, 1, 6) == no
    assert says(limits, 0, resource.RLIMIT_CPU, 1 << 40) == ALLOW
    assert says(limits, own, resource.RLIMIT_AS, 0, 1 << 40) == ALLOW
    assert says(limits, 0, resource.RLIMIT_AS, 1 << 40) == no
    assert says(limits, 0, resource.RLIMIT_AS, 1) == says(limits, parent) == no


def test_a_death_in_a_confined_child_is_still_told() -> None:
    """Aborting and crashing work as before: a parser's end is a fact about its file."""
    target = f"{__package__}.targets:misbehave"
    pool = ChildPool(target, name="x", size=1, limits=LIMITS)
    try:
        with pytest.raises(ChildDiedError) as caught:
            pool.run("abort", timeout=20)
        assert caught.value.reason == f"signal {signal.SIGABRT:d}"
    finally:
        pool.close()
