"""Signals as requests, and the bell that their handlers ring."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

from daemon.signals import Bell

_SENDER = """
import os, sys, time
for _ in range(5000):
    os.kill(int(sys.argv[1]), int(sys.argv[2]))
    time.sleep(0.0001)
"""
_STORM = """
import os, subprocess, sys
from daemon.signals import NUDGE, Bell, Signals

bell, seen = Bell(), []

def signalled(number):
    seen.append(number)
    bell.ring()

with Signals(signalled):
    command = [sys.executable, "-c", sys.argv[1], str(os.getpid()), str(int(NUDGE))]
    sender = subprocess.Popen(command)
    while sender.poll() is None:
        bell.wait(0.001)
print(len(seen) > 100)
"""


class TestBell:
    def test_a_storm(self) -> None:
        """However many signals ring it while its thread goes to sleep, that thread goes on."""
        command = [sys.executable, "-c", _STORM, _SENDER]
        done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
        assert done.stdout == "True\n"

    def test_rung_before(self) -> None:
        """Who waits after it was rung does not wait, and all rings until then count as one."""
        bell = Bell()
        bell.ring()
        bell.ring()
        began = time.monotonic()
        bell.wait(60)
        assert time.monotonic() - began < 50
        bell.wait(0)

    def test_rung_by_another_thread(self) -> None:
        """A ring ends a wait."""
        bell = Bell()
        waiter = threading.Thread(target=bell.wait, args=(3600,), daemon=True)
        waiter.start()
        bell.ring()
        waiter.join(60)
        assert not waiter.is_alive()

    def test_never_rung(self) -> None:
        """A wait ends by itself when its time is over, also when that is no time at all."""
        Bell().wait(-1)
        Bell().wait(0.01)
