"""`inboxd status` tells how each destination stands: how many it takes, whether it is down."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

from daemon.jobs.model import State
from tests.cli.conftest import Command
from tests.crowding import Crowding
from tests.receiver import Receiver
from tests.running import QUICK, Daemon, http
from tests.waiting import wait_until

DELIVER = "deliver: [server]"


def destination(inboxd: Command, daemon: Daemon) -> dict[str, Any]:
    """The destination as `status --json` shows it, {} as long as it does not."""
    shown = json.loads(inboxd("status", "-c", daemon.config_path, "--json").stdout)
    found: dict[str, Any] = shown["destinations"].get("server", {})
    return found


def test_the_number_that_was_found_is_shown(inboxd: Command, tmp_path: Path) -> None:
    """For people and for programs."""
    server = Crowding(2, 0.05)  # long beside what a busy machine adds
    with Receiver(otherwise=server.reply) as receiver:
        rest = "workers: 8\n" + http(receiver.url, "    concurrency: {max: 8}\n")
        with Daemon(tmp_path, inbox=DELIVER, rest=rest) as daemon:
            for number in range(80):
                daemon.drop(f"{number}.bin", b"%d" % number)
            daemon.wait_for(State.DONE, 80)
            shown: dict[str, Any] = {}

            def at_rest() -> bool:
                shown.update(destination(inboxd, daemon))
                return (shown.get("limit"), shown.get("in_flight")) == (2, 0)

            wait_until(at_rest, "the number, once all are through")
            assert (shown["max"], shown["in_flight"], shown["waiting"]) == (8, 0, 0)
            assert (shown["down"], shown["error"], shown["paused_for"]) == (False, None, 0.0)
            text = inboxd("status", "-c", daemon.config_path).stdout
            assert "2 of 8" in text
            assert "takes files" in text


def test_a_destination_that_is_down_is_shown_with_its_reason(
    inboxd: Command, tmp_path: Path
) -> None:
    """And with when it is tried again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    rest = http(f"http://127.0.0.1:{port}/").replace("max: 50ms", "max: 30s")
    rest = rest.replace("attempts: 3", "attempts: 1")
    patient = replace(QUICK, park_max=60.0)
    with Daemon(tmp_path, inbox=DELIVER, rest=rest, limits=patient) as daemon:
        daemon.drop("r.bin")
        wait_until(lambda: destination(inboxd, daemon).get("down"), "the destination to be down")
        shown = destination(inboxd, daemon)
        assert shown["error"]["code"] == "connection_refused"
        assert shown["paused_for"] > 0
        text = inboxd("status", "-c", daemon.config_path).stdout
        assert "down: nothing listens at" in text
        assert "tried again in" in text
