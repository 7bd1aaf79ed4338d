"""What a tus server offers beyond the core protocol is used, where it is of use."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from daemon.config.destinations import TusDestinationConfig
from daemon.delivery.destination import Abandoning, Finding, Parcel
from daemon.delivery.tus import protocol
from daemon.errors import DeliveryError
from tests.delivery.parcels import Watched, never, parcel_of, write
from tests.delivery.tus_receiver import TusReceiver
from tests.delivery.tus_sides import tus_destination

CONTENT = b"content" * 1000


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    return parcel_of(write(tmp_path, CONTENT))


def deliver(receiver: TusReceiver, parcel: Parcel, **options: object) -> None:
    destination = tus_destination(receiver.url, **options)
    try:
        destination.deliver(parcel, lambda _: None, never())
    finally:
        destination.close()


def checksums(receiver: TusReceiver) -> list[str | None]:
    patches = [asked.headers for asked in receiver.asked if asked.method == "PATCH"]
    return [headers.get("Upload-Checksum") for headers in patches]


class TestChecksum:
    @pytest.mark.parametrize(
        ("offered", "used"), [("md5,sha1,sha256", "sha256"), ("sha1", "sha1"), ("crc32", None)]
    )
    def test_of_a_whole_file(self, parcel: Parcel, offered: str, used: str | None) -> None:
        """The best algorithm that both know is used, in the words of the protocol."""
        with TusReceiver(checksums=offered) as receiver:
            deliver(receiver, parcel)
            assert receiver.contents == [CONTENT]
            expected = None
            if used is not None:
                digest = base64.b64encode(hashlib.new(used, CONTENT).digest()).decode()
                expected = f"{used} {digest}"
            assert checksums(receiver) == [expected]

    def test_not_of_a_rest(self, parcel: Parcel) -> None:
        """What is gone on with has none: it would be that of the rest, not of the file."""
        with TusReceiver(checksums="sha256") as receiver:
            receiver.instead("PATCH", 503)
            with pytest.raises(DeliveryError):
                deliver(receiver, parcel)
            receiver.uploads["1"].content += CONTENT[:10]
            deliver(receiver, parcel)
            assert checksums(receiver)[1] is None
            assert receiver.contents == [CONTENT]

    def test_not_of_a_large_file(self, tmp_path: Path) -> None:
        """A server throws away what a cut leaves of a request with a checksum."""
        path = tmp_path / "large"
        with path.open("wb") as file:
            file.truncate(protocol.CHECKED_UP_TO + 1)
        with TusReceiver(checksums="sha256") as receiver:
            deliver(receiver, parcel_of(path))
            assert checksums(receiver) == [None]

    def test_that_does_not_match(self, parcel: Parcel) -> None:
        """A server that got other bytes than were sent is sent them again."""
        with TusReceiver(checksums="sha256") as receiver:
            wrong = replace(parcel, sha256="0" * 64)
            with pytest.raises(DeliveryError) as caught:
                deliver(receiver, wrong)
            assert (caught.value.code, receiver.contents) == ("checksum_mismatch", [])
            deliver(receiver, parcel)
            assert receiver.contents == [CONTENT]


class TestOneRequest:
    def test_small_files(self, parcel: Parcel) -> None:
        """A small file goes with its creation where that is wanted and offered."""
        with TusReceiver() as receiver:
            progress = Watched()
            destination = tus_destination(receiver.url, one_request_up_to="7kB")
            got = destination.deliver(parcel, progress, never())
            destination.close()
            assert receiver.methods() == ["OPTIONS", "POST"]
            assert (got.location, got.http_status) == (f"{receiver.url}1", 201)
            assert progress.seen[-1] == len(CONTENT)
            assert receiver.contents == [CONTENT]

    def test_a_part_of_it_is_taken(self, parcel: Parcel) -> None:
        """What a server did not take with the creation is sent after it."""
        with TusReceiver() as receiver:
            receiver.do_instead("POST", lambda handler: handler.create(10))
            deliver(receiver, parcel, one_request_up_to="7kB")
            assert receiver.methods() == ["OPTIONS", "POST", "PATCH"]
            assert receiver.contents == [CONTENT]

    @pytest.mark.parametrize(("extensions", "up_to"), [("", "7kB"), ("creation-with-upload", 6999)])
    def test_others(self, parcel: Parcel, extensions: str, up_to: object) -> None:
        """Larger files, and all where it is not offered, take two."""
        with TusReceiver(extensions) as receiver:
            deliver(receiver, parcel, one_request_up_to=up_to)
            assert receiver.methods() == ["OPTIONS", "POST", "PATCH"]

    def test_not_unless_asked(self, parcel: Parcel) -> None:
        """As it comes, no lost answer can make a second file."""
        with TusReceiver() as receiver:
            deliver(receiver, parcel)
            assert receiver.methods() == ["OPTIONS", "POST", "PATCH"]


class TestTermination:
    def begun(self, receiver: TusReceiver, parcel: Parcel) -> None:
        receiver.instead("PATCH", 503)
        with pytest.raises(DeliveryError):
            deliver(receiver, parcel)
        assert len(receiver.uploads) == 1

    def test_of_what_is_given_up(self, parcel: Parcel) -> None:
        """An upload that nobody will finish is taken away, and forgotten."""
        with TusReceiver() as receiver:
            self.begun(receiver, parcel)
            destination = tus_destination(receiver.url)
            assert isinstance(destination, Abandoning)
            destination.abandon(parcel.resume)
            destination.abandon(parcel.resume)
            destination.close()
            assert receiver.uploads == {}
            assert parcel.resume.load() == {}
            assert receiver.methods().count("DELETE") == 1

    def test_where_it_is_not_offered(self, parcel: Parcel) -> None:
        """Where uploads cannot be taken away they are left to expire."""
        with TusReceiver("") as receiver:
            self.begun(receiver, parcel)
            destination = tus_destination(receiver.url)
            destination.abandon(parcel.resume)
            destination.close()
            assert "DELETE" not in receiver.methods()

    def test_of_what_changed(self, tmp_path: Path) -> None:
        """What was sent of a file that changed is of no use, and goes at once."""
        path = write(tmp_path, os.urandom(3_000_000))
        parcel = parcel_of(path)
        progress = Watched(at=1_000_000, act=lambda: os.utime(path, ns=(0, 0)))
        with TusReceiver() as receiver:
            destination = tus_destination(receiver.url)
            with pytest.raises(DeliveryError) as caught:
                destination.deliver(parcel, progress, never())
            destination.close()
            assert caught.value.code == "file_changed"
            assert receiver.uploads == {}
            assert parcel.resume.load() == {}

    def test_of_what_a_benchmark_delivered(self, parcel: Parcel) -> None:
        """A benchmark cleans up after itself."""
        with TusReceiver() as receiver:
            destination = tus_destination(receiver.url)
            got = destination.deliver(parcel, lambda _: None, never())
            assert destination.discard(got)
            with pytest.raises(DeliveryError):
                destination.discard(replace(got, location="https://elsewhere.example/1"))
            destination.close()
            assert receiver.uploads == {}


class TestCheck:
    def findings(self, receiver: TusReceiver) -> list[Finding]:
        destination = tus_destination(receiver.url)
        try:
            return destination.check()
        finally:
            destination.close()

    @pytest.fixture
    def receiver(self) -> Iterator[TusReceiver]:
        with TusReceiver() as made:
            yield made

    def test_finds_all_well(self, receiver: TusReceiver) -> None:
        """It says what is offered, and that an upload can be begun, of which nothing stays."""
        found = self.findings(receiver)
        subjects = ["dns", "tcp", "answer", "auth", "place", "rights", "quota"]
        assert [f.subject for f in found] == subjects
        assert all(f.ok for f in found)
        assert "termination" in found[4].message
        assert receiver.uploads == {}

    @pytest.mark.parametrize(
        ("status", "subject", "said"),
        [
            (401, "auth", "check `auth`"),
            (403, "rights", "auth"),
            (413, "rights", "larger"),
            (507, "quota", "no room"),
        ],
    )
    def test_finds_that_uploads_are_refused(
        self, receiver: TusReceiver, status: int, subject: str, said: str
    ) -> None:
        """Rights and quota show only when an upload is begun."""
        receiver.instead("POST", status)
        last = self.findings(receiver)[-1]
        assert (last.subject, last.ok) == (subject, False)
        assert said in last.message

    def test_finds_another_protocol(self) -> None:
        """A server that does not say that it speaks tus is not the right one."""
        with TusReceiver(versions="2.0.0") as receiver:
            last = self.findings(receiver)[-1]
        assert (last.subject, last.ok) == ("place", False)
        assert "2.0.0" in last.message


class TestConfiguration:
    @pytest.mark.parametrize("key", ["a key", "a,key", "schlüssel", ""])
    def test_metadata_keys(self, key: str) -> None:
        """A key that the protocol cannot carry is refused at the start."""
        with pytest.raises(ValidationError, match="is no key"):
            TusDestinationConfig.model_validate(
                {"type": "tus", "url": "http://127.0.0.1/", "metadata": {key: "x"}}
            )

    @pytest.mark.parametrize(
        "keys", [{"url": "http://a.test/{inbox}"}, {"upload_origins": ["http://a.test/{sha256}"]}]
    )
    def test_addresses_have_no_fields(self, keys: dict[str, object]) -> None:
        """A server has one address; what differs from file to file is metadata."""
        with pytest.raises(ValidationError, match="one address for all files"):
            TusDestinationConfig.model_validate({"type": "tus", "url": "http://127.0.0.1/", **keys})


class TestHeaders:
    @given(st.dictionaries(st.text("abcXYZ-_09", min_size=1), st.text()))
    def test_metadata_can_be_read_back(self, pairs: dict[str, str]) -> None:
        """Whatever the values are, the header is one line of ASCII that holds them."""
        value = protocol.metadata(pairs)
        assert value.isascii()
        assert value.isprintable()
        read = {}
        for pair in filter(None, value.split(",")):
            key, _, encoded = pair.partition(" ")
            read[key] = base64.b64decode(encoded).decode()
        assert read == {
            key: text.encode("utf-8", "replace").decode() for key, text in pairs.items()
        }

    @given(st.text())
    def test_nothing_in_a_header_breaks_the_reading(self, text: str) -> None:
        """A header is a number, a date or an address, or it is as if it were not there."""
        number = protocol.number(text)
        assert number is None or number >= 0
        protocol.expiry({"Upload-Expires": text})
        where = protocol.place({"Location": text}, "https://tus.example.com/files/")
        assert where is None or where.startswith(("http://", "https://"))
        protocol.Offer.of({"Tus-Max-Size": text, "Tus-Extension": text})

    def test_origins(self) -> None:
        """An origin is the same however its address is written."""
        assert protocol.origin("https://Tus.example.com/x") == protocol.origin(
            "https://tus.example.com:443"
        )
        assert protocol.origin("http://h/") != protocol.origin("https://h/")
