"""A daemon says at its start what is unsafe, and does not start on what others may write."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.errors import ConfigError, EnvironmentFaultError
from daemon.observing.events import Event
from tests.running import Daemon, http
from tests.waiting import wait_until

UNVERIFIED = http("https://example.com/", "    verify: false\n    allow_insecure: true\n")


def told(daemon: Daemon) -> list[tuple[object, object]]:
    """What the log says is unsafe."""
    found = daemon.log.of(Event.DAEMON_UNSAFE)
    return [(entry["code"], entry["destination"]) for entry in found]


@pytest.mark.reliability(
    "Least privilege", "certificates that are not verified", "warned of at each start and reload"
)
def test_unverified_certificates_are_told_at_every_start(tmp_path: Path) -> None:
    """The log says it, not only `check`; a reload that brings it in says it too."""
    with Daemon(tmp_path) as daemon:
        assert ("tls_unverified", "server") not in told(daemon)
        daemon.configure(rest=UNVERIFIED)
        daemon.service.signalled(1)
        wait_until(lambda: daemon.log.of(Event.DAEMON_RELOADED), "the reload")
        assert ("tls_unverified", "server") in told(daemon)
    with Daemon(tmp_path, rest=UNVERIFIED) as daemon:
        assert ("tls_unverified", "server") in told(daemon)


@pytest.mark.reliability("Least privilege", "a daemon that runs as root", "warned of at each start")
def test_root_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is root hears that it is too much."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with Daemon(tmp_path) as daemon:
        assert ("runs_as_root", None) in told(daemon)


def test_no_start_on_an_open_state_folder(tmp_path: Path) -> None:
    """Nothing is written into it."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    with pytest.raises(EnvironmentFaultError) as caught:
        Daemon(tmp_path).start()
    assert caught.value.code == "state_open"
    assert list((tmp_path / "state").iterdir()) == []


def test_no_reload_of_a_configuration_that_others_wrote(tmp_path: Path) -> None:
    """The old one stays, and the log says why."""
    with Daemon(tmp_path) as daemon:
        daemon.configure(rest=UNVERIFIED)
        daemon.config_path.chmod(0o666)
        daemon.service.signalled(1)
        wait_until(lambda: daemon.log.of(Event.DAEMON_RELOADED), "the reload")
        (entry,) = daemon.log.of(Event.DAEMON_RELOADED)
        assert not entry["ok"]
        assert "everyone may write it" in entry["message"]
    with pytest.raises(ConfigError):
        daemon.start()
