"""A job whose inbox left the configuration waits for it, and that is said."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from daemon.cli.main import app
from daemon.config.load import load
from daemon.observing.events import Event
from daemon.service import Service
from tests.receiver import Receiver, status
from tests.running import QUICK, Daemon, ListLog, http


def test_a_job_of_an_inbox_that_is_gone_is_told_and_cannot_be_given_up(tmp_path: Path) -> None:
    """Where its file is to go is not known; the inbox has to be added again first."""
    with Receiver(otherwise=status(503)) as receiver:
        rest = http(receiver.url).replace("max: 50ms", "max: 10s")
        daemon = Daemon(tmp_path, inbox="deliver: [server]", rest=rest)
        daemon.drop("a.bin")
        assert Service(load(daemon.config_path), ListLog(), limits=QUICK).once() == 1
        (tmp_path / "elsewhere").mkdir()
        text = daemon.config_path.read_text()
        gone = text.replace("  box:\n    path: inbox", "  other:\n    path: elsewhere")
        daemon.config_path.write_text(gone)
        refused = CliRunner().invoke(app, ["cancel", "-c", str(daemon.config_path), "a.bin"])
        assert refused.exit_code == 2
        assert "add it again first" in refused.stderr
        log = ListLog()
        assert Service(load(daemon.config_path), log, limits=QUICK).once() == 1
        (told,) = log.of(Event.INBOX_MISSING)
        assert told["inbox"] == "box"
        assert "1 files of it wait" in told["reason"]
