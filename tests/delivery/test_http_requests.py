"""What an HTTP destination sends, to whom, and what it never gives away."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import logging
import os
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from daemon.config.destinations import HttpDestinationConfig
from daemon.delivery.destination import Finding
from daemon.delivery.http import HttpDestination
from daemon.delivery.secret import Secret
from daemon.errors import ConfigError, DeliveryError, Kind
from tests.delivery.parcels import http_destination, never, parcel_of, write
from tests.exchange import Exchange, Received
from tests.receiver import CERTIFICATE, Receiver, early, ok, status

CANARY = "canary-7f3a"


def deliver(receiver: Receiver, folder: Path, **options: object) -> Received:
    """One delivery, and the request that it made."""
    destination = http_destination(receiver.url, **options)
    destination.deliver(parcel_of(write(folder, b"content")), lambda _: None, never())
    destination.close()
    return receiver.requests[-1]


def failed(url: str, folder: Path, **options: object) -> DeliveryError:
    """One attempt that must fail."""
    destination = http_destination(url, **options)
    with pytest.raises(DeliveryError) as caught:
        destination.deliver(parcel_of(write(folder, b"content")), lambda _: None, never())
    destination.close()
    return caught.value


def findings(url: str, **options: object) -> list[Finding]:
    destination = http_destination(url, **options)
    try:
        return destination.check()
    finally:
        destination.close()


def test_form_fields(tmp_path: Path) -> None:
    """Fields come filled in before the file, which has its name, type and field."""
    data = {"source": "{inbox}", "digest": "{sha256}", "fixed": "a {{brace}}"}
    with Receiver() as receiver:
        request = deliver(receiver, tmp_path, data=data, headers={"X-Mine": "yes"})
    assert request.fields == {
        "source": "receipts",
        "digest": parcel_of(tmp_path / "source").sha256,
        "fixed": "a {brace}",
    }
    assert (request.filename, request.media_type) == ("receipt.jpg", "image/jpeg")
    assert request.headers["x-mine"] == "yes"
    assert request.headers["idempotency-key"] == "key-1"
    assert "transfer-encoding" not in request.headers


def test_put_url(tmp_path: Path) -> None:
    """A PUT goes to the filled-in address, or to its name in a folder."""
    with Receiver() as receiver:
        destination = http_destination(
            receiver.url + "in/{received:%Y}/{stem}-{sha256}{suffix}?job={job}", method="PUT"
        )
        parcel = parcel_of(write(tmp_path, b"content"))
        acknowledgement = destination.deliver(parcel, lambda _: None, never())
        destination.close()
        request = receiver.requests[0]
    assert acknowledgement.location == f"{receiver.url}in/2026/receipt-{parcel.sha256}.jpg"
    assert request.path == f"/in/2026/receipt-{parcel.sha256}.jpg?job={parcel.job}"
    assert request.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_headers_are_templates(tmp_path: Path, method: str) -> None:
    """Headers are filled in for each file; what is no ASCII, or breaks a line, is encoded."""
    headers = {"X-Sum": "{sha256}", "X-Name": "{inbox}/{name}", "X-Plain": "{{a}}", "X-Fixed": "b"}
    names = ["a b\u00fc.jpg", "two\r\nX-Evil: yes.jpg", "100%.jpg", "bytes-\udcff.jpg", "plain.jpg"]
    with Receiver() as receiver:
        destination = http_destination(receiver.url, method=method, headers=headers)
        parcel = parcel_of(write(tmp_path, b"content"))
        for name in names:
            destination.deliver(replace(parcel, name=name), lambda _: None, never())
        assert all(finding.ok for finding in destination.check())
        destination.close()
        requests = [request for request in receiver.requests if request.method == method]
    told = [request.headers["x-name"] for request in requests]
    assert told == [
        "receipts/a b%C3%BC.jpg",
        "receipts/two%0D%0AX-Evil: yes.jpg",
        "receipts/100%25.jpg",
        "receipts/bytes-%FF.jpg",
        "receipts/plain.jpg",
    ]
    assert {request.headers["x-sum"] for request in requests} == {parcel.sha256}
    assert {request.headers["x-plain"] for request in requests} == {"{a}"}
    assert {request.headers["x-fixed"] for request in requests} == {"b"}
    assert not any("x-evil" in request.headers for request in requests)


def test_digest_fields(tmp_path: Path) -> None:
    """A PUT carries the digest that is known, in both fields of RFC 9530; a form cannot."""
    with Receiver() as receiver:
        request = deliver(receiver, tmp_path, method="PUT", digest=True)
        plain = deliver(receiver, tmp_path, method="PUT")
    told = base64.b64encode(hashlib.sha256(b"content").digest()).decode()
    for name in ("content-digest", "repr-digest"):
        assert request.headers[name] == f"sha-256=:{told}:"
        assert name not in plain.headers
    with pytest.raises(ValidationError, match="needs method: PUT"):
        http_destination("http://localhost/", digest=True)


def test_location_and_response(tmp_path: Path) -> None:
    """A JSON answer is kept, and the address is taken from it or from the Location header."""
    body = b'{"data": [{"url": "https://a/1"}]}'
    replies = [ok(200, body), ok(200, body), status(201, b"no json", Location="/2")]
    found = []
    with Receiver(*replies) as receiver:
        for path in ("$.data[0].url", "$.nothing", None):
            destination = http_destination(receiver.url, location=path)
            parcel = parcel_of(write(tmp_path, b"content"))
            found.append(destination.deliver(parcel, lambda _: None, never()))
            destination.close()
    assert [f.location for f in found] == ["https://a/1", None, receiver.url + "2"]
    assert [dict(f.response) for f in found] == [{"data": [{"url": "https://a/1"}]}] * 2 + [{}]


def test_location_in_a_list(tmp_path: Path) -> None:
    """A path may begin in a list, as some servers answer with one entry for each file."""
    with Receiver(ok(200, b'[{"url": "https://a/1"}]')) as receiver:
        destination = http_destination(receiver.url, location="$[0].url")
        found = destination.deliver(parcel_of(write(tmp_path, b"content")), lambda _: None, never())
        destination.close()
    assert (found.location, dict(found.response)) == ("https://a/1", {})


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "bearer", "token_file": "TOKEN"}, "authorization", f"Bearer {CANARY}"),
        ({"type": "bearer", "token_env": "TEST_TOKEN"}, "authorization", f"Bearer {CANARY}"),
        ({"type": "bearer", "credential": "token"}, "authorization", f"Bearer {CANARY}"),
        ({"type": "header", "name": "X-Api", "token_env": "TEST_TOKEN"}, "x-api", CANARY),
        (
            {"type": "basic", "username": "ü", "password_env": "TEST_TOKEN"},
            "authorization",
            "Basic " + base64.b64encode(f"ü:{CANARY}".encode()).decode(),
        ),
    ],
    ids=["file", "environment", "credential", "header", "basic"],
)
def test_auth(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    auth: dict[str, str],
    header: str,
    value: str,
) -> None:
    """A secret comes from a file, a variable or systemd, and goes into its header."""
    write(tmp_path, f"{CANARY}\n".encode(), "token")
    monkeypatch.setenv("TEST_TOKEN", CANARY)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    if "token_file" in auth:
        auth = {**auth, "token_file": str(tmp_path / "token")}
    with Receiver() as receiver:
        request = deliver(receiver, tmp_path, auth=auth)
    assert request.headers[header] == value


@pytest.mark.parametrize(
    ("auth", "content", "told"),
    [
        ({"type": "bearer", "token_file": "missing"}, b"", "cannot be read"),
        ({"type": "bearer", "token_file": "token"}, b"", "is empty"),
        ({"type": "bearer", "token_file": "token"}, b"a\nb\n", "one line"),
        ({"type": "bearer", "token_file": "token"}, b"\xff", "not text"),
        ({"type": "bearer", "token_file": "token"}, "é".encode(), "ASCII"),
        ({"type": "bearer", "token_env": "TEST_UNSET"}, b"", "TEST_UNSET is not set"),
        ({"type": "bearer", "credential": "token"}, b"", "LoadCredential"),
    ],
)
def test_secret_that_cannot_be_had(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    auth: dict[str, str],
    content: bytes,
    told: str,
) -> None:
    """A secret that is missing or of no use is one clear error at start."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    write(tmp_path, content, "token")
    if "token_file" in auth:
        auth = {**auth, "token_file": str(tmp_path / auth["token_file"])}
    with pytest.raises(ConfigError, match=told) as caught:
        http_destination("http://127.0.0.1:9/", auth=auth)
    assert caught.value.problems[0].where == "destinations.archive.auth"


@pytest.mark.parametrize("code", [401, 307, 500])
def test_secret_is_never_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    code: int,
) -> None:
    """No error, log line or repr shows the secret."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TEST_TOKEN", CANARY)
    auth = {"type": "bearer", "token_env": "TEST_TOKEN"}
    with Receiver(status(code, Location="/x")) as receiver:
        error = failed(receiver.url, tmp_path, auth=auth)
        destination = http_destination(receiver.url, auth=auth)
        shown = [repr(destination), repr(vars(destination)["_client"]), repr(Secret(CANARY))]
        shown += [str(destination.check()), str(error), repr(error), caplog.text]
        destination.close()
    assert CANARY not in "".join(shown)


def test_an_answer_that_repeats_the_secret_is_kept_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that echoes what it was sent does not bring the secret into sidecar and ledger."""
    token = f'{CANARY}"quoted'
    monkeypatch.setenv("TEST_TOKEN", token)
    auth = {"type": "bearer", "token_env": "TEST_TOKEN"}
    echo = json.dumps({"you sent": f"Bearer {token}", "id": 7}).encode()
    with Receiver(ok(body=echo), status(422, echo)) as receiver:
        destination = http_destination(receiver.url, auth=auth)
        parcel = parcel_of(write(tmp_path, b"content"))
        answer = destination.deliver(parcel, lambda _: None, never()).response
        destination.close()
        error = failed(receiver.url, tmp_path, auth=auth)
    for kept in (answer, error.response):
        assert kept["id"] == 7
        assert CANARY not in str(kept)


def test_an_answer_that_repeats_the_form_is_kept_without_its_key(tmp_path: Path) -> None:
    """Many forms have their key in a field; the other fields are no secrets."""
    echo = json.dumps({"form": {"api_key": CANARY, "source": "scanner-2"}}).encode()
    with Receiver(ok(body=echo)) as receiver:
        data = {"api_key": CANARY, "source": "scanner-2", "token": "{sha256}"}
        destination = http_destination(receiver.url, data=data)
        parcel = parcel_of(write(tmp_path, b"content"))
        answer = destination.deliver(parcel, lambda _: None, never()).response
        destination.close()
    assert answer == {"form": {"api_key": "[redacted]", "source": "scanner-2"}}


def test_environment_is_not_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither proxies nor netrc of the environment change where a file and a secret go."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Receiver() as receiver:
        request = deliver(receiver, tmp_path)
    assert "authorization" not in request.headers


def closed_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def test_nothing_listens(tmp_path: Path) -> None:
    """A refused connection has its own code."""
    error = failed(f"http://127.0.0.1:{closed_port()}/", tmp_path)
    assert (error.code, error.kind) == ("connection_refused", Kind.TRANSIENT)


def test_unknown_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is not resolved has its own code."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failed("http://upload.invalid/", tmp_path)
    assert (error.code, error.kind) == ("dns_failed", Kind.TRANSIENT)


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "a..b"])
def test_name_that_cannot_be_one(tmp_path: Path, host: str) -> None:
    """A name that no resolver would take fails as one that is not known."""
    assert failed(f"http://{host}/", tmp_path).code == "dns_failed"


def test_connection_that_is_not_taken(tmp_path: Path) -> None:
    """A server whose queue is full costs no more than the time for connecting."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for connecting in waiting:
            connecting.setblocking(False)
            connecting.connect_ex(("127.0.0.1", port))
        timeout = {"connect": "200ms", "read": "1s"}
        error = failed(f"http://127.0.0.1:{port}/", tmp_path, timeout=timeout)
        for connecting in waiting:
            connecting.close()
    assert error.code in {"connect_timeout", "transfer_timeout"}


def test_tls(tmp_path: Path) -> None:
    """A file large or small goes through TLS to a server whose authority is named."""
    with Receiver(tls=True) as receiver:
        for size in (10, 3_000_000):
            destination = http_destination(receiver.url, verify=str(CERTIFICATE))
            parcel = parcel_of(write(tmp_path, b"x" * size))
            destination.deliver(parcel, lambda _: None, never())
            destination.deliver(parcel, lambda _: None, never())
            destination.close()
            assert parcel.sha256 in receiver.contents
        assert receiver.connections == 2


def test_tls_early_answer(tmp_path: Path) -> None:
    """An early answer is read through TLS too."""
    path = write(tmp_path, b"x" * 30_000_000)
    with Receiver(early(413, "hold"), tls=True) as receiver:
        destination = http_destination(receiver.url, verify=str(CERTIFICATE))
        with pytest.raises(DeliveryError) as caught:
            destination.deliver(parcel_of(path), lambda _: None, never())
        destination.close()
    assert caught.value.code == "too_large_for_server"


def test_certificate_is_verified(tmp_path: Path) -> None:
    """An unknown authority and a name that does not match stop the upload; both heal."""
    with Receiver(tls=True) as receiver:
        unknown = failed(receiver.url, tmp_path)
        url = receiver.url.replace("localhost", "127.0.0.1")
        mismatched = failed(url, tmp_path, verify=str(CERTIFICATE))
        assert receiver.requests == []
    for error in (unknown, mismatched):
        assert (error.code, error.kind) == ("tls_certificate", Kind.TRANSIENT)
    assert "name its authority in `verify`" in unknown.message
    assert "use a name that stands in it" in mismatched.message


@pytest.mark.parametrize(
    ("name", "said"), [("expired", "have it renewed"), ("not-yet-valid", "set the clock")]
)
def test_a_certificate_out_of_its_time(tmp_path: Path, name: str, said: str) -> None:
    """What is told to do helps: no `verify` makes such a certificate good."""
    certificate = CERTIFICATE.with_name(f"{name}.pem")
    with Receiver(tls=certificate) as receiver:
        error = failed(receiver.url, tmp_path, verify=str(certificate))
        told = findings(receiver.url, verify=str(certificate))[-1]
    assert (error.code, error.kind) == ("tls_certificate", Kind.TRANSIENT)
    assert said in error.message
    assert "verify" not in error.message
    assert (told.subject, told.ok, told.message) == ("tls", False, error.message)


def test_no_tls_spoken(tmp_path: Path) -> None:
    """A server that does not speak TLS has its own code."""
    with Receiver() as receiver:
        error = failed(receiver.url.replace("http:", "https:"), tmp_path)
    assert (error.code, error.kind) == ("tls_failed", Kind.TRANSIENT)


def test_handshake_that_nobody_answers(tmp_path: Path) -> None:
    """A server that takes the connection and is silent then has no fault of its firewall."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        timeout = {"connect": "1s", "read": "1s"}
        error = failed(url, tmp_path, timeout=timeout)
        *before, told = findings(url, timeout=timeout)
    assert (error.code, error.kind) == ("tls_timeout", Kind.TRANSIENT)
    assert [finding.subject for finding in before] == ["dns", "tcp"]
    assert (told.subject, told.ok) == ("tls", False)
    assert "speaks TLS" in told.message


def test_handshake_that_is_broken_off(tmp_path: Path) -> None:
    """Nothing is said of a certificate that nobody has shown."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            for _ in range(2):
                taken, _ = listener.accept()
                taken.recv(1)
                taken.close()  # with bytes left unread, which is a RST

        hanging_up = threading.Thread(target=hang_up)
        hanging_up.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        error = failed(url, tmp_path)
        *before, told = findings(url)
        hanging_up.join()
    assert (error.code, error.kind) == ("tls_failed", Kind.TRANSIENT)
    assert [finding.subject for finding in before] == ["dns", "tcp"]
    assert (told.subject, told.ok) == ("tls", False)


def test_verification_off_needs_saying_twice(tmp_path: Path) -> None:
    """Certificates go unverified only where the configuration insists, and check tells."""
    with Receiver(tls=True) as receiver:
        with pytest.raises(ValidationError, match="allow_insecure"):
            http_destination(receiver.url, verify=False)
        deliver(receiver, tmp_path, verify=False, allow_insecure=True)
        told = findings(receiver.url, verify=False, allow_insecure=True)
    assert any("NOT verified" in finding.message for finding in told)


@pytest.mark.parametrize(
    ("code", "subject", "fine"),
    [
        (200, "answer", True),
        (404, "answer", True),
        (405, "answer", True),
        (501, "answer", True),
        (401, "auth", False),
        (403, "rights", False),
        (503, "answer", False),
        (301, "place", False),
        (507, "quota", False),
        (413, "quota", False),
        (429, "answer", True),
    ],
)
def test_check_by_status(code: int, subject: str, fine: bool) -> None:
    """A server that knows no HEAD is fine; one that refuses us, fails or points away is not."""
    with Receiver(head=status(code, Location="https://other.example/")) as receiver:
        told = findings(receiver.url)
    assert [f.subject for f in told if f.known] == ["dns", "tcp", subject]
    assert all(f.ok for f in told) is fine
    assert ("check `url`" in [f for f in told if f.known][-1].message) is (code == 404)


def test_check_names_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check says how far it came: name, connection, TLS."""
    refused = findings(f"http://127.0.0.1:{closed_port()}/")
    assert [(f.subject, f.ok) for f in refused] == [("dns", True), ("tcp", False)]
    with Receiver(tls=True) as receiver:
        unknown = findings(receiver.url)
        good = findings(receiver.url, verify=str(CERTIFICATE))
    assert [(f.subject, f.ok) for f in unknown] == [("dns", True), ("tcp", True), ("tls", False)]
    assert [(f.subject, f.ok) for f in good][2:] == [
        ("tls", True), ("answer", True), ("auth", True), ("rights", True), ("quota", True),
    ]  # fmt: skip
    assert [f.subject for f in good if not f.known] == ["auth", "rights", "quota"]


def test_missing_authority(tmp_path: Path) -> None:
    """A CA file that is missing or is none is one clear error at start."""
    for path in (tmp_path / "missing.pem", write(tmp_path, b"no certificate", "ca.pem")):
        with pytest.raises(ConfigError) as caught:
            http_destination("https://localhost:9/", verify=str(path))
        assert caught.value.problems[0].where == "destinations.archive.verify"


def test_a_file_system_that_cannot_send_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the kernel cannot send from a file its bytes arrive all the same."""

    def cannot(*_: int) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "sendfile", cannot)
    parcel = parcel_of(write(tmp_path, os.urandom(1_000_000)))
    with Receiver() as receiver:
        destination = http_destination(receiver.url)
        destination.deliver(parcel, lambda _: None, never())
        destination.close()
    assert receiver.contents == {parcel.sha256}


def test_a_file_that_changes_before_the_answer_is_not_delivered(tmp_path: Path) -> None:
    """What the kernel still held when the file changed may be either; it does not count."""
    path = write(tmp_path, b"a" * 1_000_000)

    def change_then_take(exchange: Exchange) -> None:
        path.write_bytes(b"b" * 1_000_001)
        taken(exchange)

    taken = ok()
    with Receiver() as receiver:
        receiver.script(change_then_take)
        destination = http_destination(receiver.url)
        with pytest.raises(DeliveryError) as caught:
            destination.deliver(parcel_of(path), lambda _: None, never())
        destination.close()
    assert (caught.value.code, caught.value.kind) == ("file_changed", Kind.PERMANENT)


def test_config_is_the_contract() -> None:
    """The example of the contract is accepted as it stands."""
    config = HttpDestinationConfig.model_validate(
        {
            "type": "http",
            "url": "https://example.com/upload",
            "method": "POST",
            "field": "file",
            "data": {"source": "{inbox}", "sha256": "{sha256}"},
            "headers": {},
            "timeout": {"connect": "5s", "read": "30s"},
            "concurrency": {"max": 8, "adaptive": True},
            "bandwidth": "10MB/s",
        }
    )
    HttpDestination("archive", config).close()
