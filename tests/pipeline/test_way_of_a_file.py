"""One file's way from the inbox to its end, through a real daemon."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import threading
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from daemon.jobs.changes import TakenUp
from daemon.jobs.model import State
from daemon.limits import MIB
from daemon.observing.events import Event
from daemon.pipeline import filing, preparing
from tests.receiver import Receiver, lost_answer, ok, silent, status, waiting_for
from tests.running import QUICK, Daemon, http
from tests.waiting import wait_until

DELIVER = "deliver: [server]"


def test_a_file_is_delivered_recorded_and_filed(tmp_path: Path) -> None:
    """The original and its sidecar are in done/, and inbox and work are empty."""
    with Receiver() as receiver:
        extra = '    data: {source: "{inbox}", hash: "{sha256}"}\n'
        with Daemon(tmp_path, inbox=DELIVER, rest=http(receiver.url, extra)) as daemon:
            daemon.drop("a b.bin", b"hello")
            (job,) = daemon.wait_for(State.DONE)
        facts = daemon.sidecar("done", "a b.bin")
        (request,) = receiver.requests
    assert (daemon.done / "a b.bin").read_bytes() == b"hello"
    assert os.listdir(daemon.inbox) == os.listdir(daemon.work) == []
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert facts["status"] == "done"
    assert facts["job"] == job.id
    assert facts["file"]["sha256"] == digest
    assert facts["file"]["size"] == 5
    assert facts["deliveries"][0]["state"] == "delivered"
    assert facts["deliveries"][0]["http_status"] == 201
    assert facts["deliveries"][0]["attempts"] == 1
    assert facts["error"] is None
    assert request.fields == {"source": "box", "hash": digest}
    assert request.filename == "a b.bin"
    assert request.key == f"{job.id}.server"


def test_files_that_lie_in_the_inbox_at_the_start_are_taken(tmp_path: Path) -> None:
    """A scan at the start finds what no event announced."""
    daemon = Daemon(tmp_path)
    for number in range(20):
        daemon.drop(f"{number}.bin", b"%d" % number)
    with daemon:
        daemon.wait_for(State.DONE, 20)


def test_every_attempt_carries_the_same_key(tmp_path: Path) -> None:
    """An answer that was lost does not make a second delivery in the server's eyes."""
    with (
        Receiver(lost_answer(), status(503), ok()) as receiver,
        Daemon(tmp_path, inbox=DELIVER, rest=http(receiver.url)) as daemon,
    ):
        daemon.drop("r.bin")
        daemon.wait_for(State.DONE)
        assert len(receiver.requests) == 3
        assert len({request.key for request in receiver.requests}) == 1
        assert daemon.sidecar("done", "r.bin")["deliveries"][0]["attempts"] == 3
        failed = daemon.log.of(Event.DELIVERY_ATTEMPT_FAILED)
        assert [entry["attempt"] for entry in failed] == [1, 2]


def test_a_refusal_by_the_server_fails_the_job_until_it_is_retried(tmp_path: Path) -> None:
    """The original waits in rejected/ with a sidecar that says why; retry takes it from there."""
    with (
        Receiver(status(422, b'{"detail": "bad field"}')) as receiver,
        Daemon(tmp_path, inbox=DELIVER, rest=http(receiver.url)) as daemon,
    ):
        daemon.drop("r.bin")
        (job,) = daemon.wait_for(State.FAILED)
        facts = daemon.sidecar("rejected", "r.bin")
        assert facts["status"] == "failed"
        assert facts["error"]["kind"] == "permanent"
        assert facts["deliveries"][0]["http_status"] == 422
        assert facts["deliveries"][0]["response"] == {"detail": "bad field"}
        assert (daemon.rejected / "r.bin").exists()
        _retry(daemon, job.id)
        daemon.wait_for(State.DONE)
        assert os.listdir(daemon.rejected) == []
        assert daemon.sidecar("done", "r.bin")["status"] == "done"
        assert len(daemon.log.of(Event.JOB_RETRIED)) == 1


def _retry(daemon: Daemon, job: str) -> None:
    daemon.service._store.write([TakenUp(job)])
    daemon.service.signalled(10)


def test_a_server_that_is_down_parks_the_delivery_and_gets_it_when_it_is_back(
    tmp_path: Path,
) -> None:
    """Parked means waiting, not failed; nobody has to do anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Daemon(tmp_path, inbox=DELIVER, rest=http(f"http://127.0.0.1:{port}/")) as daemon:
        for number in range(6):
            daemon.drop(f"{number}.bin", b"%d" % number)
        wait_until(lambda: daemon.log.of(Event.JOB_PARKED), "a parked job")
        assert daemon.log.of(Event.DELIVERY_PAUSED)
        with Receiver(port=port) as receiver:
            daemon.wait_for(State.DONE, 6)
            assert len(receiver.contents) == 6


def test_a_parked_job_that_is_retried_is_tried_at_once_and_the_log_says_so(tmp_path: Path) -> None:
    """The rest that the destination was given, here of minutes, does not hold up a person."""
    retry = "retry: {attempts: 1, initial: 10m, max: 10m}"
    rest = f"destinations:\n  server: {{type: http, url: %s, {retry}}}"
    limits = replace(QUICK, park_max=600.0)
    with (
        Receiver(status(503), status(200)) as receiver,
        Daemon(tmp_path, inbox=DELIVER, rest=rest % receiver.url, limits=limits) as daemon,
    ):
        daemon.drop("r.bin")
        (job,) = daemon.wait_for(State.PARKED)
        wait_until(lambda: daemon.log.of(Event.JOB_PARKED), "the word of it")
        assert not daemon.log.of(Event.JOB_RETRIED)
        _retry(daemon, job.id)
        daemon.wait_for(State.DONE)
        (told,) = daemon.log.of(Event.JOB_RETRIED)
        assert told["job"] == job.id
        assert len(receiver.requests) == 2


def test_one_destination_that_is_down_does_not_keep_the_file_from_the_other(
    tmp_path: Path,
) -> None:
    """Each destination has its own attempts; the job is done when all have the file."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    rest = http(f"http://127.0.0.1:{port}/") + "  disk: {type: folder, path: archive}\n"
    (tmp_path / "archive").mkdir()
    with Daemon(tmp_path, inbox="deliver: [server, disk]", rest=rest) as daemon:
        daemon.drop("r.bin")
        wait_until((tmp_path / "archive" / "r.bin").exists, "the copy on disk")
        assert not (daemon.done / "r.bin").exists()
        with Receiver(port=port):
            daemon.wait_for(State.DONE)


def test_the_same_content_is_not_delivered_twice(tmp_path: Path) -> None:
    """The copy is put with the done, its sidecar says of which job it is a copy."""
    with (
        Receiver() as receiver,
        Daemon(tmp_path, inbox=DELIVER, rest=http(receiver.url)) as daemon,
    ):
        daemon.drop("r.bin")
        (first,) = daemon.wait_for(State.DONE)
        daemon.drop("copy.bin")
        daemon.wait_for(State.DUPLICATE)
        assert len(receiver.requests) == 1
        facts = daemon.sidecar("done", "copy.bin")
        assert facts["status"] == "duplicate"
        assert first.id in facts["error"]["message"]


def test_a_copy_waits_for_what_becomes_of_the_first(tmp_path: Path) -> None:
    """Dropped while the first is under way, it is a duplicate only once that one is done."""
    parked = threading.Event()
    with (
        Receiver(waiting_for(parked)) as receiver,
        Daemon(
            tmp_path, inbox=DELIVER, rest=http(receiver.url).replace("read: 5s", "read: 60s")
        ) as daemon,
    ):
        daemon.drop("first.bin")
        wait_until(lambda: daemon.log.of(Event.DELIVERY_STARTED), "the delivery to begin")
        daemon.drop("copy.bin")
        wait_until(lambda: daemon.log.of(Event.JOB_PARKED), "the copy to wait")
        parked.set()
        daemon.wait_for(State.DUPLICATE)
        daemon.wait_for(State.DONE)
        assert len(receiver.requests) == 1


def test_a_copy_of_what_failed_is_delivered(tmp_path: Path) -> None:
    """Content that nobody got is not a duplicate of anything."""
    parked = threading.Event()
    with (
        Receiver(waiting_for(parked, status(422)), ok()) as receiver,
        Daemon(
            tmp_path, inbox=DELIVER, rest=http(receiver.url).replace("read: 5s", "read: 60s")
        ) as daemon,
    ):
        daemon.drop("first.bin")
        wait_until(lambda: daemon.log.of(Event.DELIVERY_STARTED), "the delivery to begin")
        daemon.drop("copy.bin")
        wait_until(lambda: daemon.log.of(Event.JOB_PARKED), "the copy to wait")
        parked.set()
        daemon.wait_for(State.FAILED)
        daemon.wait_for(State.DONE)
        assert (daemon.done / "copy.bin").exists()
        assert (daemon.rejected / "first.bin").exists()


@pytest.mark.parametrize(
    ("policy", "state", "folder", "requests"),
    [("reject", State.REJECTED, "rejected", 1), ("process", State.DONE, "done", 2)],
)
def test_what_becomes_of_a_duplicate_is_for_the_inbox_to_say(
    tmp_path: Path, policy: str, state: State, folder: str, requests: int
) -> None:
    """reject refuses it by name, process treats it as any file."""
    with (
        Receiver() as receiver,
        Daemon(
            tmp_path, inbox=f"{DELIVER}\nduplicates: {policy}", rest=http(receiver.url)
        ) as daemon,
    ):
        daemon.drop("r.bin")
        daemon.wait_for(State.DONE)
        daemon.drop("copy.bin")
        daemon.wait_for(state, 2 if state is State.DONE else 1)
        assert len(receiver.requests) == requests
        assert (daemon.folder / folder / "copy.bin").exists()


def test_originals_that_are_kept_stay_and_are_not_taken_again(tmp_path: Path) -> None:
    """Neither by a rescan nor by the next start; a changed file is a new one."""
    with Receiver() as receiver:
        daemon = Daemon(tmp_path, inbox=f"{DELIVER}\noriginals: keep", rest=http(receiver.url))
        with daemon:
            path = daemon.drop("r.bin", b"one")
            daemon.wait_for(State.DONE)
        daemon.start()
        daemon.service._inboxes.rescan()
        path.write_bytes(b"two!")
        daemon.wait_for(State.DONE, 2)
        assert daemon.stop() == 0
        assert [request.size for request in receiver.requests] == [3, 4]
        assert path.read_bytes() == b"two!"
        assert sorted(os.listdir(daemon.done)) != []
        assert "r.bin" not in os.listdir(daemon.done)


def test_a_kept_original_that_changes_while_it_is_sent_is_replaced_by_its_new_self(
    tmp_path: Path,
) -> None:
    """Nobody is called for the old content; the new one is a job of its own."""
    with Receiver() as receiver:
        rest = http(receiver.url, "    bandwidth: 25KB/s\n")
        inbox = f"{DELIVER}\noriginals: keep"
        with Daemon(tmp_path, inbox=inbox, rest=rest) as daemon:
            path = daemon.drop("r.bin", bytes(100_000))
            wait_until(lambda: daemon.log.of(Event.DELIVERY_STARTED), "the delivery to begin")
            path.write_bytes(b"new")
            daemon.wait_for(State.CANCELLED)
            daemon.wait_for(State.DONE)
            assert daemon.jobs(State.FAILED) == []


def test_a_file_that_is_replaced_before_it_is_claimed_ends_in_the_log_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job is cancelled, with the reason; the file that took its place has another."""
    daemon = Daemon(tmp_path)
    replaced = threading.Event()

    def replace_first(name: str) -> None:
        if name != "claim.taken":
            return
        if replaced.is_set():  # the second, which would else be gone before the first looks
            wait_until(lambda: daemon.log.of(Event.JOB_CANCELLED), "the end to be told")
            return
        replaced.set()
        daemon.drop("a.bin", b"second")
        wait_until(lambda: len(daemon.log.of(Event.JOB_QUEUED)) == 2, "the second to be noticed")

    monkeypatch.setattr(preparing, "crashpoint", replace_first)
    with daemon:
        daemon.drop("a.bin", b"first")
        (second,) = daemon.wait_for(State.DONE)
        (first,) = daemon.wait_for(State.CANCELLED)
    (told,) = daemon.log.of(Event.JOB_CANCELLED)
    assert (told["job"], told["code"]) == (first.id, "changed")
    assert first.id != second.id
    assert (daemon.done / "a.bin").read_bytes() == b"second"
    assert 'state="cancelled"} 1.0' in daemon.service._metrics.render({}).decode()


def test_originals_that_are_to_be_deleted_go_only_after_delivery(tmp_path: Path) -> None:
    """A refused one is kept; a delivered one leaves its sidecar."""
    with (
        Receiver() as receiver,
        Daemon(
            tmp_path,
            inbox=f"{DELIVER}\noriginals: delete\nmax_size: 10B",
            rest=http(receiver.url),
        ) as daemon,
    ):
        daemon.drop("small.bin", b"small")
        daemon.drop("large.bin", b"much too large")
        daemon.wait_for(State.DONE)
        daemon.wait_for(State.REJECTED)
        assert os.listdir(daemon.done) == ["small.bin.json"]
        assert (daemon.rejected / "large.bin").exists()
        assert daemon.sidecar("rejected", "large.bin")["error"]["code"] == "too_large"


def test_a_name_that_is_taken_in_done_is_not_overwritten(tmp_path: Path) -> None:
    """Scanners count from 1 every morning."""
    with Daemon(tmp_path, inbox="duplicates: process") as daemon:
        for content in (b"monday", b"tuesday", b"wednesday"):
            daemon.drop("scan1.bin", content)
            daemon.wait_for(State.DONE, len(daemon.jobs()))
            wait_until(lambda: not (daemon.inbox / "scan1.bin").exists(), "the inbox to be empty")
        daemon.wait_for(State.DONE, 3)
        originals = [p for p in daemon.done.iterdir() if p.suffix != ".json"]
        assert {p.read_bytes() for p in originals} == {b"monday", b"tuesday", b"wednesday"}
        assert all((daemon.done / f"{p.name}.json").exists() for p in originals)


def test_a_file_in_a_subfolder_keeps_its_place(tmp_path: Path) -> None:
    """A recursive inbox is mirrored in done/."""
    with Daemon(tmp_path, inbox="recursive: true") as daemon:
        daemon.drop("2026/11/r.bin")
        daemon.wait_for(State.DONE)
        assert (daemon.done / "2026" / "11" / "r.bin").exists()
        assert daemon.sidecar("done", "2026/11/r.bin")["file"]["path"] == "2026/11/r.bin"


HOSTILE = [b"new\nline.bin", b"\x1b[31mred.bin", b"caf\xe9.bin", b"-rf", b"\xe2\x80\xaetxt.bin"]


@pytest.mark.parametrize("name", [*HOSTILE, b"x" * 255], ids=range(len(HOSTILE) + 1))
def test_hostile_names_go_through_like_any_other(tmp_path: Path, name: bytes) -> None:
    """The original keeps its bytes; the sidecar is valid and beside it."""
    with (
        Receiver() as receiver,
        Daemon(tmp_path, inbox=DELIVER, rest=http(receiver.url)) as daemon,
    ):
        daemon.drop(name)
        daemon.wait_for(State.DONE)
        names = os.listdir(os.fsencode(daemon.done))
        assert name in names
        assert len(names) == 2
        assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "name",
    [
        "two\nlines.bin",
        "9.41.00\u202fAM.bin",
        "\u202egnp.bin",
        "family \U0001f468\u200d\U0001f469.bin",
        r"a\nb.bin",
    ],
)
def test_a_name_is_told_as_it_is(tmp_path: Path, name: str) -> None:
    """Destinations and sidecar have the very name, also one that would not be printed."""
    archive = tmp_path / "archive"
    archive.mkdir()
    rest = http("URL", "    method: PUT\n") + f"  disk: {{type: folder, path: {archive}}}\n"
    with Receiver() as receiver:
        url = f"{receiver.url}in/"
        with Daemon(
            tmp_path, inbox="deliver: [server, disk]", rest=rest.replace("URL", url)
        ) as daemon:
            daemon.drop(name)
            daemon.wait_for(State.DONE)
        (request,) = receiver.requests
    assert unquote(request.path) == f"/in/{name}"
    assert os.listdir(archive) == [name]
    facts = json.loads((daemon.done / f"{name}.json").read_bytes())
    assert (facts["file"]["name"], facts["file"]["path"]) == (name, name)


def test_a_name_that_is_no_text_keeps_its_bytes(tmp_path: Path) -> None:
    """A folder has the bytes, a sidecar says them escaped."""
    archive = tmp_path / "archive"
    archive.mkdir()
    rest = f"destinations:\n  disk: {{type: folder, path: {archive}}}\n"
    with Daemon(tmp_path, inbox="deliver: [disk]", rest=rest) as daemon:
        daemon.drop(b"caf\xe9\n.bin")
        daemon.wait_for(State.DONE)
    assert os.listdir(os.fsencode(archive)) == [b"caf\xe9\n.bin"]
    (sidecar,) = daemon.done.glob("*.json")
    assert json.loads(sidecar.read_bytes())["file"]["name"] == r"caf\xe9\n.bin"


def test_what_is_not_a_regular_file_is_refused_and_never_followed(tmp_path: Path) -> None:
    """Links and pipes land in rejected/ as they are, each with a sidecar."""
    secret = tmp_path / "secret"
    secret.write_text("not for the server")
    with (
        Receiver() as receiver,
        Daemon(tmp_path, inbox=DELIVER, rest=http(receiver.url)) as daemon,
    ):
        (daemon.inbox / "link.bin").symlink_to(secret)
        os.mkfifo(daemon.inbox / "pipe.bin")
        daemon.wait_for(State.REJECTED, 2)
        assert (daemon.rejected / "link.bin").is_symlink()
        assert daemon.sidecar("rejected", "pipe.bin")["error"]["code"] == "not_a_regular_file"
        assert receiver.requests == []


def test_an_empty_file_gets_time_to_grow_and_is_then_refused(tmp_path: Path) -> None:
    """Many programs make the file first and write later."""
    with Daemon(tmp_path) as daemon:
        daemon.drop("empty.bin", b"")
        daemon.wait_for(State.REJECTED)
        assert daemon.sidecar("rejected", "empty.bin")["error"]["code"] == "empty"


def test_an_empty_file_is_delivered_where_the_inbox_allows_it(tmp_path: Path) -> None:
    """Some use empty files as signals."""
    with (
        Receiver() as receiver,
        Daemon(tmp_path, inbox=f"{DELIVER}\nallow_empty: true", rest=http(receiver.url)) as daemon,
    ):
        daemon.drop("empty.bin", b"")
        daemon.wait_for(State.DONE)
        assert receiver.requests[0].size == 0


def test_done_may_be_removed_and_is_made_again(tmp_path: Path) -> None:
    """People tidy up."""
    with Daemon(tmp_path) as daemon:
        daemon.drop("a.bin", b"a")
        daemon.wait_for(State.DONE)
        shutil.rmtree(daemon.done)
        shutil.rmtree(daemon.work)
        daemon.drop("b.bin", b"b")
        daemon.wait_for(State.DONE, 2)
        assert (daemon.done / "b.bin").read_bytes() == b"b"


def test_a_file_in_the_place_of_done_is_told_of(tmp_path: Path) -> None:
    """Somebody put a file by the name of done/; a job waits, and says what to do."""
    with Daemon(tmp_path) as daemon:
        daemon.drop("1.bin", b"1")
        daemon.wait_for(State.DONE)
        shutil.rmtree(daemon.done)
        daemon.done.write_bytes(b"in the way")
        daemon.drop("2.bin", b"2")
        (job,) = daemon.wait_for(State.PARKED)
        wait_until(lambda: daemon.log.of(Event.JOB_PARKED), "the trouble to be told")
        (told,) = daemon.log.of(Event.JOB_PARKED)
        assert told["reason"].startswith("not_a_folder: ")
        assert "move away" in told["reason"]
        assert (daemon.work / job.id).read_bytes() == b"2"
    assert daemon.done.read_bytes() == b"in the way"


def test_done_may_be_on_another_disk(tmp_path: Path) -> None:
    """Then the original is copied durably before it leaves work/."""
    other = Path("/dev/shm")
    if not other.is_dir() or os.stat(other).st_dev == os.stat(tmp_path).st_dev:
        other = tmp_path / "same"  # nothing else to move to; the same promise holds
        other.mkdir()
    done = other / f"inboxd-test-{os.getpid()}"
    try:
        with Daemon(tmp_path, inbox=f"done: {done}") as daemon:
            daemon.drop("a.bin", b"abc")
            daemon.wait_for(State.DONE)
            assert (done / "a.bin").read_bytes() == b"abc"
            assert (done / "a.bin.json").exists()
            assert os.listdir(daemon.work) == []
    finally:
        shutil.rmtree(done, ignore_errors=True)


def test_the_holes_of_a_file_fill_no_other_disk(tmp_path: Path) -> None:
    """It is too large for its inbox, and rejected/ may lie where as many zeros would never fit."""
    other = Path("/dev/shm") if Path("/dev/shm").is_dir() else tmp_path
    rejected = other / f"inboxd-test-{os.getpid()}-holes"
    begin, size = b"begin" + bytes(3 * MIB) + b"middle", 1 << 30
    try:
        with Daemon(tmp_path, inbox=f"rejected: {rejected}") as daemon:
            sparse = tmp_path / "sparse"
            sparse.write_bytes(begin)
            os.truncate(sparse, size)
            sparse.rename(daemon.inbox / "sparse.bin")
            daemon.wait_for(State.REJECTED)
        filed = rejected / "sparse.bin"
        assert filed.stat().st_size == size
        assert filed.stat().st_blocks * 512 < 16 * MIB
        with filed.open("rb") as file:
            assert file.read(len(begin) + MIB) == begin + bytes(MIB)
    finally:
        shutil.rmtree(rejected, ignore_errors=True)


@pytest.mark.parametrize("stranger", [False, True])
def test_a_crash_between_copy_and_removal_on_another_disk_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stranger: bool
) -> None:
    """Our own copy is taken for what it is; a stranger's file keeps its name and its content."""
    first = threading.Event()

    def elsewhere(source: bytes, target: bytes) -> None:
        raise OSError(errno.EXDEV, "another disk")

    def move(source: bytes, target: bytes, *, temporary: bytes) -> None:
        if not first.is_set():
            first.set()
            Path(os.fsdecode(target)).write_bytes(b"stranger" if stranger else b"content")
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "File exists")
        os.rename(source, target)

    monkeypatch.setattr(filing, "rename_new", elsewhere)
    monkeypatch.setattr(filing, "move_new", move)
    with Daemon(tmp_path) as daemon:
        daemon.drop("r.bin")
        (job,) = daemon.wait_for(State.DONE)
        assert os.listdir(daemon.work) == []
        assert (daemon.done / "r.bin").read_bytes() == (b"stranger" if stranger else b"content")
        assert job.ending is not None
        assert (daemon.done / os.fsdecode(job.ending.name)).read_bytes() == b"content"
        assert (daemon.done / f"{os.fsdecode(job.ending.name)}.json").exists()


def test_a_crash_after_removal_on_another_disk_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel says `another disk` even of a file that is moved already."""

    def elsewhere(source: bytes, target: bytes) -> None:
        raise OSError(errno.EXDEV, "another disk")

    def moved_before(source: bytes, target: bytes, *, temporary: bytes) -> None:
        os.rename(source, target)
        os.lstat(source)

    monkeypatch.setattr(filing, "rename_new", elsewhere)
    monkeypatch.setattr(filing, "move_new", moved_before)
    with Daemon(tmp_path) as daemon:
        daemon.drop("r.bin")
        daemon.wait_for(State.DONE)
        assert (daemon.done / "r.bin").read_bytes() == b"content"
        assert daemon.log.of(Event.ENVIRONMENT_PAUSED) == []


def test_a_retry_fetches_its_file_from_another_disk(tmp_path: Path) -> None:
    """rejected/ may be on another disk than work/."""
    other = Path("/dev/shm") if Path("/dev/shm").is_dir() else tmp_path
    rejected = other / f"inboxd-test-rejected-{os.getpid()}"
    inbox = f"{DELIVER}\nrejected: {rejected}"
    try:
        with (
            Receiver(status(422)) as receiver,
            Daemon(tmp_path, inbox=inbox, rest=http(receiver.url)) as daemon,
        ):
            daemon.drop("r.bin")
            (job,) = daemon.wait_for(State.FAILED)
            _retry(daemon, job.id)
            daemon.wait_for(State.DONE)
            assert (daemon.done / "r.bin").read_bytes() == b"content"
            assert os.listdir(rejected) == os.listdir(daemon.work) == []
    finally:
        shutil.rmtree(rejected, ignore_errors=True)


def test_slow_deliveries_do_not_hold_up_another_inbox(tmp_path: Path) -> None:
    """Inboxes take turns, and a destination's lane is its own."""
    fast = tmp_path / "fast"
    fast.mkdir()
    limits = replace(QUICK, drain_timeout=0.1)
    with Receiver(otherwise=silent()) as receiver:
        rest = http(receiver.url, "    concurrency: {max: 2}\n").replace("read: 5s", "read: 60s")
        daemon = Daemon(tmp_path, inbox=DELIVER, rest=rest, limits=limits)
        text = daemon.config_path.read_text()
        second = (
            '  quick: {path: fast, done: fd, rejected: fr, work: fw, accept: ["*/*"], '
            "read: none, settle: 50ms}\ndestinations:"
        )
        daemon.config_path.write_text(text.replace("destinations:", second))
        for number in range(30):
            daemon.drop(f"{number}.bin", b"%d" % number)
        with daemon:
            wait_until(lambda: receiver.connections == 2, "the lane to be full")
            (fast / "q.bin").write_bytes(b"quick")
            (done,) = daemon.wait_for(State.DONE)
            assert (done.inbox, done.name) == ("quick", "q.bin")
