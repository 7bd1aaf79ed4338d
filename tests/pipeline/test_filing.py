"""What stands in the way of one file's end holds up no other."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

import daemon.pipeline.filing
from daemon.jobs.model import State
from daemon.observing.events import Event
from daemon.pipeline.pipeline import routes_of
from daemon.pipeline.verifying import verify
from tests.running import Daemon
from tests.waiting import wait_until


def test_a_folder_by_the_name_of_a_filed_file_gets_a_number(tmp_path: Path) -> None:
    """Its files lie together beside it, and so does the next one of that folder."""
    with Daemon(tmp_path, inbox="recursive: true") as daemon:
        daemon.drop("2024", b"a file")
        daemon.wait_for(State.DONE)
        daemon.drop("2024/a.bin", b"in a folder")
        daemon.drop("2024/b.bin", b"in a folder too")
        daemon.drop("beside.bin", b"beside")
        daemon.wait_for(State.DONE, 4)
    assert (daemon.done / "2024").read_bytes() == b"a file"
    assert sorted(os.listdir(daemon.done / "2024~2")) == [
        "a.bin",
        "a.bin.json",
        "b.bin",
        "b.bin.json",
    ]
    assert daemon.sidecar("done", "2024~2/a.bin")["file"]["path"] == "2024/a.bin"
    assert daemon.log.of(Event.ENVIRONMENT_PAUSED) == []


def test_a_folder_too_deep_for_its_sidecars_name_is_filed_at_the_top(tmp_path: Path) -> None:
    """Its path can be opened in the inbox, and no longer one could in done/."""
    with Daemon(tmp_path, inbox="recursive: true") as daemon:
        room = 4095 - len(os.fsencode(daemon.inbox)) - len("/x.bin") - 1
        names = ["d" * 100] * (room // 101)
        deep = "/".join(names) + "/" + "e" * (room % 101 or 1)
        here = os.open(daemon.inbox, os.O_RDONLY)
        for name in deep.split("/"):
            os.mkdir(name, dir_fd=here)
            below = os.open(name, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        writing = os.open("x.bin", os.O_WRONLY | os.O_CREAT, dir_fd=here)
        os.write(writing, b"deep")
        os.close(writing)
        os.close(here)
        daemon.drop("beside.bin", b"beside")
        daemon.wait_for(State.DONE, 2)
    assert (daemon.done / "x.bin").read_bytes() == b"deep"
    assert daemon.sidecar("done", "x.bin")["file"]["path"] == f"{deep}/x.bin"
    assert daemon.log.of(Event.ENVIRONMENT_PAUSED) == []


def test_a_mistake_of_ours_about_one_file_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That one waits and says so; it is filed when there is no mistake any more."""
    render = daemon.pipeline.filing.render

    def mistaken(facts: dict[str, Any]) -> bytes:
        if facts["file"]["name"] == "bad.bin":
            raise KeyError("a mistake")
        return render(facts)

    monkeypatch.setattr(daemon.pipeline.filing, "render", mistaken)
    monkeypatch.setattr(daemon.pipeline.filing, "_LOOK_AGAIN", 0.2)
    with Daemon(tmp_path) as running:
        for number in range(20):
            running.drop("bad.bin" if number == 7 else f"{number}.bin", b"%d" % number)
        running.wait_for(State.DONE, 19)
        running.wait_for(State.PARKED)
        assert running.log.of(Event.ENVIRONMENT_PAUSED) == []
        monkeypatch.undo()
        running.wait_for(State.DONE, 20)


def test_who_gives_a_full_folder_another_place_gets_original_and_sidecar_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sidecar found room on the old disk, the original did not."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    running = Daemon(tmp_path)
    with monkeypatch.context() as broken, running:
        broken.setattr(daemon.pipeline.filing, "rename_new", fail)
        running.drop("a.bin", b"content")
        wait_until(lambda: running.log.of(Event.ENVIRONMENT_PAUSED), "the pause")
        assert (running.done / "a.bin.json").exists()
    running.configure("done: elsewhere")
    with running:
        running.wait_for(State.DONE)
        assert list(verify(running.service._store, routes_of(running.service.config))) == []
    assert sorted(os.listdir(tmp_path / "elsewhere")) == ["a.bin", "a.bin.json"]
