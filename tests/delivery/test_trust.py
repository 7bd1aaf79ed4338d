"""A destination shows the certificate that its section names, and says what is wrong with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.errors import ConfigError, DeliveryError, Kind
from tests.delivery.parcels import http_destination, never, parcel_of, write
from tests.receiver import (
    CERTIFICATE,
    CLIENT_CERTIFICATE,
    CLIENT_KEY,
    KEY,
    Receiver,
    status,
)

OURS = {"certificate": str(CLIENT_CERTIFICATE), "key": str(CLIENT_KEY)}
STRANGER = {"certificate": str(CERTIFICATE), "key": str(KEY)}


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_server_that_asks_is_shown_our_certificate(tmp_path: Path, size: int) -> None:
    """A file large or small goes to a server that takes known clients only."""
    with Receiver(tls="mutual") as receiver:
        parcel = parcel_of(write(tmp_path, os.urandom(size)))
        destination = http_destination(
            receiver.url, verify=str(CERTIFICATE), client_certificate=OURS
        )
        destination.deliver(parcel, lambda _: None, never())
        destination.close()
        assert receiver.contents == {parcel.sha256}


def test_certificate_and_key_in_one_file(tmp_path: Path) -> None:
    """The key may stand beside the certificate."""
    both = write(tmp_path, CLIENT_CERTIFICATE.read_bytes() + CLIENT_KEY.read_bytes(), "both.pem")
    with Receiver(tls="mutual") as receiver:
        destination = http_destination(
            receiver.url, verify=str(CERTIFICATE), client_certificate={"certificate": str(both)}
        )
        assert all(finding.ok for finding in destination.check())
        destination.close()


@pytest.mark.parametrize(
    ("shown", "told"),
    [(None, "wants a certificate of ours"), (STRANGER, "does not accept the certificate")],
    ids=["none", "unknown"],
)
@pytest.mark.parametrize("size", [10, 30_000_000])
def test_a_server_that_does_not_know_us(
    tmp_path: Path, shown: dict[str, str] | None, told: str, size: int
) -> None:
    """Delivery and check say that the server wants a certificate, or does not accept ours."""
    options = {} if shown is None else {"client_certificate": shown}
    with Receiver(tls="mutual") as receiver:
        destination = http_destination(receiver.url, verify=str(CERTIFICATE), **options)
        with pytest.raises(DeliveryError) as caught:
            destination.deliver(parcel_of(write(tmp_path, b"x" * size)), lambda _: None, never())
        findings = destination.check()
        destination.close()
        assert receiver.contents == set()
    assert caught.value.kind is Kind.TRANSIENT
    if size == 10:  # the end of a large upload may overtake the alert that explains it
        assert caught.value.code == "tls_client_certificate"
        assert told in caught.value.message
    assert [finding.subject for finding in findings if not finding.ok] == ["tls"]
    assert told in findings[-1].message


def test_a_server_that_says_so_in_plain_http(tmp_path: Path) -> None:
    """The page by which nginx asks for a certificate is understood."""
    page = b"<center>No required SSL certificate was sent</center>"
    with Receiver(status(400, page), status(400, page), head=status(400), tls=True) as receiver:
        destination = http_destination(receiver.url, verify=str(CERTIFICATE))
        with pytest.raises(DeliveryError) as caught:
            destination.deliver(parcel_of(write(tmp_path, b"x")), lambda _: None, never())
        findings = destination.check()
        destination.close()
    assert caught.value.code == "tls_client_certificate"
    assert (findings[-1].subject, findings[-1].ok) == ("tls", False)


def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    """A missing, foreign, damaged or locked file is one clear error at start."""
    nothing = write(tmp_path, b"nothing", "nothing.pem")
    locked = CLIENT_KEY.with_name("client-encrypted.key")
    certificate = str(CLIENT_CERTIFICATE)
    for section, told in (
        ({"certificate": str(tmp_path / "gone.pem")}, "gone.pem: No such file"),
        ({"certificate": certificate, "key": str(tmp_path / "gone.key")}, "gone.key: No such"),
        ({"certificate": certificate}, "must hold a certificate and its key"),
        ({"certificate": certificate, "key": str(nothing)}, "must be a certificate and its key"),
        ({"certificate": str(nothing), "key": str(CLIENT_KEY)}, "must be a certificate and"),
        ({"certificate": certificate, "key": str(KEY)}, "does not belong to"),
        ({"certificate": certificate, "key": str(locked)}, "has a password"),
    ):
        with pytest.raises(ConfigError, match=told) as caught:
            http_destination("https://localhost:9/", client_certificate=section)
        assert caught.value.problems[0].where == "destinations.archive.client_certificate"


def test_a_certificate_without_tls(tmp_path: Path) -> None:
    """A certificate for a server without TLS would never be shown; that is said at start."""
    with pytest.raises(ConfigError, match="https://"):
        http_destination("http://localhost:9/", client_certificate=OURS)
