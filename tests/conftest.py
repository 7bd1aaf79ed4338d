"""What every test can rely on, however the tests were started."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

from tests.reliability import LONG_RUN

pytest_plugins = ["tests.reliability.report"]

# A busy machine makes an example slow, which says nothing about the code. And what is tried is the
# same each time, so that nobody's change fails for an example that it did not bring about; the
# long run looks for new ones.
settings.register_profile(
    "inboxd",
    deadline=None,
    derandomize=not LONG_RUN,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("inboxd")


def pytest_configure() -> None:
    """Have Ctrl-C work in the programs that tests start: a shell's background job ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
