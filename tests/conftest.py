"""What every test can rely on, however the tests were started."""

from __future__ import annotations

import signal

pytest_plugins = ["tests.reliability.report"]


def pytest_configure() -> None:
    """Have Ctrl-C work in the programs that tests start: a shell's background job ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
