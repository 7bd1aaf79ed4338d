"""Receivers that are down for long, ask for patience, or cannot be reached as they should."""

from __future__ import annotations

import datetime as dt
import os
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.config.load import load
from daemon.jobs.model import State
from daemon.service import Service
from tests.exchange import Exchange
from tests.receiver import KEY, Receiver, ok, status
from tests.reliability.nursery import ROOT
from tests.reliability.report import Outcome
from tests.running import QUICK, Daemon, http
from tests.waiting import wait_until
from tests.writers.arrivals import Arrivals

pytestmark = pytest.mark.system
HOUR = 3600.0


class QuickClock:
    """A wall clock on which an hour takes a fraction of a second; waits take as long as ever."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._began = time.monotonic()
        self._first = time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def now(self) -> float:
        """Seconds since 1970."""
        return self._first + (time.monotonic() - self._began) * self._speed

    def slow_down(self, speed: float) -> None:
        """Go on from now at another speed."""
        self._first, self._began, self._speed = self.now(), time.monotonic(), speed


class Timed(Daemon):
    """A daemon with a clock of the test's."""

    clock = QuickClock(1.0)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        config = load(self.config_path)
        self.service = Service(
            config, self.log, path=self.config_path, limits=self._limits, clock=self.clock
        )
        self._ready.clear()
        self._thread = threading.Thread(target=self._run, name="service", daemon=True)
        self._thread.start()
        wait_until(lambda: self._ready.is_set() or self._error, "the daemon to be ready")
        if self._error is not None:
            raise self._error


@pytest.mark.reliability(
    "Faults", "the receiver is down for 30 simulated hours", "parks; all delivered once it is back"
)
def test_thirty_hours(tmp_path: Path, outcome: Outcome) -> None:
    """Ten files wait for a server that refuses connections, each with growing pauses."""
    with Receiver() as receiver:
        port = receiver.port
    rest = http(f"http://127.0.0.1:{port}/").replace("give_up_after: 1h", "give_up_after: 48h")
    daemon = Timed(
        tmp_path, inbox="deliver: [server]", rest=rest, limits=replace(QUICK, park_max=900.0)
    )
    daemon.clock = QuickClock(30 * HOUR / 6.0)
    with daemon:
        began = daemon.clock.now()
        for number in range(10):
            daemon.drop(f"{number}.bin", b"%d" % number)
        wait_until(lambda: daemon.clock.now() - began > 30 * HOUR, "thirty hours")
        daemon.clock.slow_down(HOUR / 2.0)  # 36 seconds are left until they are given up
        assert not daemon.jobs(State.FAILED)
        assert not daemon.jobs(State.DONE)
        with Receiver(port=port) as receiver:
            daemon.wait_for(State.DONE, 10, 40)
            assert len(receiver.contents) == len(receiver.requests) == 10
    outcome("10 of 10 delivered, each once")


@pytest.mark.reliability(
    "Faults",
    "a storm of 429: three of four requests for a while",
    "slows down; all delivered, once",
)
def test_a_storm_of_429(tmp_path: Path, outcome: Outcome) -> None:
    """Twelve files to a server that takes one in four until the twentieth request."""
    lock = threading.Lock()
    number = 0

    def stormy(exchange: Exchange) -> None:
        nonlocal number
        with lock:
            number += 1
            takes = number % 4 == 0 or number > 30
        (ok() if takes else status(429, Retry_After="0"))(exchange)

    with Receiver(otherwise=stormy) as receiver:
        rest = http(receiver.url)
        with Daemon(tmp_path, inbox="deliver: [server]", rest=rest) as daemon:
            for each in range(12):
                daemon.drop(f"{each}.bin", b"%d" % each)
            daemon.wait_for(State.DONE, 12, 60)
            assert len(receiver.contents) == 12
            assert not daemon.jobs(State.FAILED)
        outcome(f"{number} requests for 12 files")


@pytest.mark.reliability(
    "Faults", "the server's TLS certificate expires, and is renewed", "parks and says why; resumes"
)
def test_an_expired_certificate(tmp_path: Path) -> None:
    """No file is sent to a server that cannot prove who it is."""
    authority, key = tmp_path / "authority.pem", tmp_path / "authority.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key)]
    command += ["-out", str(authority), "-subj", "/CN=an authority", "-days", "36500"]
    subprocess.run(command, check=True, capture_output=True)
    fresh, stale = (_certify(tmp_path, authority, key, days=days) for days in (1, -1))
    with Receiver(tls=True) as receiver:
        _present(receiver, fresh)
        rest = http(receiver.url, extra=f"    verify: {authority}\n")
        with Daemon(tmp_path, inbox="deliver: [server]", rest=rest) as daemon:
            daemon.drop("before.bin", b"before")
            daemon.wait_for(State.DONE)
            _present(receiver, stale)
            daemon.service._pipeline._outlets["server"].destination.close()
            daemon.drop("during.bin", b"during")
            wait_until(lambda: "expired" in _why(daemon), lambda: f"the reason: {_why(daemon)}")
            assert len(receiver.requests) == 1
            _present(receiver, fresh)
            daemon.wait_for(State.DONE, 2, 30)


def _why(daemon: Daemon) -> str:
    return " ".join(
        str(delivery.fault.message)
        for job in daemon.jobs()
        for delivery in job.deliveries
        if delivery.fault is not None
    )


def _certify(folder: Path, authority: Path, key: Path, *, days: int) -> Path:
    """A certificate for `localhost` that is valid until so many days from now."""
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    since = until - dt.timedelta(days=30)
    request, names, target = (folder / f"{days}.{end}" for end in ("csr", "names", "pem"))
    names.write_text("subjectAltName=DNS:localhost\n")
    asking = ["openssl", "req", "-new", "-key", str(KEY), "-subj", "/CN=localhost"]
    subprocess.run([*asking, "-out", str(request)], check=True, capture_output=True)
    signing = ["openssl", "x509", "-req", "-in", str(request), "-out", str(target), "-days", "30"]
    signing += ["-CA", str(authority), "-CAkey", str(key), "-extfile", str(names)]
    shifted = {"LD_PRELOAD": _faketime(), "FAKETIME": since.strftime("@%Y-%m-%d %H:%M:%S")}
    subprocess.run(signing, check=True, env={**os.environ, **shifted}, capture_output=True)
    return target


def _faketime() -> str:
    return str(next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")))


def _present(receiver: Receiver, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, KEY)
    receiver._context = context


class OffTheNet:
    """Starts commands that see other `hosts`, and whose resolver answers nobody."""

    def __init__(self, hosts: Path) -> None:
        self._hosts = hosts
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def run(self, *arguments: str, log: Path, crash: str = "") -> int:
        """Run a command to its end and return its exit code."""
        return self.wait(self.start(*arguments, log=log, crash=crash))

    def start(self, *arguments: str, log: Path, crash: str = "") -> int:
        """Start a command and return its process; what it prints is added to `log`."""
        script = 'mount --bind "$0" /etc/hosts && mount --bind /dev/null /etc/resolv.conf'
        command = ["unshare", "-m", "sh", "-c", f'{script} && exec "$@"', str(self._hosts)]
        with log.open("ab") as target:
            process = subprocess.Popen(
                [*command, sys.executable, "-m", "daemon", *arguments],
                cwd=ROOT,
                stdout=target,
                stderr=target,
            )
        self._processes[process.pid] = process
        return process.pid

    def wait(self, pid: int) -> int:
        """Wait for the end of a process; returns its exit code."""
        return self._processes.pop(pid).wait(60)


@pytest.mark.reliability("Faults", "DNS fails, and works again", "parks and says why; resumes")
def test_no_such_name(tmp_path: Path) -> None:
    """A name that nobody resolves may be resolved later."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    arrivals = Arrivals(tmp_path / "box", OffTheNet(hosts))
    text = arrivals.config.read_text().replace("127.0.0.1", "receiver.test")
    retry = ", retry: {attempts: 2, initial: 10ms, max: 20ms, give_up_after: 1h}}"
    arrivals.config.write_text(text.replace("method: POST}", f"method: POST{retry}"))
    with arrivals:
        (arrivals.inbox / "a.bin").write_bytes(b"content")
        arrivals.expect(b"content")
        wait_until(lambda: arrivals.logged("delivery.attempt_failed"), "the first failure")
        assert "receiver.test" in arrivals.log()
        hosts.write_text("127.0.0.1 localhost receiver.test\n")
        arrivals.check(60)
