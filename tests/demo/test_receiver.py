"""The receiver of the demonstration, asked over real sockets."""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from daemon.demo.multipart import MultipartError, boundary_of, parts
from daemon.demo.receiver import Receiver
from tests.waiting import PATIENCE


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(tmp_path) as running:
        yield running


def kept(receiver: Receiver) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in receiver.files.iterdir()}


def test_a_posted_file_is_kept_and_acknowledged(receiver: Receiver) -> None:
    """The answer is 201 with where the file is, its hash and its size; form fields are let be."""
    data = b"\r\n--not the end\r\n" * 50_000
    answer = requests.post(
        f"{receiver.url}/upload",
        files={"file": ("a b.jpg", data)},
        data={"n": "1"},
        timeout=PATIENCE,
    )
    assert answer.status_code == 201
    assert answer.json() == {
        "url": f"{receiver.url}/files/a%20b.jpg",
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
    }
    assert kept(receiver) == {"a b.jpg": data}


def test_a_name_beyond_ascii_is_kept(receiver: Receiver) -> None:
    """A file name in plain UTF-8, as curl sends it, keeps its letters."""
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; '
        b'filename="ferreter\xc3\xada.jpg"\r\n\r\nx\r\n--b--\r\n'
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    requests.post(receiver.url, data=body, headers=headers, timeout=PATIENCE).raise_for_status()
    assert kept(receiver) == {"ferretería.jpg": b"x"}


def test_a_put_file_replaces_one_of_its_name(receiver: Receiver) -> None:
    """PUT takes the raw body under the last part of the path, again and again."""
    for data in (b"old", b"new"):
        answer = requests.put(f"{receiver.url}/in/r%C3%A9.pdf", data=data, timeout=PATIENCE)
        assert answer.status_code == 201
    assert kept(receiver) == {"ré.pdf": b"new"}
    assert urllib.parse.unquote(answer.json()["url"]).endswith("/ré.pdf")


def test_a_repeated_key_gets_the_first_answer(receiver: Receiver) -> None:
    """Eight requests at once with one Idempotency-Key store one file and agree on the answer."""

    def send(_: int) -> str:
        return requests.post(
            receiver.url,
            files={"file": ("a.jpg", b"same")},
            headers={"Idempotency-Key": "k"},
            timeout=PATIENCE,
        ).text

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(send, range(8)))
    assert len(answers) == 1
    assert kept(receiver) == {"a.jpg": b"same"}


def test_two_files_of_one_name_are_both_kept(receiver: Receiver) -> None:
    """Without a common key, files that share a name get names of their own."""
    urls = {
        requests.post(receiver.url, files={"f": ("a.jpg", data)}, timeout=PATIENCE).json()["url"]
        for data in (b"1", b"2")
    }
    assert len(urls) == 2
    assert sorted(kept(receiver).values()) == [b"1", b"2"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\x", "/", "..", "a" * 400])
def test_a_name_never_leaves_the_folder(receiver: Receiver, tmp_path: Path, name: str) -> None:
    """Whatever a file is called, it lands in the folder for files."""
    before = {path for path in tmp_path.parent.iterdir() if path != tmp_path}
    requests.post(receiver.url, files={"f": (name, b"x")}, timeout=PATIENCE).raise_for_status()
    assert list(kept(receiver).values()) == [b"x"]
    assert {path for path in tmp_path.parent.iterdir() if path != tmp_path} == before


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--b--"),
        ("multipart/form-data; boundary=b", b"no delimiter at all"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"'),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nno file\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"x" * 200_000),
    ],
)
def test_a_malformed_body_is_refused(receiver: Receiver, content_type: str, body: bytes) -> None:
    """What is not a form with a file gets 400 with a reason, and leaves nothing behind."""
    headers = {"Content-Type": content_type}
    answer = requests.post(receiver.url, data=body, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert kept(receiver) == {}


def test_a_body_without_a_length_is_refused(receiver: Receiver) -> None:
    """A chunked body gets 411, since the receiver takes only what says how long it is."""
    answer = requests.put(f"{receiver.url}/x", data=iter([b"a"]), timeout=PATIENCE)
    assert answer.status_code == 411


def test_a_body_that_ends_early_is_not_kept(receiver: Receiver, tmp_path: Path) -> None:
    """A client that goes away in the middle leaves neither a file nor a part of one."""
    port = urllib.parse.urlsplit(receiver.url).port
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.sendall(b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_connection_serves_many_requests(receiver: Receiver) -> None:
    """Connections are kept alive, so that a client need not dial for each file."""
    connection = http.client.HTTPConnection(
        urllib.parse.urlsplit(receiver.url).netloc, timeout=PATIENCE
    )
    connection.connect()
    first = connection.sock
    for number in range(3):
        connection.request("PUT", f"/{number}", body=b"x")
        assert connection.getresponse().read()
    assert connection.sock is first
    connection.close()


@given(st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=5), st.data())
def test_parts_come_out_as_they_went_in(
    contents: list[tuple[bytes, bool]], data: st.DataObject
) -> None:
    """Any contents survive, in whatever pieces the body arrives."""
    boundary = b"x7Qb"
    body = b"".join(
        b'--x7Qb\r\nContent-Disposition: form-data; name="n"%b\r\n\r\n%b\r\n'
        % (b'; filename="f"' if named else b"", content)
        for content, named in contents
    )
    body += b"--x7Qb--\r\n"
    if any(b"\r\n--" + boundary in content for content, _ in contents):
        return
    rest = body

    def read(limit: int) -> bytes:
        nonlocal rest
        size = data.draw(st.integers(1, 40))
        piece, rest = rest[: min(size, limit)], rest[min(size, limit) :]
        return piece

    found = [(b"".join(part.content), part.filename is not None) for part in parts(read, boundary)]
    assert found == contents


def test_a_boundary_is_required() -> None:
    """A Content-Type without a boundary cannot be read."""
    assert boundary_of('multipart/form-data; boundary="a b"') == b"a b"
    with pytest.raises(MultipartError, match=re.escape("with a boundary")):
        boundary_of("multipart/form-data")
