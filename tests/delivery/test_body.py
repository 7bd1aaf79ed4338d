"""A body has the length that it says, and a name cannot break out of its place."""

from __future__ import annotations

import email
import email.policy
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.bandwidth import Bandwidth
from daemon.delivery.naming import relative_path, segment, url_of, with_tail
from daemon.delivery.pacing.throttle import UNLIMITED, Throttle, Throttles
from daemon.delivery.transport.body import (
    Envelope,
    FileBody,
    boundary_for,
    escape_parameter,
    multipart,
)
from tests.delivery.parcels import never, parcel_of, write

NAMES = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=80)


def unescape(text: str) -> str:
    return text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


@given(
    fields=st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"])), max_size=4),
    filename=NAMES,
    content=st.binary(max_size=200),
)
def test_multipart_is_parsed_back(fields: dict[str, str], filename: str, content: bytes) -> None:
    """A parser of MIME finds the fields and the file that went in, whatever they are called."""
    envelope = multipart(fields, "file", filename, "image/jpeg", "inboxd-0123456789")
    head = f"Content-Type: {envelope.content_type}\r\n\r\n".encode()
    raw = head + envelope.head + content + envelope.tail
    parts = raw.split(b"--inboxd-0123456789")[1:-1]
    assert len(parts) == len(fields) + 1
    for part, (name, value) in zip(parts, fields.items(), strict=False):
        header, _, rest = part.partition(b"\r\n\r\n")
        assert header == b'\r\nContent-Disposition: form-data; name="%s"' % escape_parameter(name)
        assert rest == value.encode() + b"\r\n"
    header, _, rest = parts[-1].partition(b"\r\n\r\n")
    assert header.count(b"\r\n") == 2
    assert rest == content + b"\r\n"


def test_multipart_by_another_parser() -> None:
    """Python's own parser of MIME agrees on names and content."""
    envelope = multipart({"source": "a\nb"}, "file", 'q"ü.jpg', "image/jpeg", "inboxd-0123")
    head = f"Content-Type: {envelope.content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(
        head + envelope.head + b"\xff\xd8binary" + envelope.tail, policy=email.policy.HTTP
    )
    field, file = message.iter_parts()  # type: ignore[attr-defined]
    assert field.get_param("name", header="content-disposition") == "source"
    assert file.get_content_type() == "image/jpeg"
    assert file.get_payload(decode=True) == b"\xff\xd8binary"


@given(NAMES)
def test_escape_is_harmless(name: str) -> None:
    """Neither a quote nor a line break survives, and the rest is UTF-8."""
    escaped = escape_parameter(name)
    assert not set(escaped) & set(b'"\r\n')
    escaped.decode()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="%")))
def test_escape_can_be_undone(name: str) -> None:
    """A name without percent signs can be told from its escaped form."""
    assert unescape(escape_parameter(name).decode()) == name


@given(
    size=st.integers(0, 200_000),
    block=st.integers(1, 100_000).map(lambda n: n + 4096),
    limited=st.booleans(),
)
def test_length_is_kept(size: int, block: int, limited: bool) -> None:
    """What a body yields is as long as it says, in any blocks, and comes again in full."""
    content = os.urandom(size)
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        body = FileBody(
            file.fileno(),
            size,
            Envelope(b"head", b"tail"),
            stop=never(),
            progress=lambda _: None,
            throttle=Throttles(Throttle(Bandwidth(10**12))) if limited else UNLIMITED,
            block=block,
        )
        for _ in range(2):
            sent = b"".join(bytes(part) for part in body)
            assert len(sent) == len(body)
            assert sent == b"head" + content + b"tail"


def test_boundary_depends_on_content_and_key(tmp_path: Path) -> None:
    """A repeated delivery has the same boundary, another file or key has another."""
    parcel = parcel_of(write(tmp_path, b"one"))
    other = parcel_of(write(tmp_path, b"two", "other"))
    assert boundary_for(parcel) == boundary_for(parcel)
    assert boundary_for(parcel) != boundary_for(other)
    assert boundary_for(parcel) != boundary_for(replace(parcel, idempotency_key="key-2"))


@given(NAMES)
def test_segment_stays_one_segment(name: str) -> None:
    """Nothing in a name ends a segment of a path or climbs out of it."""
    encoded = segment(name)
    assert encoded.isascii()
    assert not set(encoded) & set('/?#\\ "<>\r\n')
    assert encoded not in (".", "..", "")


def test_url_from_its_template(tmp_path: Path) -> None:
    """Values are encoded, the template's own slashes and those of a date are not."""
    facts = {"name": "a/b ü.jpg", "received": parcel_of(write(tmp_path, b"")).received}
    url = url_of("https://e.com/in%20box/{received:%Y/%m}/{name}?n={name}", facts)
    assert url == "https://e.com/in%20box/2026/11/a%2Fb%20%C3%BC.jpg?n=a%2Fb%20%C3%BC.jpg"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("r.jpg", "r.jpg"),
        ("2026/ä b/r?.jpg", "2026/%C3%A4%20b/r%3F.jpg"),
        ("../a/./r.jpg", "%2E%2E/a/%2E/r.jpg"),
        ("a\udcff/%2f", "a%FF/%252f"),
    ],
)
def test_path_in_a_url_keeps_its_folders(path: str, expected: str) -> None:
    """A file in a folder of the inbox is put into a folder there: servers refuse %2F as a rule."""
    url = url_of("https://e.com/{inbox}/{path}", {"inbox": "in", "path": path})
    assert url == f"https://e.com/in/{expected}"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
def test_relative_path_stays_inside(name: str) -> None:
    """No name leads out of a folder or is longer than a name can be."""
    parcel = replace(_PARCEL, name=name, path=name)
    for part in relative_path("{inbox}/../{path}", parcel):
        assert part not in (b"", b".", b"..")
        assert b"/" not in part
        assert b"\0" not in part
        assert len(part) <= 255
        part.decode()
        assert len(with_tail(part, "0" * 36)) <= 255
        with_tail(part, "0" * 36).decode()


with tempfile.TemporaryDirectory() as _folder:
    _PARCEL = parcel_of(write(Path(_folder), b""))
