"""What the children of these tests run: one target that can be told to go wrong in every way."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

from daemon.children import landlock, seccomp
from daemon.children.asking import ask
from daemon.children.frames import JSON
from daemon.errors import Kind, RefusedError


def echo(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """Answers with what it was asked, its setup, its process and how often it was asked."""
    count = 0

    def answer(request: JSON, descriptor: int | None) -> JSON:
        nonlocal count
        count += 1
        return {"request": request, "setup": setup, "pid": os.getpid(), "count": count}

    return answer


def read(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """Answers with what the descriptor leads to."""

    def answer(request: JSON, descriptor: int | None) -> JSON:
        if descriptor is None:
            return None
        return os.pread(descriptor, 100, 0).decode()

    return answer


def misbehave(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """Does the wrong thing that the request names."""

    def answer(request: JSON, descriptor: int | None) -> JSON:
        assert isinstance(request, str)
        return _WRONGS[request]()

    return answer


def _raise() -> JSON:
    raise ValueError("not like this")


def _refuse() -> JSON:
    raise RefusedError("odd", "an odd thing", kind=Kind.TRANSIENT)


def _segfault() -> JSON:
    os.kill(os.getpid(), signal.SIGSEGV)
    return None


def _exit() -> JSON:
    os._exit(7)


def _wait() -> JSON:
    time.sleep(600)
    return None


def _hold_interpreter() -> JSON:
    """Waits in C without letting any other thread of the child run."""
    ctypes.PyDLL(None).sleep(600)
    return None


def _hang_up() -> JSON:
    os.closerange(3, 100)
    time.sleep(600)
    return None


def _eat() -> JSON:
    return len(bytearray(1 << 40))


def _spin() -> JSON:
    while True:
        pass


def _shout() -> JSON:
    return "x" * (1 << 20)


def _mumble() -> JSON:
    return {1, 2}  # type: ignore[return-value]


def _secret() -> JSON:
    return os.environ.get("INBOXD_TEST_SECRET")


def _start_another() -> JSON:
    """Starts a process of its own and tells its number."""
    return subprocess.Popen(["/bin/sleep", "600"]).pid


def _network(kind: int) -> JSON:
    socket.socket(kind).close()
    return None


def _connect() -> JSON:
    with socket.socket(fileno=os.dup(3)) as ours:
        ours.connect("/run/nowhere")
    return None


def _write(path: str, flags: int) -> JSON:
    os.close(os.open(path, flags, 0o600))
    return None


def _scratch() -> str:
    return os.environ["TMPDIR"] + "/scratch"


def _ptrace() -> JSON:
    return _libc("ptrace", 16, os.getppid(), 0, 0)  # PTRACE_ATTACH


def _libc(name: str, *arguments: int) -> JSON:
    """Call the C library; raises the OSError that it reports."""
    libc = ctypes.CDLL(None, use_errno=True)
    result: int = getattr(libc, name)(*map(ctypes.c_long, arguments))
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _look_into_parent() -> JSON:
    with open(f"/proc/{os.getppid()}/environ", "rb") as file:
        return len(file.read())


def _map_code() -> JSON:
    """A thread, memory and the clock: what every parser needs."""
    threading.Thread(target=time.monotonic).start()
    return len(bytearray(1 << 20)) + len(os.urandom(8))


REACHES: dict[str, Callable[[], JSON]] = {
    "open a TCP socket": lambda: _network(socket.AF_INET),
    "open a TCP socket of IPv6": lambda: _network(socket.AF_INET6),
    "open a Unix socket": lambda: _network(socket.AF_UNIX),
    "open a netlink socket": lambda: _network(socket.AF_NETLINK),
    "connect a socket that it has": _connect,
    "make a file": lambda: _write(_scratch(), os.O_WRONLY | os.O_CREAT),
    "open a file for writing": lambda: _write(_scratch() + ".there", os.O_RDWR),
    "empty a file": lambda: os.truncate(_scratch() + ".there", 0),
    "make a folder": lambda: os.mkdir(_scratch()),
    "make a link": lambda: os.symlink("/", _scratch()),
    "make a pipe with a name": lambda: os.mkfifo(_scratch()),
    "rename a file": lambda: os.rename(_scratch() + ".there", _scratch()),
    "remove a file": lambda: os.unlink(_scratch() + ".there"),
    "change the rights of a file": lambda: os.chmod(_scratch() + ".there", 0o777),
    "change the times of a file": lambda: os.utime(_scratch() + ".there", (0, 0)),
    "read a file of its user": lambda: _write(_scratch() + ".there", os.O_RDONLY),
    "read the environment of its parent": _look_into_parent,
    "list a folder of its user": lambda: len(os.listdir(os.environ["TMPDIR"])),
    "start a program": lambda: subprocess.run(["/bin/true"], check=False).returncode,
    "become a program": lambda: os.execv("/bin/true", ["true"]),
    "fork": os.fork,
    "attach to its parent": _ptrace,
    "kill its parent": lambda: os.kill(os.getppid(), signal.SIGUSR1),
    "kill a thread of its parent": lambda: _libc("tgkill", os.getppid(), os.getppid(), 0),
    "kill everybody": lambda: os.kill(-1, 0),
    "kill another group": lambda: os.killpg(os.getpgid(os.getppid()), 0),
    "leave its session": os.setsid,
    "make a name space": lambda: _libc("unshare", 0x10000000),
    "change its parent's limits": lambda: resource.prlimit(
        os.getppid(), resource.RLIMIT_CORE, (0, 0)
    ),
    "raise its own limits": lambda: resource.setrlimit(
        resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    ),
    "use io_uring": lambda: _libc("syscall", 425, 1, 0),
    "use a call that is newer than we know": lambda: _libc("syscall", 600),
}
"""What a parser that was taken over might try; each raises OSError or ValueError if refused."""
NEEDS: dict[str, Callable[[], JSON]] = {"work": _map_code}


def reach(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """Tries what the request names; answers with the refusal, or None if it went through."""

    def answer(request: JSON, descriptor: int | None) -> JSON:
        assert isinstance(request, str)
        before = os.getpid()
        try:
            (REACHES | NEEDS)[request]()
        except (OSError, ValueError) as error:
            return str(error)
        if os.getpid() != before:
            os._exit(0)
        return None

    return answer


def reach_without_seccomp(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """As `reach`, on a kernel without seccomp."""
    seccomp.install = lambda **_: False
    return reach(setup)


if os.environ.get("TZ") == "without-landlock":  # imported before a child is confined
    landlock.version = lambda: 0


def started(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """Starts the program that the request names; answers with its status."""

    def answer(request: JSON, descriptor: int | None) -> JSON:
        assert isinstance(request, list)
        command = [str(word) for word in request]
        return subprocess.run(command, capture_output=True, check=False).returncode

    return answer


_WRONGS: dict[str, Callable[[], JSON]] = {
    "raise": _raise,
    "refuse": _refuse,
    "segfault": _segfault,
    "exit": _exit,
    "wait": _wait,
    "hold": _hold_interpreter,
    "hang up": _hang_up,
    "eat": _eat,
    "spin": _spin,
    "shout": _shout,
    "mumble": _mumble,
    "secret": _secret,
    "start another": _start_another,
    "pid": os.getpid,
    "abort": os.abort,
}


def overstep(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """Uses more of something until it is refused; answers with how far it came, and the refusal."""

    def answer(request: JSON, descriptor: int | None) -> JSON:
        assert isinstance(request, str)
        used = 0
        try:
            for amount in _OVERSTEPS[request]():
                used += amount
        except OSError as error:
            return [used, errno.errorcode[error.errno or 0]]
        return [used, None]

    return answer


def _write_on() -> Iterator[int]:
    """Bytes of one file that grows for ever; it has no name and goes with this process."""
    with os.fdopen(os.memfd_create("grows"), "wb", buffering=0) as file:
        while True:
            yield file.write(bytes(1 << 20))


def _open_on() -> Iterator[int]:
    """Descriptors, one after another."""
    held = []
    try:
        while True:
            held.append(os.dup(0))
            yield 1
    finally:
        for descriptor in held:
            os.close(descriptor)


def _core() -> Iterator[int]:
    """Bytes that may be left of this process when it crashes, by either limit."""
    yield from resource.getrlimit(resource.RLIMIT_CORE)


_OVERSTEPS = {"write on": _write_on, "open on": _open_on, "leave a core": _core}


def curious(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """Asks its parent what it is asked itself."""

    def answer(request: JSON, descriptor: int | None) -> JSON:
        assert isinstance(request, list)
        return [ask(question) for question in request]

    return answer


def broken(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """A factory that does not get done."""
    raise RuntimeError("no model file")


def deadly(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """A factory that takes its process with it."""
    os._exit(3)
