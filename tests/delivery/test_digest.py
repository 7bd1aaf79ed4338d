"""Digest authentication: the examples of its RFC, and what is sent how often."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from daemon.delivery.transport.challenge import Challenge, challenges
from daemon.delivery.transport.digest import DigestProof, Question, question_of, response_to
from daemon.errors import DeliveryError, Kind
from tests.delivery.parcels import http_destination, never, parcel_of, write
from tests.exchange import Exchange
from tests.receiver import Receiver, ok
from tests.waiting import StoppedClock

NAME, PASSWORD = "Mufasa", "Circle of Life"
EXAMPLE = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", '
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def asked(header: str) -> list[Question]:
    return [question for one in challenges(header) if (question := question_of(one))]


@pytest.mark.parametrize(
    ("algorithm", "proof"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_examples_of_the_rfc(algorithm: str, proof: str) -> None:
    """RFC 7616 section 3.9.1, both algorithms."""
    question = next(one for one in asked(EXAMPLE) if one.algorithm == algorithm)
    answer = response_to(
        question, NAME, PASSWORD, method="GET", target="/dir/index.html", count=1, cnonce=CNONCE
    )
    (said,) = challenges(answer)
    assert said.scheme == "digest"
    assert said.parameters["response"] == proof
    assert said.parameters["opaque"] == "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
    assert (said.parameters["nc"], said.parameters["qop"]) == ("00000001", "auth")


def test_example_without_qop() -> None:
    """RFC 2069's older form, as section 3.4.1 keeps it for servers that offer no qop."""
    (question,) = asked('Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb"')
    answer = response_to(
        question, NAME, PASSWORD, method="GET", target="/", count=7, cnonce="unused"
    )

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    secret = md5("Mufasa:testrealm@host.com:Circle of Life")
    proof = md5(f"{secret}:dcd98b7102dd2f0e8b11d0f600bfb:{md5('GET:/')}")
    assert challenges(answer)[0].parameters["response"] == proof
    assert "cnonce" not in answer
    assert "nc=" not in answer


def test_hidden_and_foreign_names() -> None:
    """A name is hashed where the server asks for that, and written so that it can be read."""
    plain = 'Digest realm="r", nonce="n", qop="auth"'
    said = {}
    for kind, header in {
        "old": plain,
        "unicode": plain + ", charset=UTF-8",
        "hidden": plain + ", userhash=true, algorithm=SHA-512-256",
        "session": plain + ", algorithm=SHA-256-sess",
    }.items():
        (question,) = asked(header)
        said[kind] = response_to(
            question, "Jäsøn", "p", method="PUT", target="/", count=1, cnonce="c"
        )
    assert 'username="Jäsøn"'.encode() in said["old"].encode("latin-1")
    assert "username*=UTF-8''J%C3%A4s%C3%B8n" in said["unicode"]
    hidden = hashlib.new("sha512_256", "Jäsøn:r".encode()).hexdigest()
    assert f'username="{hidden}"' in said["hidden"]
    assert "userhash=true" in said["hidden"]
    assert "algorithm=SHA-256-sess" in said["session"]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", []),
        ("Basic", [Challenge("basic", {})]),
        ("Negotiate, Basic a=b", [Challenge("negotiate", {}), Challenge("basic", {"a": "b"})]),
        ('Digest A="b, \\"c\\"" , d=1', [Challenge("digest", {"a": 'b, "c"', "d": "1"})]),
        ('A b="c",D e = f', [Challenge("a", {"b": "c"}), Challenge("d", {"e": "f"})]),
        ('"nonsense"', []),
        ("Digest =", [Challenge("digest", {})]),
    ],
)
def test_challenges(header: str, found: list[Challenge]) -> None:
    """Several challenges in one header are told apart."""
    assert challenges(header) == found


@given(st.text(max_size=200))
def test_any_header(header: str) -> None:
    """Whatever a server asks for, it is answered or passed over."""
    for question in asked(header + ', Digest realm="r", nonce="n", ' + header):
        response_to(question, "u", "p", method="PUT", target="/", count=1, cnonce="c")


def test_what_cannot_be_answered() -> None:
    """Unknown algorithms, challenges without a nonce, and auth-int alone are no questions."""
    for header in (
        'Digest realm="r", nonce="n", algorithm=SHA-1000',
        'Digest realm="r"',
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Basic realm="r", nonce="n"',
    ):
        assert asked(header) == []


class Gate:
    """Lets requests with a good answer to the nonce of the day pass to the next reply."""

    def __init__(self, *, stale_word: bool = True, strict: bool = False) -> None:
        self.nonce = "nonce-1"
        self.counts: list[str] = []
        self._stale_word = stale_word
        self._strict = strict

    def __call__(self, exchange: Exchange) -> None:
        header = exchange.headers.get("authorization", "")
        said = challenges(header)[0].parameters if header else {}
        if said.get("nonce") == self.nonce and said["response"] == self.proof(exchange, said):
            self.counts.append(said["nc"])
            if self._strict:
                self.nonce = f"nonce-{len(self.counts) + 1}"
            ok()(exchange)
            return
        stale = ", stale=true" if said and self._stale_word else ""
        asks = f'Digest realm="r", qop="auth", nonce="{self.nonce}"{stale}'
        exchange.record()  # before the client can make its next request
        exchange.answer(401, {"WWW-Authenticate": asks, "Connection": "close"})
        exchange.close()

    def proof(self, exchange: Exchange, said: dict[str, str]) -> str:
        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        asked = md5(f"{exchange.method}:{exchange.path}")
        parts = (md5("u:r:p"), self.nonce, said["nc"], said["cnonce"], "auth", asked)
        return md5(":".join(parts))


def auth(folder: Path, password: str = "p") -> dict[str, str]:
    path = write(folder, password.encode(), "password")
    return {"type": "digest", "username": "u", "password_file": str(path)}


@pytest.mark.parametrize("size", [10, 10_000_000])
def test_a_file_is_sent_once(tmp_path: Path, size: int) -> None:
    """A large file goes out only after the server was asked what it wants to be told."""
    gate = Gate()
    with Receiver(otherwise=gate, head=gate) as receiver:
        destination = http_destination(receiver.url, auth=auth(tmp_path), method="PUT")
        for number in range(3):
            parcel = parcel_of(write(tmp_path, os.urandom(size)), f"{number}.jpg")
            destination.deliver(parcel, lambda _: None, never())
        destination.close()
    files = [request for request in receiver.requests if request.method == "PUT"]
    assert sum(request.size for request in files if request.complete) == 3 * size
    assert len([request for request in files if request.complete]) == 3
    assert len(files) == 3 if size > 10 else len(files) == 4
    assert gate.counts == sorted(set(gate.counts))


def test_a_server_that_guards_uploads_only(tmp_path: Path) -> None:
    """Where nothing but the upload itself is guarded, it is heard early and made once more."""
    gate = Gate()
    with Receiver(otherwise=gate) as receiver:
        destination = http_destination(receiver.url, auth=auth(tmp_path), method="PUT")
        parcel = parcel_of(write(tmp_path, os.urandom(30_000_000)))
        destination.deliver(parcel, lambda _: None, never())
        destination.close()
        assert receiver.contents == {parcel.sha256}
    files = [request for request in receiver.requests if request.method == "PUT"]
    assert [request.complete for request in files] == [False, True]


@pytest.mark.parametrize("stale_word", [True, False])
@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_nonce_that_went_stale(tmp_path: Path, stale_word: bool, size: int) -> None:
    """A new nonce is taken up at once where the password was good before."""
    gate = Gate(stale_word=stale_word)
    with Receiver(otherwise=gate, head=gate) as receiver:
        destination = http_destination(receiver.url, auth=auth(tmp_path))
        for number in range(2):
            parcel = parcel_of(write(tmp_path, os.urandom(size)), key=f"key-{number}")
            destination.deliver(parcel, lambda _: None, never())
            assert parcel.sha256 in receiver.contents
            gate.nonce = "nonce-2"
        destination.close()


@pytest.mark.parametrize("size", [10, 10_000_000])
def test_a_nonce_for_each_request(tmp_path: Path, size: int) -> None:
    """A server that wants a new nonce each time gets the file all the same."""
    gate = Gate(strict=True)
    with Receiver(otherwise=gate, head=gate) as receiver:
        destination = http_destination(receiver.url, auth=auth(tmp_path))
        parcel = parcel_of(write(tmp_path, os.urandom(size)))
        destination.deliver(parcel, lambda _: None, never())
        destination.deliver(parcel, lambda _: None, never())
        destination.close()
        assert receiver.contents == {parcel.sha256}


@pytest.mark.parametrize("size", [10, 10_000_000])
def test_a_wrong_password(tmp_path: Path, size: int) -> None:
    """A password that is refused is not tried again, and no large file goes out for it."""
    gate = Gate(stale_word=False)
    with Receiver(otherwise=gate, head=gate) as receiver:
        destination = http_destination(receiver.url, auth=auth(tmp_path, "wrong"))
        with pytest.raises(DeliveryError) as caught:
            destination.deliver(parcel_of(write(tmp_path, b"x" * size)), lambda _: None, never())
        findings = destination.check()
        destination.close()
    assert (caught.value.code, caught.value.kind) == ("auth_refused", Kind.PERMANENT)
    assert [finding.subject for finding in findings if not finding.ok] == ["auth"]
    assert [request for request in receiver.requests if request.complete and request.size] == []


def test_trust_in_a_nonce_ends() -> None:
    """After half a minute without a word from the server a large file asks first again."""
    clock = StoppedClock()
    proof = DigestProof("u", "p", clock)
    response = requests.Response()
    response.status_code = 401
    response.headers["WWW-Authenticate"] = 'Digest realm="r", nonce="n"'
    assert proof.heard(response, None)
    assert not proof.is_fresh
    response.status_code = 201
    assert not proof.heard(response, "Digest nonce=n")
    assert proof.is_fresh
    clock.time += 31
    assert not proof.is_fresh
    assert "p" not in repr(proof).removeprefix("DigestProof")
