"""What a store's own codes come to, and what a check finds out."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from daemon.config.destinations import S3DestinationConfig
from daemon.delivery.destination import Finding, Parcel
from daemon.delivery.s3.destination import S3Destination
from daemon.errors import ConfigError, Kind
from tests.delivery.contract import deliver_at_last, failed
from tests.delivery.parcels import parcel_of, write
from tests.delivery.s3_store import Store, error
from tests.receiver import endless, raw, silent, status


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as running:
        yield running


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    return parcel_of(write(tmp_path, b"content"))


@pytest.mark.parametrize(
    ("status", "code", "ours", "kind"),
    [
        (503, "SlowDown", "too_many_requests", Kind.TRANSIENT),
        (500, "InternalError", "server_error", Kind.TRANSIENT),
        (503, "ServiceUnavailable", "server_unavailable", Kind.TRANSIENT),
        (400, "RequestTimeout", "server_timeout", Kind.TRANSIENT),
        (400, "BadDigest", "damaged_on_the_way", Kind.TRANSIENT),
        (409, "OperationAborted", "object_busy", Kind.TRANSIENT),
        (400, "ExpiredToken", "credentials_expired", Kind.TRANSIENT),
        (307, "TemporaryRedirect", "server_unavailable", Kind.TRANSIENT),
        (403, "QuotaExceeded", "server_full", Kind.TRANSIENT),
        (507, "XMinioStorageFull", "server_full", Kind.TRANSIENT),
        (403, "AccessDenied", "auth_refused", Kind.PERMANENT),
        (403, "InvalidAccessKeyId", "auth_refused", Kind.PERMANENT),
        (403, "SignatureDoesNotMatch", "auth_refused", Kind.PERMANENT),
        (404, "NoSuchBucket", "no_such_bucket", Kind.PERMANENT),
        (400, "EntityTooLarge", "too_large_for_server", Kind.PERMANENT),
        (400, "KeyTooLongError", "key_too_long", Kind.PERMANENT),
        (501, "NotImplemented", "refused_by_server", Kind.PERMANENT),
        (400, "InvalidStorageClass", "refused_by_server", Kind.PERMANENT),
        (400, "SomethingNew", "refused_by_server", Kind.PERMANENT),
        (599, "SomethingNew", "server_error", Kind.TRANSIENT),
    ],
)
def test_codes(store: Store, parcel: Parcel, status: int, code: str, ours: str, kind: Kind) -> None:
    """Each code of S3 is one of ours, and its own name stands in the message or the response."""
    store.fails("PutObject", status, code, "<RequestId>R1</RequestId>")
    fault = failed(store.destination(), parcel)
    assert (fault.code, fault.kind, fault.http_status) == (ours, kind, status)
    assert fault.response == {"code": code, "message": "because", "request_id": "R1"}
    assert str(status) in fault.message


def test_pause_that_is_asked_for(store: Store, parcel: Parcel) -> None:
    """A store that is asked too often says how long to wait."""
    store.fails("PutObject", 503, "SlowDown", Retry_After="9")
    assert failed(store.destination(), parcel).retry_after == 9


@pytest.mark.parametrize(
    ("status", "code", "more", "headers"),
    [
        (301, "PermanentRedirect", "", {"x_amz_bucket_region": "eu-west-3"}),
        (400, "AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>", {}),
    ],
)
def test_wrong_region(
    store: Store, parcel: Parcel, status: int, code: str, more: str, headers: dict[str, str]
) -> None:
    """A bucket elsewhere is named with its region."""
    for operation in ("PutObject", "ListObjectsV2"):
        store.fails(operation, status, code, more, **headers)
    fault = failed(store.destination(), parcel)
    assert (fault.code, fault.kind) == ("wrong_region", Kind.PERMANENT)
    assert "it is in eu-west-3" in fault.message
    (found,) = bad(store.destination().check())
    assert found.subject == "place"
    assert "eu-west-3" in found.message


def test_redirect_without_a_code(store: Store, parcel: Parcel) -> None:
    """What is no store, and points elsewhere, has advice about a key that there is."""
    store.next("PutObject", status(302, Location="https://login.example/"))
    fault = failed(store.destination(), parcel)
    assert (fault.code, fault.kind) == ("redirected", Kind.PERMANENT)
    assert "set `endpoint` to it" in fault.message


@pytest.mark.parametrize(
    ("apart", "expected"), [(-3600, "36.. s fast"), (7200, "7(1..|200) s slow")]
)
def test_wrong_clock(store: Store, parcel: Parcel, apart: int, expected: str) -> None:
    """A clock that is wrong is told plainly, with how much, and mends itself."""
    there = formatdate(time.time() + apart, usegmt=True)
    store.fails("PutObject", 403, "RequestTimeTooSkewed", Date=there)
    fault = failed(store.destination(), parcel)
    assert (fault.code, fault.kind) == ("clock_skewed", Kind.TRANSIENT)
    assert re.search(expected, fault.message)


@pytest.mark.parametrize(
    "reply",
    [
        error(200, "InternalError"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        endless(),
        raw(
            b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
            + b"<!DOCTYPE x [<!ENTITY a 'a'>]><X><UploadId>&a;</UploadId>".ljust(99)
        ),
    ],
    ids=["error", "text", "nothing", "endless", "entity"],
)
@pytest.mark.parametrize("operation", ["CreateMultipartUpload", "CompleteMultipartUpload"])
def test_answers_that_make_no_sense(
    store: Store, parcel: Parcel, reply: object, operation: str
) -> None:
    """Whatever a server says in place of S3's XML, later attempts succeed."""
    destination = store.destination(multipart_threshold=1)
    store.next(operation, reply)  # type: ignore[arg-type]
    deliver_at_last(destination, parcel)
    assert len(store.objects) == 1


class TestCheck:
    """A check tells where the trouble is, and leaves nothing behind."""

    def test_all_is_well(self, store: Store) -> None:
        """The way there, the key and the right to write are proven without an object."""
        findings = store.destination(key="in/{name}").check()
        assert [finding.subject for finding in findings] == [
            "dns", "tcp", "answer", "auth", "place", "rights", "quota",
        ]  # fmt: skip
        assert bad(findings) == []
        assert (store.objects, store.uploads) == ({}, {})
        assert store.requests[1].path.startswith("/receipts/in/inboxd-check?")

    def test_key_that_may_only_write(self, store: Store) -> None:
        """Not being allowed to list is no fault."""
        store.fails("ListObjectsV2", 403, "AccessDenied")
        assert bad(store.destination().check()) == []

    @pytest.mark.parametrize(
        ("operation", "status", "code", "subject"),
        [
            ("ListObjectsV2", 403, "SignatureDoesNotMatch", "auth"),
            ("ListObjectsV2", 403, "InvalidAccessKeyId", "auth"),
            ("ListObjectsV2", 403, "", "auth"),
            ("ListObjectsV2", 400, "ExpiredToken", "auth"),
            ("ListObjectsV2", 404, "NoSuchBucket", "place"),
            ("ListObjectsV2", 403, "RequestTimeTooSkewed", "clock"),
            ("ListObjectsV2", 503, "SlowDown", "answer"),
            ("CreateMultipartUpload", 403, "AccessDenied", "rights"),
            ("CreateMultipartUpload", 403, "QuotaExceeded", "quota"),
            ("AbortMultipartUpload", 403, "AccessDenied", "rights"),
        ],
    )
    def test_trouble(
        self, store: Store, operation: str, status: int, code: str, subject: str
    ) -> None:
        """Each kind of trouble has its own subject."""
        store.fails(operation, status, code)
        (found,) = bad(store.destination().check())
        assert found.subject == subject

    def test_store_without_uploads(self, store: Store) -> None:
        """Where nothing can be begun without being written, that is said."""
        store.fails("CreateMultipartUpload", 501, "NotImplemented")
        findings = store.destination().check()
        assert bad(findings) == []
        assert [f.subject for f in findings if not f.known] == ["rights", "quota"]

    def test_nothing_listens(self, store: Store) -> None:
        """A store that is not there is told by how far we came."""
        destination = store.destination()
        store.receiver.close()
        assert [f.subject for f in bad(destination.check())] == ["tcp"]

    def test_silence(self, store: Store) -> None:
        """A store that stops answering between two questions does not end the check."""
        store.next("CreateMultipartUpload", silent())
        destination = store.destination(timeout={"connect": "20s", "read": "1s"})
        (found,) = bad(destination.check())
        assert (found.subject, "silent" in found.message) == ("rights", True)


def bad(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if not finding.ok]


def test_extra_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without botocore the configuration is refused with the command that brings it."""
    monkeypatch.setitem(sys.modules, "daemon.delivery.s3.signing", None)
    config = S3DestinationConfig.model_validate({"type": "s3", "bucket": "receipts"})
    with pytest.raises(ConfigError) as caught:
        S3Destination("bucket", config)
    assert "pip install 'inboxd[s3]'" in caught.value.problems[0].message
    assert caught.value.problems[0].where == "destinations.bucket"
