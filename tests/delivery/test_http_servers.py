"""The http destination and servers as people run them: gunicorn with httpbin, nginx with TLS."""

from __future__ import annotations

import base64
import os
import threading
from pathlib import Path
from urllib.parse import quote

import pytest

from daemon.errors import DeliveryError, Kind
from tests.delivery.contract import HOSTILE_NAMES, deliver, deliver_at_last, failed
from tests.delivery.http_sides import Nginx, start_httpbin, start_nginx
from tests.delivery.parcels import http_destination, parcel_of, write
from tests.delivery.proxy import Proxy, answer, cut, swallow
from tests.delivery.servers import Servers
from tests.receiver import CERTIFICATE, CLIENT_CERTIFICATE, CLIENT_KEY

OURS = {"certificate": str(CLIENT_CERTIFICATE), "key": str(CLIENT_KEY)}


@pytest.fixture
def httpbin(servers: Servers) -> str:
    return f"http://127.0.0.1:{start_httpbin(servers)}"


@pytest.fixture
def nginx(servers: Servers) -> Nginx:
    return start_nginx(servers)


@pytest.mark.parametrize("size", [0, 100, 40_000])
def test_httpbin_reads_the_form(httpbin: str, tmp_path: Path, size: int) -> None:
    """A parser that is not ours finds the fields and the file as they were meant."""
    content = os.urandom(size)
    destination = http_destination(
        httpbin + "/post", data={"source": "{inbox}", "what for": "{name} & more"}, field="upload"
    )
    acknowledgement = deliver(destination, parcel_of(write(tmp_path, content)))
    destination.close()
    told = acknowledgement.response
    assert told["form"] == {"source": "receipts", "what for": "receipt.jpg & more"}
    ((name, sent),) = told["files"].items()
    plain = sent.encode() if not sent.startswith("data:") else base64.b64decode(sent.split(",")[1])
    assert (name, plain) == ("upload", content)
    assert told["headers"]["Idempotency-Key"] == "key-1"


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_httpbin_is_not_misled_by_a_name(httpbin: str, tmp_path: Path, name: str) -> None:
    """Nothing in a name makes it a field, or ends the part that it stands in."""
    destination = http_destination(httpbin + "/post", data={"name": "{name}"})
    told = deliver(destination, parcel_of(write(tmp_path, b"named"), name)).response
    destination.close()
    assert told["files"] == {"file": "named"}
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    assert list(told["form"]) == ["name"]
    assert told["form"]["name"].replace("\ufffd", "") == shown.replace("\ufffd", "")


def test_httpbin_puts(httpbin: str, tmp_path: Path) -> None:
    """A PUT has the plain content, its digest, and the place that a JSON answer names."""
    destination = http_destination(
        httpbin + "/anything/in/", method="PUT", digest=True, location="$.url"
    )
    acknowledgement = deliver(destination, parcel_of(write(tmp_path, b"plain"), "a b.jpg"))
    destination.close()
    assert acknowledgement.response["data"] == "plain"
    assert acknowledgement.response["headers"]["Repr-Digest"].startswith("sha-256=:")
    assert unquoted(acknowledgement.location) == f"{httpbin}/anything/in/a b.jpg"


def unquoted(url: str | None) -> str:
    return (url or "").replace("%20", " ")


REFUSALS = [(429, "too_many_requests"), (503, "server_unavailable"), (401, "auth_refused")]


@pytest.mark.parametrize(("status", "code"), REFUSALS)
@pytest.mark.parametrize("size", [10, 5_000_000])
def test_httpbin_refuses(httpbin: str, tmp_path: Path, status: int, code: str, size: int) -> None:
    """A server that answers without reading the body is heard, large body or small."""
    destination = http_destination(f"{httpbin}/status/{status}")
    error = failed(destination, parcel_of(write(tmp_path, b"x" * size)))
    destination.close()
    assert (error.code, error.http_status) == (code, status)


@pytest.mark.parametrize("fault", [cut(100_000), swallow, answer(503)], ids=["cut", "lost", "503"])
def test_httpbin_after_trouble(httpbin: str, tmp_path: Path, fault: object) -> None:
    """After trouble on the way the next attempt carries the whole file and the same key."""
    parcel = parcel_of(write(tmp_path, b"a word " * 50_000))
    with Proxy(int(httpbin.rpartition(":")[2])) as proxy:
        proxy.at(1, fault)  # type: ignore[arg-type]
        destination = http_destination(proxy.url + "post")
        deliver_at_last(destination, parcel)
        destination.close()
        assert {passed.headers["idempotency-key"] for passed in proxy.requests} == {"key-1"}
        assert b"a word " * 50_000 in proxy.requests[-1].answer


@pytest.mark.system
def test_nginx_limits_requests(nginx: Nginx, tmp_path: Path) -> None:
    """limit_req asks for fewer requests and for a pause, small bodies and large, and is heard."""
    destination = http_destination(
        f"https://localhost:{nginx.port}/hurried/", method="PUT", verify=str(CERTIFICATE)
    )
    outcomes: list[DeliveryError | None] = []

    def one(number: int) -> None:
        content = os.urandom(10 if number % 2 else 3_000_000)
        parcel = parcel_of(write(tmp_path, content, f"{number}"), f"{number}.jpg")
        try:
            deliver(destination, parcel)
            outcomes.append(None)
        except DeliveryError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    destination.close()
    refused = [error for error in outcomes if error is not None]
    assert len(outcomes) == 6
    assert refused
    assert {(error.code, error.retry_after) for error in refused} == {("too_many_requests", 1.0)}


@pytest.mark.system
def test_nginx_takes_known_clients_only(nginx: Nginx, tmp_path: Path) -> None:
    """A client certificate opens the door; without one delivery and check say what is missing."""
    url = f"https://localhost:{nginx.mutual_port}/"
    options = {"method": "PUT", "verify": str(CERTIFICATE)}
    known = http_destination(url, client_certificate=OURS, **options)
    parcel = parcel_of(write(tmp_path, b"known"), "known.jpg")
    assert deliver(known, parcel).http_status in (201, 204)
    assert all(finding.ok for finding in known.check())
    known.close()
    assert (nginx.root / "known.jpg").read_bytes() == b"known"
    stranger = http_destination(url, **options)
    for size in (10, 5_000_000):
        error = failed(stranger, parcel_of(write(tmp_path, b"x" * size), "stranger.jpg"))
        assert (error.code, error.kind) == ("tls_client_certificate", Kind.TRANSIENT)
    bad = [finding for finding in stranger.check() if not finding.ok]
    stranger.close()
    assert [finding.subject for finding in bad] == ["tls"]
    assert "client_certificate" in bad[0].message


@pytest.mark.system
def test_nginx_refuses_what_is_too_large(nginx: Nginx, tmp_path: Path) -> None:
    """client_max_body_size is known from its early answer, before the file is out."""
    destination = http_destination(
        f"https://localhost:{nginx.port}/small/", method="PUT", verify=str(CERTIFICATE)
    )
    path = tmp_path / "source"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    seen: list[int] = []
    with pytest.raises(DeliveryError) as caught:
        destination.deliver(parcel_of(path), seen.append, threading.Event())
    destination.close()
    assert (caught.value.code, caught.value.kind) == ("too_large_for_server", Kind.PERMANENT)
    assert max(seen, default=0) < 100_000_000


@pytest.mark.system
def test_nginx_keeps_names(nginx: Nginx, tmp_path: Path) -> None:
    """A name that is quoted twice by its owner stays quoted once."""
    destination = http_destination(
        f"https://localhost:{nginx.port}/", method="PUT", verify=str(CERTIFICATE)
    )
    name = quote("a b%") + ".jpg"
    deliver(destination, parcel_of(write(tmp_path, b"x"), name))
    destination.close()
    assert (nginx.root / name).exists()
