"""What an object in a bucket is called, carries and replaces."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from email.header import decode_header
from pathlib import Path

import pytest

from daemon.delivery.destination import Parcel
from daemon.errors import DeliveryError, Kind
from tests.delivery.contract import deliver, failed
from tests.delivery.parcels import Watched, never, parcel_of, write
from tests.delivery.s3_store import Kept, Store
from tests.exchange import Exchange
from tests.receiver import CERTIFICATE


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as running:
        yield running


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    return parcel_of(write(tmp_path, b"content"))


def test_small_file_is_one_signed_request(store: Store, parcel: Parcel) -> None:
    """The signature covers the content, and the store is told its digest to keep."""
    acknowledgement = deliver(store.destination(), parcel)
    (request,) = store.requests
    assert (request.method, request.path) == ("PUT", "/receipts/receipt.jpg")
    assert request.headers["x-amz-content-sha256"] == parcel.sha256
    digest = hashlib.sha256(b"content").digest()
    assert request.headers["x-amz-checksum-sha256"] == base64.b64encode(digest).decode()
    assert request.headers["content-type"] == "image/jpeg"
    assert request.headers["x-amz-meta-inboxd-delivery"] == parcel.idempotency_key
    assert request.headers["x-amz-meta-inboxd-sha256"] == parcel.sha256
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AK0123456789/")
    assert acknowledgement.location == f"{store.url}receipts/receipt.jpg"
    assert acknowledgement.response == {"etag": "etag"}


def test_content_without_a_known_digest(store: Store, parcel: Parcel) -> None:
    """A file that nobody hashed goes unsigned, and without a checksum."""
    deliver(store.destination(), replace(parcel, sha256=""))
    (request,) = store.requests
    assert request.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert "x-amz-checksum-sha256" not in request.headers


def test_over_tls(tmp_path: Path, parcel: Parcel) -> None:
    """The same requests go over TLS, in one piece and in parts."""
    with Store(tls=True) as store:
        destination = store.destination(verify=str(CERTIFICATE), multipart_threshold="5MiB")
        deliver(destination, parcel)
        deliver(destination, parcel_of(write(tmp_path, bytes(6 << 20), "large"), "large.bin"))
        assert sorted(store.objects) == ["large.bin", "receipt.jpg"]
        assert store.objects["large.bin"].size == 6 << 20


@pytest.mark.parametrize("large", [False, True])
def test_how_it_is_to_be_kept(store: Store, tmp_path: Path, large: bool) -> None:
    """Storage class, encryption and metadata go with the object, small or in parts."""
    name = "Quittung ä €\n.jpg"
    destination = store.destination(
        multipart_threshold=5 if large else "5MiB",
        storage_class="STANDARD_IA",
        server_side_encryption="aws:kms",
        kms_key="alias/receipts",
        metadata={"Source": "{inbox}", "title": "{name}", "long": "{name}" * 9},
    )
    deliver(destination, parcel_of(write(tmp_path, b"content"), name))
    (kept,) = store.objects.values()
    assert kept.headers["x-amz-storage-class"] == "STANDARD_IA"
    assert kept.headers["x-amz-server-side-encryption"] == "aws:kms"
    assert kept.headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/receipts"
    assert kept.headers["x-amz-meta-source"] == "receipts"
    assert readable(kept.headers["x-amz-meta-title"]) == name
    assert readable(kept.headers["x-amz-meta-long"]) == name * 9


def readable(value: str) -> str:
    """A metadata value as Amazon's own tools show it (RFC 2047)."""
    assert value.isascii()
    return "".join(
        text.decode(charset or "ascii") if isinstance(text, bytes) else text
        for text, charset in decode_header(value)
    )


@pytest.mark.parametrize(
    ("key", "name", "expected"),
    [
        ("in/{name}", "a b.jpg", "in/a b.jpg"),
        ("in/", "a.jpg", "in/a.jpg"),
        ("/in//{name}", "a.jpg", "in/a.jpg"),
        ("{inbox}/{received:%Y/%m}/{stem}-{size}{suffix}", "a.jpg", "receipts/2026/11/a-7.jpg"),
        ("in/{name}", "..", "in"),
        ("in/{name}", "+%2F&?#;=~.jpg", "in/+%2F&?#;=~.jpg"),
    ],
)
def test_keys(store: Store, tmp_path: Path, key: str, name: str, expected: str) -> None:
    """The key follows its template; nothing in a name makes a segment that leads elsewhere."""
    deliver(store.destination(key=key), parcel_of(write(tmp_path, b"content"), name))
    assert list(store.objects) == [expected]


def test_folders_of_a_file_become_part_of_its_key(store: Store, parcel: Parcel) -> None:
    """The path below a recursive inbox stays a path."""
    deliver(store.destination(key="{path}"), replace(parcel, path="2026/../may/./r.jpg"))
    assert list(store.objects) == ["2026/may/r.jpg"]


def test_key_that_is_too_long(store: Store, parcel: Parcel) -> None:
    """A key that no store takes is refused before anything is sent."""
    error = failed(store.destination(key="{path}"), replace(parcel, path="deep/" * 250 + "r.jpg"))
    assert (error.code, error.kind) == ("key_too_long", Kind.PERMANENT)
    assert store.requests == []


class TestCreateOnce:
    """An object that is there is never replaced."""

    def test_name_that_is_free(self, store: Store, parcel: Parcel) -> None:
        """A free name is looked at, and then taken in one request that says so."""
        deliver(store.destination(create_once=True), parcel)
        assert store.operations == ["HeadObject", "PutObject"]
        assert store.requests[-1].headers["if-none-match"] == "*"

    @pytest.mark.parametrize("threshold", ["5MiB", 1])
    def test_lost_answer(self, store: Store, parcel: Parcel, threshold: object) -> None:
        """After a lost answer the object is known as ours."""
        destination = store.destination(create_once=True, multipart_threshold=threshold)
        store.loses("PutObject" if threshold != 1 else "CompleteMultipartUpload")
        with contextlib.suppress(DeliveryError):  # a PUT on a kept connection is repeated at once
            deliver(destination, parcel)
        progress = Watched()
        acknowledgement = destination.deliver(parcel, progress, never())
        assert acknowledgement.bytes == progress.seen[-1] == parcel.size
        assert len(store.objects) == 1
        assert store.uploads == {}

    @pytest.mark.parametrize("threshold", ["5MiB", 1])
    def test_other_content(self, store: Store, parcel: Parcel, threshold: object) -> None:
        """Other content under the name is an error for good, and stays."""
        theirs = store.objects["receipt.jpg"] = Kept("receipt.jpg", {}, size=parcel.size)
        destination = store.destination(create_once=True, multipart_threshold=threshold)
        error = failed(destination, parcel)
        assert (error.code, error.kind) == ("name_taken", Kind.PERMANENT)
        assert "key" in error.message
        assert store.objects["receipt.jpg"] is theirs
        assert store.operations == ["HeadObject"]

    @pytest.mark.parametrize("threshold", ["5MiB", 1])
    def test_somebody_was_quicker(self, store: Store, parcel: Parcel, threshold: object) -> None:
        """A name that is taken after the look is not taken from whoever has it."""
        store.fails("HeadObject", 404, "NoSuchKey")
        store.objects["receipt.jpg"] = Kept("receipt.jpg", {}, size=parcel.size)
        destination = store.destination(create_once=True, multipart_threshold=threshold)
        error = failed(destination, parcel)
        assert (error.code, error.http_status) == ("name_taken", 412)
        assert store.uploads == {}

    def test_the_quicker_one_had_the_same(self, store: Store, parcel: Parcel) -> None:
        """Content that is already there under the name counts as delivered."""
        store.fails("HeadObject", 404, "NoSuchKey")
        marks = {"x-amz-meta-inboxd-sha256": parcel.sha256}
        store.objects["receipt.jpg"] = Kept("receipt.jpg", marks, size=parcel.size)
        acknowledgement = deliver(store.destination(create_once=True), parcel)
        assert acknowledgement.bytes == parcel.size

    def test_store_that_shows_nothing(self, store: Store, parcel: Parcel) -> None:
        """A key that may only write learns from the refusal alone."""
        store.objects["receipt.jpg"] = Kept("receipt.jpg", {}, size=parcel.size)
        store.fails("HeadObject", 403, "")
        store.fails("HeadObject", 403, "")
        assert failed(store.destination(create_once=True), parcel).code == "name_taken"

    def test_two_at_once(self, store: Store, parcel: Parcel) -> None:
        """A store that is busy with the same name is asked again later."""
        store.fails("PutObject", 409, "ConditionalRequestConflict")
        error = failed(store.destination(create_once=True), parcel)
        assert (error.code, error.kind) == ("object_busy", Kind.TRANSIENT)

    @pytest.mark.parametrize("size", [7, 6 << 20])
    def test_stores_that_keep_no_metadata(self, store: Store, tmp_path: Path, size: int) -> None:
        """Content is known by the store's own digest of it, whole or of its parts."""
        content = os.urandom(size)
        digests = [md5(content)]
        if size > 5 << 20:
            pieces = md5(content[: 5 << 20]) + md5(content[5 << 20 :])
            digests.append(md5(pieces))
        path = write(tmp_path, content)
        for number, digest in enumerate(digests):
            suffix = f"-{2 if number else ''}".rstrip("-")
            etag = f'"{digest.hex()}{suffix}"'
            store.objects["receipt.jpg"] = Kept("receipt.jpg", {}, size=size, etag=etag)
            deliver(store.destination(create_once=True), parcel_of(path))
            assert "PutObject" not in store.operations
        other = write(tmp_path, os.urandom(size), "other")
        assert failed(store.destination(create_once=True), parcel_of(other)).code == "name_taken"


class TestNameThatTellsTheContent:
    """Without a word in the configuration `If-None-Match` is asked for where it cannot hurt."""

    KEY = "{sha256}-{name}"

    @pytest.mark.parametrize(
        "key", [KEY, "{job}/{name}", "{inbox}/{received:%Y/%m}/{sha256}-{name}"]
    )
    def test_one_request(self, store: Store, parcel: Parcel, key: str) -> None:
        """It costs no look."""
        deliver(store.destination(key=key), parcel)
        assert store.operations == ["PutObject"]
        assert store.requests[0].headers["if-none-match"] == "*"

    @pytest.mark.parametrize("threshold", ["5MiB", 1])
    def test_second_delivery(self, store: Store, parcel: Parcel, threshold: object) -> None:
        """Content that is there under its name counts as delivered, and is not written again."""
        destination = store.destination(key=self.KEY, multipart_threshold=threshold)
        first = deliver(destination, parcel)
        there = dict(store.objects)
        again = deliver(destination, replace(parcel, idempotency_key="another"))
        assert (again.location, again.bytes) == (first.location, parcel.size)
        assert store.objects == there
        assert all(store.objects[key] is there[key] for key in there)
        assert store.uploads == {}

    @pytest.mark.parametrize("threshold", ["5MiB", 1])
    def test_store_that_does_not_know_it(
        self, store: Store, parcel: Parcel, threshold: object
    ) -> None:
        """It goes without in the same attempt, and from then on; nothing is sent in parts again."""
        destination = store.destination(key=self.KEY, multipart_threshold=threshold)
        last = "PutObject" if threshold != 1 else "CompleteMultipartUpload"
        store.fails(last, 501, "NotImplemented")
        deliver(destination, parcel)
        deliver(destination, replace(parcel, name="other.jpg", idempotency_key="other"))
        asked = [r for r in store.requests if r.headers.get("if-none-match")]
        assert len(asked) == 1
        assert store.operations.count(last) == 3
        assert store.operations.count("UploadPart") == (2 if threshold == 1 else 0)
        assert len(store.objects) == 2
        assert store.uploads == {}

    @pytest.mark.parametrize("threshold", ["5MiB", 1])
    @pytest.mark.parametrize("looks", [True, False])
    def test_what_lies_there_is_not_it(
        self, store: Store, parcel: Parcel, threshold: object, looks: bool
    ) -> None:
        """What is half of it, or may not be looked at, is replaced by the whole."""
        name = f"{parcel.sha256}-{parcel.name}"
        store.objects[name] = Kept(name, {}, size=1)
        if not looks:
            store.fails("HeadObject", 403, "")
        deliver(store.destination(key=self.KEY, multipart_threshold=threshold), parcel)
        assert store.objects[name].size == parcel.size
        assert store.uploads == {}

    def test_told_not_to(self, store: Store, parcel: Parcel) -> None:
        """A configuration that says no has its way."""
        deliver(store.destination(key=self.KEY, create_once=False), parcel)
        assert "if-none-match" not in store.requests[0].headers


def md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def test_login_page_is_no_store(store: Store, parcel: Parcel) -> None:
    """What says yes to everything with a page for people has taken nothing."""

    def page(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.answer(200, {}, b"<html>Log in")

    store.next("PutObject", page)
    error = failed(store.destination(), parcel)
    assert (error.code, error.kind) == ("protocol_broken", Kind.TRANSIENT)
    deliver(store.destination(), parcel)


def test_replacing_is_the_default(store: Store, parcel: Parcel) -> None:
    """A name that tells nothing of the content belongs to whoever wrote last, one request each."""
    store.objects["receipt.jpg"] = Kept("receipt.jpg", {}, size=3)
    deliver(store.destination(), parcel)
    assert store.operations == ["PutObject"]
    assert store.objects["receipt.jpg"].size == parcel.size


def test_version_of_an_object(store: Store, parcel: Parcel) -> None:
    """In a bucket with versions the answer says which one was made."""

    store.next(
        "PutObject",
        lambda exchange: exchange.answer(200, {"ETag": '"e"', "x-amz-version-id": "v.1"}),
        lambda exchange: exchange.answer(200, {"ETag": '"e"', "x-amz-version-id": "null"}),
    )
    first = deliver(store.destination(), parcel)
    assert first.response == {"etag": "e", "version_id": "v.1"}
    assert deliver(store.destination(), parcel).response == {"etag": "e"}


def test_benchmarks_clean_up(store: Store, tmp_path: Path) -> None:
    """What a benchmark delivered is taken away again, where the key may do that."""
    destination = store.destination(key="bench/{name}")
    parcel = parcel_of(write(tmp_path, b"content"), "ä b+%2F.bin")
    acknowledgement = deliver(destination, parcel)
    assert acknowledgement.round_trip is not None
    store.fails("DeleteObject", 403, "AccessDenied")
    with pytest.raises(DeliveryError):
        destination.discard(acknowledgement)
    assert destination.discard(acknowledgement)
    assert store.objects == {}


def test_secrets_stay_secret(
    store: Store,
    parcel: Parcel,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What a store repeats of a request reaches no error, whole or in part, and no log."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TEST_TOKEN", "canary-token-77")
    monkeypatch.setenv("TEST_SECRET", "canary-secret-77")
    store.fails(
        "PutObject",
        403,
        "SignatureDoesNotMatch",
        "<Message>x canary-secret-77 canary-token-77</Message><StringToSign>canary</StringToSign>"
        "<CanonicalRequest>canary</CanonicalRequest><Token-0>canary-token-77</Token-0>",
    )
    destination = store.destination(session_token_env="TEST_TOKEN")
    error = failed(destination, parcel)
    assert store.requests[0].headers["x-amz-security-token"] == "canary-token-77"
    assert isinstance(error, DeliveryError)
    assert "canary" not in f"{error.message} {error.response} {error!r} {destination!r}"
    assert "canary" not in caplog.text
