"""What stands in the way of one file's end holds up no other."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import daemon.files
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


def _refusing(monkeypatch: pytest.MonkeyPatch, code: int, refused: bytes) -> None:
    """Have no file in done/ get a name with this in it."""
    rename, rename_new = os.rename, daemon.files.rename_new

    def check(target: bytes) -> None:
        folder, name = os.path.split(os.fsencode(target))
        if os.path.basename(folder) == b"done" and refused in name:
            raise OSError(code, os.strerror(code))

    def plain_rename(source: bytes, target: bytes) -> None:
        check(target)
        rename(source, target)

    def exclusive_rename(source: bytes, target: bytes) -> None:
        check(target)
        rename_new(source, target)

    monkeypatch.setattr(os, "rename", plain_rename)
    monkeypatch.setattr(daemon.pipeline.filing, "rename_new", exclusive_rename)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOENT, errno.EPERM])
@pytest.mark.parametrize(
    ("name", "refused", "filed"),
    [
        ("10:30.bin", b":", "10_30.bin"),
        ("what?.bin", b"?", "what_.bin"),
    ],
)
def test_a_disk_that_does_not_take_a_name_gets_a_plain_one(
    tmp_path: Path,
    name: str,
    refused: bytes,
    filed: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As done/ on a disk with FAT; the sidecar has the name that the file came with."""
    with Daemon(tmp_path) as running:
        _refusing(monkeypatch, code, refused)
        running.drop(name, b"odd")
        running.drop("beside.bin", b"beside")
        running.wait_for(State.DONE, 2)
        monkeypatch.undo()
        assert (running.done / filed).read_bytes() == b"odd"
        assert running.sidecar("done", filed)["file"]["path"] == name
        assert list(verify(running.service._store, routes_of(running.service.config))) == []


def test_a_disk_that_takes_the_name_of_the_sidecar_alone_gets_a_plain_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name may not end in a point on disks that take `name..json`."""
    rename_new = daemon.files.rename_new

    def exclusive_rename(source: bytes, target: bytes) -> None:
        if target.endswith(b"."):
            raise OSError(errno.EINVAL, "Invalid argument")
        rename_new(source, target)

    monkeypatch.setattr(daemon.pipeline.filing, "rename_new", exclusive_rename)
    with Daemon(tmp_path) as running:
        running.drop("end.", b"odd")
        running.wait_for(State.DONE)
        assert sorted(os.listdir(running.done)) == ["end_", "end_.json"]
        assert list(verify(running.service._store, routes_of(running.service.config))) == []


def test_names_that_capitals_tell_apart_get_a_sidecar_each_on_a_disk_that_ignores_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As FAT, and what Macs have; they are filed at one time, where neither is on the disk yet."""
    running = Daemon(tmp_path)
    done = os.fsencode(running.done) + b"/"
    rename, unlink, lexists = os.rename, os.unlink, os.path.lexists
    rename_new, sync_folders = daemon.files.rename_new, daemon.files.sync_folders
    first_waits, both_wait = threading.Event(), threading.Event()

    def folded(path: bytes | str) -> bytes:
        path = os.fsencode(path)
        return done + path[len(done) :].lower() if path.startswith(done) else path

    def sync_later(folders: Iterable[bytes]) -> None:
        first_waits.set()
        both_wait.wait()
        sync_folders(folders)

    monkeypatch.setattr(os, "rename", lambda a, b: rename(folded(a), folded(b)))
    monkeypatch.setattr(os, "unlink", lambda path: unlink(folded(path)))
    monkeypatch.setattr(os.path, "lexists", lambda path: lexists(folded(path)))
    monkeypatch.setattr(daemon.pipeline.filing, "sync_folders", sync_later)
    monkeypatch.setattr(
        daemon.pipeline.filing, "rename_new", lambda a, b: rename_new(folded(a), folded(b))
    )
    with running:
        running.drop("first.bin", b"has the filer wait")
        try:
            wait_until(first_waits.is_set, "the filer to wait")
            running.drop("Name.bin", b"one")
            running.drop("nAME.bin", b"another")
            filer = running.service._pipeline.coordinator._filer
            wait_until(lambda: filer._waiting.qsize() == 2, "the others to wait for the filer")
        finally:
            both_wait.set()
        running.wait_for(State.DONE, 3)
    names = {path.name for path in running.done.iterdir()}
    originals = {name for name in names if not name.endswith(".json")}
    assert len(originals) == 3
    assert names - originals == {f"{name}.json" for name in originals}


def test_a_file_too_large_for_another_disk_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAT takes no file of 4 GiB; what was copied of it is gone."""
    copy = daemon.files._copy_content

    def elsewhere(*_: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    def fail(reading: int, writing: int) -> None:
        copy(reading, writing)
        if os.fstat(reading).st_size > 10:
            raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr(daemon.pipeline.filing, "rename_new", elsewhere)
    rename_new = daemon.files.rename_new

    def only_in_one_folder(source: bytes, target: bytes) -> None:
        if os.path.dirname(source) == os.fsencode(running.work) and b"/done/" in target:
            elsewhere()
        rename_new(source, target)

    monkeypatch.setattr(daemon.files, "rename_new", only_in_one_folder)
    monkeypatch.setattr(daemon.files, "_copy_content", fail)
    monkeypatch.setattr(daemon.pipeline.filing, "_LOOK_AGAIN", 0.2)
    running = Daemon(tmp_path)
    with running:
        running.drop("large.bin", b"far too large")
        running.wait_for(State.PARKED)
        running.drop("small.bin", b"small")
        running.wait_for(State.DONE)
        assert running.log.of(Event.ENVIRONMENT_PAUSED) == []
        # While it is tried again its copy is there for a moment.
        wait_until(
            lambda: not [name for name in os.listdir(running.done) if name.endswith(".copy")],
            "what was copied to be gone",
        )
        monkeypatch.setattr(daemon.files, "_copy_content", copy)
        running.wait_for(State.DONE, 2)
