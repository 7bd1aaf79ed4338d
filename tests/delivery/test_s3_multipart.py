"""Large files go to a bucket in parts: resumed, completed once, and never left behind."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.delivery.destination import Parcel
from daemon.delivery.s3.destination import S3Destination
from daemon.errors import Kind, StoppedError
from daemon.limits import MIB
from tests.delivery.contract import FarSide, Gigabytes, deliver, failed
from tests.delivery.parcels import Watched, never, parcel_of, write
from tests.delivery.s3_store import Kept, Store
from tests.exchange import Exchange
from tests.waiting import wait_until

SIZE = 23 * MIB
PARTS = 5
STEP = 256 * 1024


class FileResume:
    """A memory in a file, which outlives the destination."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Mapping[str, Any]:
        state: Mapping[str, Any] = json.loads(self.path.read_text()) if self.path.exists() else {}
        return state

    def keep(self, state: Mapping[str, Any]) -> None:
        self.path.write_text(json.dumps(state))


class Death(BaseException):
    """The process is no more."""


class DyingResume(FileResume):
    """A memory whose process dies before or after it kept something for the nth time."""

    def __init__(self, path: Path, nth: int, *, kept: bool) -> None:
        super().__init__(path)
        self.left = nth
        self.kept = kept

    def keep(self, state: Mapping[str, Any]) -> None:
        self.left -= 1
        if self.left or self.kept:
            super().keep(state)
        if not self.left:
            raise Death


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as running:
        yield running


@pytest.fixture
def destination(store: Store) -> S3Destination:
    return store.destination(multipart_threshold="5MiB")


@pytest.fixture
def large(tmp_path: Path) -> Parcel:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(SIZE)
    return parcel_of(tmp_path / "large", "large.bin", sha256="ab" * 32)


def with_memory(parcel: Parcel, resume: FileResume) -> Parcel:
    """The same parcel, which remembers elsewhere."""
    return replace(parcel, resume=resume)


def test_parts_and_their_sizes(store: Store, destination: S3Destination, large: Parcel) -> None:
    """All parts but the last have the same size, and the object is all of them."""
    acknowledgement = deliver(destination, large)
    assert store.objects["large.bin"].parts == {**dict.fromkeys(range(1, 5), 5 * MIB), 5: 3 * MIB}
    assert store.objects["large.bin"].size == SIZE
    assert acknowledgement.response == {"etag": "e-2"}
    assert store.operations[0] == "CreateMultipartUpload"
    assert store.operations[-1] == "CompleteMultipartUpload"


def test_nothing_is_sent_before_the_upload_is_remembered(
    store: Store, tmp_path: Path, destination: S3Destination, large: Parcel
) -> None:
    """The memory holds the upload's id before the first part."""
    resume = FileResume(tmp_path / "memory")
    known = []

    def look(exchange: Exchange) -> None:
        known.append(resume.load())
        exchange.answer(503)

    store.next("UploadPart", *[look] * PARTS)
    failed(destination, with_memory(large, resume))
    assert known[0]["id"] in store.uploads


def test_parts_that_are_there_are_not_sent_again(
    store: Store, tmp_path: Path, destination: S3Destination, large: Parcel
) -> None:
    """After a failure, also in another process, only what is missing is sent."""
    store.fails("UploadPart", 500, "InternalError")
    parcel = with_memory(large, FileResume(tmp_path / "memory"))
    error = failed(destination, parcel)
    assert (error.code, error.kind) == ("server_error", Kind.TRANSIENT)
    (upload,) = store.uploads.values()
    missing = PARTS - len(upload.parts)
    sent = store.count("UploadPart")
    store.page = 1
    deliver(store.destination(multipart_threshold="5MiB", part_size="9MiB"), parcel)
    assert store.count("UploadPart") - sent == missing
    assert store.objects["large.bin"].size == SIZE
    assert store.uploads == {}


def test_progress_of_a_resumed_file_begins_where_it_was(
    store: Store, destination: S3Destination, large: Parcel
) -> None:
    """What the store has already counts from the start."""
    store.next("CompleteMultipartUpload", lambda exchange: exchange.close())
    failed(destination, large)
    progress = Watched()
    destination.deliver(large, progress, never())
    assert progress.seen == [SIZE]


def test_part_of_another_size_is_sent_again(
    store: Store, destination: S3Destination, large: Parcel
) -> None:
    """A part that the store has only half of does not count."""
    store.next("CompleteMultipartUpload", lambda exchange: exchange.close())
    failed(destination, large)
    (upload,) = store.uploads.values()
    upload.parts[2] = 17
    deliver(destination, large)
    assert store.objects["large.bin"].size == SIZE


@pytest.mark.parametrize(
    ("allowed", "parts", "reached"),
    [(8_000_000, 2, 5 * MIB + 10 * STEP), (12 * MIB, 3, 12 * MIB), (1, 1, 5 * MIB)],
)
def test_no_more_is_under_way_than_a_crash_may_cost(
    store: Store, large: Parcel, allowed: int, parts: int, reached: int
) -> None:
    """While no part is acknowledged no more than resend_at_most is sent, by however many."""
    began = []

    def hold(exchange: Exchange) -> None:
        began.append(exchange.path)
        exchange.read_body()
        exchange.hold()

    store.next("UploadPart", *[hold] * PARTS)
    destination = store.destination(
        multipart_threshold="5MiB", resend_at_most=allowed, part_workers=8
    )
    stop = threading.Event()
    progress = Watched()

    def send() -> None:
        with pytest.raises(StoppedError):
            destination.deliver(large, progress, stop)

    sending = threading.Thread(target=send)
    sending.start()
    wait_until(lambda: progress.seen[-1:] == [reached], lambda: f"{reached}: {progress.seen[-1:]}")
    stop.set()
    sending.join(60)
    assert max(progress.seen) == reached
    assert len(began) == parts


def test_long_list_of_parts(store: Store, tmp_path: Path) -> None:
    """Of ten thousand parts, listed on several pages, the one that is missing is sent."""
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(10_000 * 5 * MIB)
    parcel = parcel_of(tmp_path / "huge", "huge.bin", sha256="ab" * 32)
    destination = store.destination()
    store.fails("UploadPart", 400, "SlowDown")
    failed(destination, parcel)
    (upload,) = store.uploads.values()
    upload.parts = {number: 5 * MIB for number in range(1, 10_001) if number != 7_777}
    before = store.count("UploadPart")
    deliver(destination, parcel)
    assert store.count("UploadPart") - before == 1
    assert store.count("ListParts") == 10
    assert store.objects["huge.bin"].size == 10_000 * 5 * MIB


def test_answer_to_complete_that_was_lost(
    store: Store, destination: S3Destination, large: Parcel
) -> None:
    """The object that is there is known as ours, and nothing is sent again."""
    store.loses("CompleteMultipartUpload")
    failed(destination, large)
    sent = store.count("UploadPart")
    acknowledgement = deliver(destination, large)
    assert (acknowledgement.bytes, acknowledgement.http_status) == (SIZE, 200)
    assert store.count("UploadPart") == sent


def test_other_object_after_a_lost_upload(
    store: Store, destination: S3Destination, large: Parcel
) -> None:
    """An object of other content proves nothing; the upload begins anew."""
    store.fails("CompleteMultipartUpload", 404, "NoSuchUpload")
    assert failed(destination, large).code == "upload_lost"
    store.uploads.clear()
    assert failed(destination, large).code == "upload_lost"
    deliver(destination, large)
    assert store.objects["large.bin"].size == SIZE


def test_answer_to_create_that_was_lost(
    store: Store, destination: S3Destination, large: Parcel
) -> None:
    """An upload whose id never arrived is found and taken back, those of others are not."""
    store.loses("CreateMultipartUpload")
    store.uploads["other"] = Kept("other.bin", {})
    failed(destination, large)
    deliver(destination, large)
    assert list(store.uploads) == ["other"]


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("goes_on", [False, True])
def test_death_while_something_is_remembered(
    store: Store, large: Parcel, tmp_path: Path, nth: int, kept: bool, goes_on: bool
) -> None:
    """Whenever the process dies, the next one finishes the upload or takes it back, whole."""
    dying = DyingResume(tmp_path / "memory", nth, kept=kept)
    with pytest.raises(Death):
        deliver(store.destination(multipart_threshold="5MiB"), with_memory(large, dying))
    resume = FileResume(tmp_path / "memory")
    second = store.destination(multipart_threshold="5MiB")
    if goes_on:
        deliver(second, with_memory(large, resume))
    else:
        second.abandon(resume)
        assert resume.load() == {}
    assert store.uploads == {}
    assert len(store.objects) == goes_on


def test_memory_that_may_not_be_searched_for(
    store: Store, destination: S3Destination, large: Parcel
) -> None:
    """Where the key may not list uploads, one whose id was lost stays, and the file goes on."""
    store.loses("CreateMultipartUpload")
    failed(destination, large)
    store.fails("ListMultipartUploads", 500, "InternalError")
    assert failed(destination, large).kind is Kind.TRANSIENT
    store.fails("ListMultipartUploads", 403, "AccessDenied")
    deliver(destination, large)
    assert len(store.uploads) == 1


def test_error_inside_an_answer_of_200(
    store: Store, destination: S3Destination, large: Parcel
) -> None:
    """Completing can fail after the store said 200; the next attempt only completes."""
    store.fails("CompleteMultipartUpload", 200, "InternalError")
    error = failed(destination, large)
    assert (error.code, error.kind) == ("server_error", Kind.TRANSIENT)
    sent = store.count("UploadPart")
    deliver(destination, large)
    assert store.count("UploadPart") == sent


def test_part_that_the_store_lost(store: Store, destination: S3Destination, large: Parcel) -> None:
    """Where the store does not accept its own parts, the upload is aborted and begins anew."""
    store.fails("CompleteMultipartUpload", 400, "InvalidPart")
    assert failed(destination, large).code == "upload_lost"
    assert store.uploads == {}
    assert failed(destination, large).code == "upload_lost"
    deliver(destination, large)


def test_failure_for_good_leaves_no_parts(
    store: Store, destination: S3Destination, large: Parcel
) -> None:
    """What will not be finished is aborted and forgotten."""
    store.fails("UploadPart", 403, "AccessDenied")
    error = failed(destination, large)
    assert (error.code, error.kind) == ("auth_refused", Kind.PERMANENT)
    assert store.uploads == {}
    assert large.resume.load() == {}


def test_file_that_changes_between_parts(
    store: Store, destination: S3Destination, large: Parcel, tmp_path: Path
) -> None:
    """Parts of two versions of a file never become an object."""

    def change(exchange: Exchange) -> None:
        exchange.read_body()
        with (tmp_path / "large").open("r+b") as file:
            file.write(b"changed")
        exchange.answer(200, {"ETag": '"1"'})

    store.next("UploadPart", change)
    error = failed(destination, large)
    assert (error.code, error.kind) == ("file_changed", Kind.PERMANENT)
    assert (store.objects, store.uploads) == ({}, {})


def test_stop_keeps_the_upload_and_abandon_takes_it_back(
    store: Store, destination: S3Destination, large: Parcel
) -> None:
    """A stop leaves what was sent for the next start; a delivery given up leaves nothing."""
    stop = threading.Event()
    with pytest.raises(StoppedError):
        destination.deliver(large, Watched(at=6 * MIB, act=stop.set), stop)
    assert len(store.uploads) == 1
    destination.abandon(large.resume)
    destination.abandon(large.resume)
    assert store.uploads == {}
    assert large.resume.load() == {}


def test_upload_for_another_key_is_taken_back(
    store: Store, destination: S3Destination, large: Parcel
) -> None:
    """A configuration that names objects differently begins anew and leaves nothing."""
    store.next("CompleteMultipartUpload", lambda exchange: exchange.close())
    failed(destination, large)
    renamed = store.destination(multipart_threshold="5MiB", key="new/{name}")
    deliver(renamed, large)
    assert store.uploads == {}
    assert list(store.objects) == ["new/large.bin"]


def test_file_that_changed_between_attempts(
    store: Store, destination: S3Destination, large: Parcel, tmp_path: Path
) -> None:
    """A file that was written to since begins anew: parts of two versions never meet."""
    store.next("CompleteMultipartUpload", lambda exchange: exchange.close())
    failed(destination, large)
    os.utime(tmp_path / "large", (1, 1))
    deliver(destination, large)
    assert store.count("CreateMultipartUpload") == 2
    assert store.count("UploadPart") == 2 * PARTS
    assert store.uploads == {}


def test_part_without_an_etag(store: Store, destination: S3Destination, large: Parcel) -> None:
    """A store that does not say what it took is not believed."""
    store.next("UploadPart", lambda exchange: exchange.read_body() or exchange.answer(200))
    assert failed(destination, large).code == "answer_broken"
    deliver(destination, large)


def test_memory_of_another_kind(store: Store, destination: S3Destination, large: Parcel) -> None:
    """What another destination kept under the same name is no upload of ours."""
    large.resume.keep({"url": "https://tus.example.com/1"})
    deliver(destination, large)
    assert store.objects["large.bin"].size == SIZE


def test_tidy_keys_and_ids(store: Store, tmp_path: Path) -> None:
    """Ids of uploads with odd characters, and names with any, find their upload."""
    path = write(tmp_path, os.urandom(6 * MIB))
    destination = store.destination(multipart_threshold="5MiB")
    deliver(destination, parcel_of(path, 'say "ä" & <b>+%.jpg'))
    assert list(store.objects) == ['say "ä" & <b>+%.jpg']


class StoreSide(FarSide):
    """A store that throws all content away."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def destination(self, **options: object) -> S3Destination:
        return self.store.destination(**options)

    def kept(self) -> list[Any]:
        return list(self.store.objects.values())


@pytest.mark.system
class TestGigabytes(Gigabytes):
    @pytest.fixture
    def far_side(self, store: Store) -> FarSide:
        return StoreSide(store)
