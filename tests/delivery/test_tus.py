"""The tus destination goes on where a server is, and no odd answer leads it astray."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.delivery.destination import Acknowledgement, Parcel
from daemon.errors import DeliveryError, Kind, StoppedError
from tests.delivery.parcels import Watched, never, parcel_of, write
from tests.delivery.tus_receiver import Answering, Handler, Held, TusReceiver
from tests.delivery.tus_sides import tus_destination

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def receiver() -> Iterator[TusReceiver]:
    with TusReceiver() as made:
        yield made


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    return parcel_of(write(tmp_path, CONTENT))


def deliver(receiver: TusReceiver, parcel: Parcel, **options: object) -> Acknowledgement:
    """One attempt of a daemon that has just begun and knows nothing but what was kept."""
    destination = tus_destination(receiver.url, **options)
    try:
        return destination.deliver(parcel, lambda _: None, never())
    finally:
        destination.close()


def failed(receiver: TusReceiver, parcel: Parcel, **options: object) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        deliver(receiver, parcel, **options)
    return caught.value


def cut_after(size: int) -> Answering:
    """Keep the first `size` bytes of a PATCH, then hang up."""

    def answering(handler: Handler) -> None:
        held = handler.site.uploads[handler.path.rpartition("/")[2]]
        left = size
        while left:
            data = handler.rfile.read1(left)
            if not data:
                break
            held.content.extend(data)
            left -= len(data)
        raise ConnectionResetError

    return answering


class TestWhatIsSent:
    def test_headers(self, receiver: TusReceiver, parcel: Parcel) -> None:
        """The version goes with all but OPTIONS, the key with creation, the length before all."""
        deliver(receiver, parcel)
        options, post, patch = receiver.asked
        assert [options.method, post.method, patch.method] == ["OPTIONS", "POST", "PATCH"]
        assert "Tus-Resumable" not in options.headers
        assert post.headers["Tus-Resumable"] == patch.headers["Tus-Resumable"] == "1.0.0"
        assert post.headers["Upload-Length"] == str(len(CONTENT))
        assert post.headers["Idempotency-Key"] == parcel.idempotency_key
        assert patch.headers["Content-Type"] == "application/offset+octet-stream"
        assert receiver.contents == [CONTENT]

    def test_metadata(self, receiver: TusReceiver, parcel: Parcel) -> None:
        """Metadata are templates, and whatever a name holds arrives."""
        named = replace(parcel, name='Quittung "ä", 領.jpg\n')
        deliver(receiver, named, metadata={"filename": "{name}", "from": "{inbox}", "empty": ""})
        assert receiver.uploads["1"].named == {
            "filename": 'Quittung "ä", 領.jpg\n',
            "from": "receipts",
            "empty": "",
        }

    def test_no_metadata(self, receiver: TusReceiver, parcel: Parcel) -> None:
        """Without metadata there is no such header."""
        deliver(receiver, parcel, metadata={})
        assert "Upload-Metadata" not in receiver.asked[1].headers

    def test_answer(self, receiver: TusReceiver, parcel: Parcel) -> None:
        """Where the upload is stands in the sidecar, and so does what a server says of it."""

        def told(handler: Handler) -> None:
            held = handler.site.uploads["1"]
            handler.read_body(held.content.extend)
            facts = {"Upload-Offset": str(held.length), "Content-Type": "application/json"}
            handler.answer(200, facts, b'{"id": 7}')

        receiver.do_instead("PATCH", told)
        got = deliver(receiver, parcel)
        assert (got.location, got.http_status) == (f"{receiver.url}1", 200)
        assert (got.bytes, got.response) == (len(CONTENT), {"id": 7})

    def test_the_offer_is_asked_for_once(self, receiver: TusReceiver, tmp_path: Path) -> None:
        """What a server can do is remembered."""
        destination = tus_destination(receiver.url)
        for number in range(3):
            parcel = parcel_of(write(tmp_path, b"%d" % number), key=f"key-{number}")
            destination.deliver(parcel, lambda _: None, never())
        destination.close()
        assert receiver.methods() == ["OPTIONS", *["POST", "PATCH"] * 3]

    @pytest.mark.parametrize("status", [403, 404, 405])
    def test_a_server_that_knows_no_options(
        self, receiver: TusReceiver, parcel: Parcel, status: int
    ) -> None:
        """A server that says nothing of itself gets the file all the same."""
        receiver.instead("OPTIONS", status)
        deliver(receiver, parcel)
        assert receiver.contents == [CONTENT]


class TestGoingOn:
    def test_after_a_cut(self, receiver: TusReceiver, parcel: Parcel) -> None:
        """What the server has is not sent again, in the same attempt and after a restart."""
        receiver.do_instead("PATCH", cut_after(100_000))
        receiver.do_instead("PATCH", cut_after(300_000))
        assert failed(receiver, parcel).kind is Kind.TRANSIENT
        destination, progress = tus_destination(receiver.url), Watched()
        destination.deliver(parcel, progress, never())
        destination.close()
        assert progress.seen[0] == 400_000
        sent = [asked.headers for asked in receiver.asked if asked.method == "PATCH"]
        assert [headers["Upload-Offset"] for headers in sent] == ["0", "100000", "400000"]
        assert receiver.methods().count("POST") == 1
        assert receiver.contents == [CONTENT]

    def test_after_the_last_answer_was_lost(self, receiver: TusReceiver, parcel: Parcel) -> None:
        """A server that has all of it gets nothing more."""
        receiver.do_instead("PATCH", cut_after(len(CONTENT)))
        receiver.do_instead("HEAD", cut_after(0))
        failed(receiver, parcel)
        assert deliver(receiver, parcel).location == f"{receiver.url}1"
        assert receiver.methods().count("PATCH") == 1
        assert receiver.contents == [CONTENT]

    def test_other_content(self, receiver: TusReceiver, parcel: Parcel, tmp_path: Path) -> None:
        """An upload that was begun with other content is not gone on with."""
        receiver.do_instead("PATCH", cut_after(100_000))
        receiver.do_instead("HEAD", cut_after(0))
        failed(receiver, parcel)
        other = write(tmp_path, CONTENT[::-1], "other")
        deliver(receiver, replace(parcel_of(other), resume=parcel.resume))
        assert receiver.contents == [CONTENT[::-1]]

    def test_a_file_that_was_touched(self, receiver: TusReceiver, tmp_path: Path) -> None:
        """Nor is one whose file was written to in between, whatever its hash was before."""
        path = write(tmp_path, CONTENT)
        parcel = parcel_of(path)
        receiver.do_instead("PATCH", cut_after(100_000))
        receiver.do_instead("HEAD", cut_after(0))
        failed(receiver, parcel)
        path.write_bytes(CONTENT)
        os.utime(path, (1, 1))  # a write may fall into the same tick of the clock as the first one
        deliver(receiver, parcel)
        assert receiver.contents == [CONTENT]
        assert len(receiver.uploads) == 2

    @pytest.mark.parametrize("status", [403, 404, 410])
    def test_an_upload_that_is_gone(
        self, receiver: TusReceiver, parcel: Parcel, status: int
    ) -> None:
        """A new upload takes the place of one that the server has forgotten."""
        deliver(receiver, parcel)
        receiver.uploads.clear()
        receiver.instead("HEAD", status)
        deliver(receiver, parcel)
        assert receiver.contents == [CONTENT]

    @pytest.mark.parametrize("status", [404, 410])
    def test_an_upload_that_goes_while_it_is_sent(
        self, receiver: TusReceiver, parcel: Parcel, status: int
    ) -> None:
        """The same holds where it is gone by the time of the PATCH."""
        receiver.instead("PATCH", status)
        deliver(receiver, parcel)
        assert receiver.contents == [CONTENT]

    def test_an_upload_that_expired(self, parcel: Parcel) -> None:
        """A server is not even asked for an upload past its time."""
        with TusReceiver(expires=time.time() - 1) as receiver:
            receiver.do_instead("PATCH", cut_after(100_000))
            receiver.do_instead("HEAD", cut_after(0))
            failed(receiver, parcel)
            asked = len(receiver.asked)
            deliver(receiver, parcel)
            assert "HEAD" not in receiver.methods()[asked:]
            assert receiver.contents == [CONTENT]

    def test_an_upload_that_has_time(self, parcel: Parcel) -> None:
        """One that has not expired is gone on with."""
        with TusReceiver(expires=time.time() + 60) as receiver:
            receiver.do_instead("PATCH", cut_after(100_000))
            receiver.do_instead("HEAD", cut_after(0))
            failed(receiver, parcel)
            deliver(receiver, parcel)
            assert len(receiver.uploads) == 1

    def test_a_server_that_is_elsewhere_now(self, receiver: TusReceiver, parcel: Parcel) -> None:
        """What was begun at a server that is no longer configured is begun anew at another."""
        with TusReceiver() as former:
            former.do_instead("PATCH", cut_after(100_000))
            former.do_instead("HEAD", cut_after(0))
            failed(former, parcel)
        deliver(receiver, parcel)
        assert receiver.contents == [CONTENT]


class TestOddAnswers:
    def test_another_offset(self, receiver: TusReceiver, parcel: Parcel) -> None:
        """A conflict is settled by asking where the server is."""
        receiver.instead("PATCH", 409)
        deliver(receiver, parcel)
        assert receiver.methods() == ["OPTIONS", "POST", "PATCH", "HEAD", "PATCH"]
        assert receiver.contents == [CONTENT]

    def test_conflicts_without_end(self, receiver: TusReceiver, parcel: Parcel) -> None:
        """A server that never takes what it asks for is not asked for ever."""
        for _ in range(9):
            receiver.instead("PATCH", 409)
        error = failed(receiver, parcel)
        assert (error.code, error.kind) == ("protocol_broken", Kind.TRANSIENT)
        assert receiver.methods().count("PATCH") == 3

    def test_a_part_is_taken(self, receiver: TusReceiver, parcel: Parcel) -> None:
        """A server that takes less than it is sent gets the rest."""

        def take_some(handler: Handler) -> None:
            held = handler.site.uploads["1"]
            handler.read_body(held.content.extend)
            del held.content[1000:]
            handler.answer(204, {"Upload-Offset": "1000"})

        receiver.do_instead("PATCH", take_some)
        deliver(receiver, parcel)
        assert receiver.contents == [CONTENT]

    def test_no_offset(self, receiver: TusReceiver, parcel: Parcel) -> None:
        """A success that does not say how much is there is not believed before HEAD says so."""
        receiver.instead("PATCH", 204)
        deliver(receiver, parcel)
        assert receiver.contents == [CONTENT]

    @pytest.mark.parametrize("offset", ["99999999999", "-1", "many", "1" * 30])
    def test_an_offset_that_cannot_be(
        self, receiver: TusReceiver, parcel: Parcel, offset: str
    ) -> None:
        """Nor is one that is beyond the end, or no number."""
        receiver.instead("PATCH", 204, Upload_Offset=offset)
        deliver(receiver, parcel)
        assert receiver.contents == [CONTENT]

    def test_an_upload_of_another_length(self, receiver: TusReceiver, parcel: Parcel) -> None:
        """An address under which something else lies now is left alone."""
        deliver(receiver, parcel)
        receiver.uploads["1"].length = 5
        deliver(receiver, parcel)
        assert receiver.contents == [CONTENT]
        assert receiver.uploads["1"].length == 5

    def test_a_login_page(self, receiver: TusReceiver, parcel: Parcel) -> None:
        """A success that is none does not count, wherever it comes."""
        receiver.instead("POST", 200, b"<html>Please log in</html>")
        assert failed(receiver, parcel).code == "protocol_broken"
        deliver(receiver, parcel)
        receiver.instead("HEAD", 200)
        assert failed(receiver, parcel).code == "protocol_broken"

    @pytest.mark.parametrize(
        ("method", "status", "code", "kind"),
        [
            ("POST", 412, "protocol_version", Kind.PERMANENT),
            ("POST", 413, "too_large_for_server", Kind.PERMANENT),
            ("POST", 400, "refused_by_server", Kind.PERMANENT),
            ("POST", 301, "redirected", Kind.PERMANENT),
            ("PATCH", 413, "too_large_for_server", Kind.PERMANENT),
            ("PATCH", 403, "auth_refused", Kind.PERMANENT),
            ("PATCH", 423, "upload_locked", Kind.TRANSIENT),
            ("PATCH", 460, "checksum_mismatch", Kind.TRANSIENT),
            ("PATCH", 500, "server_error", Kind.TRANSIENT),
            ("PATCH", 507, "server_full", Kind.TRANSIENT),
        ],
    )
    def test_refusals(
        self,
        receiver: TusReceiver,
        parcel: Parcel,
        method: str,
        status: int,
        code: str,
        kind: Kind,
    ) -> None:
        """Each refusal has its code, and says whether another attempt can help."""
        receiver.instead(method, status, b'{"why": "so"}', Location="https://example.com/")
        error = failed(receiver, parcel)
        assert (error.code, error.kind, error.http_status) == (code, kind, status)
        assert error.response == {"why": "so"}

    def test_another_version(self, parcel: Parcel) -> None:
        """A server of another version is told nothing more."""
        with TusReceiver(versions="0.2.2,2.0.0") as receiver:
            error = failed(receiver, parcel)
            assert (error.code, error.kind) == ("protocol_version", Kind.PERMANENT)
            assert receiver.methods() == ["OPTIONS"]

    def test_too_large(self, parcel: Parcel) -> None:
        """A file over the size that the server names is not begun."""
        with TusReceiver(largest=len(CONTENT) - 1) as receiver:
            assert failed(receiver, parcel).code == "too_large_for_server"
            assert receiver.methods() == ["OPTIONS"]
        with TusReceiver(largest=len(CONTENT)) as receiver:
            deliver(receiver, parcel)

    def test_a_stop_ends_the_wait(self, receiver: TusReceiver, parcel: Parcel) -> None:
        """A stop is heard while a server thinks about a request without a body."""
        stop = threading.Event()
        released = threading.Event()

        def think(handler: Handler) -> None:
            stop.set()
            released.wait(60)

        receiver.do_instead("POST", think)
        destination = tus_destination(receiver.url, timeout={"connect": "2s", "read": "60s"})
        with pytest.raises(StoppedError):
            destination.deliver(parcel, lambda _: None, stop)
        released.set()
        destination.close()


class TestElsewhere:
    @pytest.fixture
    def other(self) -> Iterator[TusReceiver]:
        with TusReceiver() as made:
            yield made

    def send_to(self, receiver: TusReceiver, other: TusReceiver) -> None:
        def created(handler: Handler) -> None:
            other.uploads["9"] = Held(int(handler.headers["Upload-Length"]))
            handler.read_body(lambda _: None)
            handler.answer(201, {"Location": f"{other.url}9"})

        receiver.do_instead("POST", created)

    def test_is_refused(self, receiver: TusReceiver, other: TusReceiver, parcel: Parcel) -> None:
        """A file goes where the configuration says, not where an answer says."""
        self.send_to(receiver, other)
        error = failed(receiver, parcel)
        assert (error.code, error.kind) == ("location_elsewhere", Kind.PERMANENT)
        assert f"127.0.0.1:{other.port}" in error.message
        assert other.asked == []

    def test_is_allowed_without_our_secrets(
        self,
        receiver: TusReceiver,
        other: TusReceiver,
        parcel: Parcel,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Another server that is named gets the file, and neither credentials nor headers."""
        monkeypatch.setenv("TOKEN", "canary-secret")
        self.send_to(receiver, other)
        deliver(
            receiver,
            parcel,
            upload_origins=[other.url],
            auth={"type": "bearer", "token_env": "TOKEN"},
            headers={"X-Project": "canary-header"},
        )
        assert other.contents == [CONTENT]
        assert "canary" in str(receiver.asked[1].headers)
        assert "canary" not in str(other.asked)

    @pytest.mark.parametrize(
        "location", ["ftp://127.0.0.1/x", "//[", "http://h:x/", "file:///etc/passwd", ""]
    )
    def test_is_no_address(self, receiver: TusReceiver, parcel: Parcel, location: str) -> None:
        """What cannot be an address is a mistake of the server."""
        receiver.instead("POST", 201, Location=location)
        assert failed(receiver, parcel).code == "protocol_broken"

    def test_relative_and_absolute(self, receiver: TusReceiver, parcel: Parcel) -> None:
        """An address on the same server may be written in any way."""
        for location in (
            "1",
            "/files/1",
            f"//127.0.0.1:{receiver.port}/files/1",
            receiver.url + "1",
        ):
            receiver.uploads["1"] = Held(len(CONTENT))
            receiver.instead("POST", 201, Location=location)
            parcel.resume.keep({})
            assert deliver(receiver, parcel).location == f"{receiver.url}1"
