from __future__ import annotations

import gzip
import io
import json
import struct
import sys
import tarfile
import wave
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.validation.kinds import (
    Group,
    canonical,
    claimed_type,
    extension,
    kind,
    settled_type,
)
from daemon.validation.media_type import HEAD, detect
from tests.validation import samples


def detected(content: bytes) -> str:
    """The type of some content, given to `detect` as the validator does."""
    return detect(content[:HEAD], content[-HEAD:], len(content))


def zipped(*names: str, first: bytes = b"") -> bytes:
    """A ZIP with such files in it; `first` is the content of a leading, unpacked mimetype."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        if first:
            archive.writestr("mimetype", first)
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


def tarred() -> bytes:
    """A tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
    return buffer.getvalue()


def waved() -> bytes:
    """A WAV with a moment of silence."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(100))
    return buffer.getvalue()


def boxed(major: bytes, *compatible: bytes) -> bytes:
    """The first box of an ISO base media file."""
    brands = major + bytes(4) + b"".join(compatible)
    return struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + bytes(64)


MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # 128 kbit/s at 44.1 kHz: 417 bytes
AAC_FRAME = b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(9)  # 16 bytes
PE = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(20)
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"

KNOWN = [
    ("image/jpeg", samples.encoded("JPEG")),
    ("image/jpeg", samples.many("MPO", 2)),
    ("image/png", samples.encoded("PNG")),
    ("image/gif", samples.encoded("GIF")),
    ("image/bmp", samples.encoded("BMP")),
    ("image/tiff", samples.encoded("TIFF")),
    ("image/tiff", samples.encoded("TIFF", big_tiff=True)),
    ("image/tiff", b"MM\0*" + bytes(20)),
    ("image/tiff", b"MM\0+" + bytes(20)),
    ("image/webp", samples.encoded("WEBP")),
    ("image/heic", samples.heic()),
    ("image/avif", samples.encoded("AVIF")),
    ("image/heic", boxed(b"mif1", b"heic")),
    ("image/avif", boxed(b"mif1", b"miaf", b"avif")),
    ("image/heif", boxed(b"mif1", b"miaf")),
    ("video/mp4", boxed(b"isom", b"mp41")),
    ("video/quicktime", boxed(b"qt  ")),
    ("audio/mp4", boxed(b"M4A ", b"isom")),
    ("video/3gpp", boxed(b"3gp4")),
    ("application/pdf", samples.pdf()),
    ("application/pdf", b"junk\n" * 100 + samples.pdf()),
    ("application/zip", zipped("a.txt")),
    ("application/zip", b"PK\5\6" + bytes(18)),
    (WORD, zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml")),
    (SHEET, zipped("[Content_Types].xml", *(f"docProps/{n}" for n in range(2000)), "xl/a.xml")),
    (ODT, zipped("content.xml", first=ODT.encode())),
    ("application/epub+zip", zipped("a.xhtml", first=b"application/epub+zip")),
    ("application/java-archive", zipped("META-INF/MANIFEST.MF", "A.class")),
    ("application/gzip", gzip.compress(b"x")),
    ("application/x-tar", tarred()),
    ("application/x-7z-compressed", b"7z\xbc\xaf\x27\x1c" + bytes(26)),
    ("application/vnd.rar", b"Rar!\x1a\x07\x01\x00" + bytes(9)),
    ("application/x-executable", Path(sys.executable).read_bytes()[:HEAD]),
    ("application/vnd.microsoft.portable-executable", PE),
    ("application/vnd.microsoft.portable-executable", b"MZ\x90\0\3\0\0\0" + bytes(56)),
    ("application/x-ole-storage", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)),
    ("application/rtf", b"{\\rtf1\\ansi Hello}"),
    ("audio/mpeg", b"ID3\4\0\0\0\0\0\0" + MP3_FRAME),
    ("audio/mpeg", MP3_FRAME * 2),
    ("audio/aac", AAC_FRAME * 2),
    ("audio/wav", waved()),
    ("audio/flac", b"fLaC\0\0\0\x22" + bytes(34)),
    ("audio/ogg", b"OggS\0\2" + bytes(22) + b"\1\x13OpusHead"),
    ("video/ogg", b"OggS\0\2" + bytes(22) + b"\1\x2a\x80theora"),
    ("audio/aiff", b"FORM\0\0\0\x2eAIFFCOMM"),
    ("video/webm", b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm"),
    ("video/x-matroska", b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska"),
    ("text/plain", b"Total 12.50 EUR\r\n"),
    ("text/plain", "Summe 12,50 €\n".encode()),
    ("text/plain", "Summe 12,50 €\n".encode("utf-16")),
    ("text/plain", "Grüße aus Köln und München\n".encode("latin-1")),
    ("text/plain", ("x" * (HEAD - 1) + "€uro").encode()),
    ("text/plain", b"BM and MZ are not enough, and %PDF-1.7 is neither\n"),
    ("text/html", b"<!DOCTYPE html>\n<title>x</title>"),
    ("text/html", b"\xef\xbb\xbf <HTML><body>"),
    ("image/svg+xml", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'),
    ("application/xml", b'<?xml version="1.0"?><Invoice/>'),
    ("application/json", json.dumps({"a": [1]}).encode()),
    ("text/plain", b"[a note] in brackets"),
    ("text/plain", b"[" * 50_000),
    ("application/octet-stream", bytes(4096)),
    ("application/octet-stream", bytes(range(256))),
    ("application/octet-stream", MP3_FRAME),
    ("application/octet-stream", b"\xff\xfe\0\xd8"),
    ("application/octet-stream", b""),
]


@pytest.mark.parametrize(("expected", "content"), KNOWN)
def test_types_are_told_from_content(expected: str, content: bytes) -> None:
    """Each format is known by the bytes that its specification lays down."""
    assert detected(content) == expected


@given(st.binary(max_size=2000))
@example(b"MZ")
@example(b"PK\3\4")
@example(b"\0\0\0\xffftyp")
def test_any_bytes_have_a_type(content: bytes) -> None:
    """Whatever the bytes are, there is a type and a kind for them."""
    media_type = detected(content)
    assert media_type.count("/") == 1
    assert kind(media_type) in Group


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), min_size=1))
def test_text_is_never_unknown(text: str) -> None:
    """What is UTF-8 without control characters is of some type that people read."""
    assert kind(detected(("a " + text).encode())) is Group.TEXT


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"r.pdf", "pdf"),
        (b"r.pdf.exe", "exe"),
        (b"R.JPEG", "jpeg"),
        (b"r.exe. .", "exe"),
        (b".jpg", ""),
        (b"r", ""),
        (b"", ""),
        (b"...", ""),
    ],
)
def test_the_last_extension_counts(name: bytes, expected: str) -> None:
    """Only what follows the last dot is an extension, and a hidden file has none."""
    assert extension(name) == expected


@given(st.binary(max_size=64))
def test_any_name_has_an_extension_or_none(name: bytes) -> None:
    """Names are bytes; none of them is an error."""
    claimed = claimed_type(name)
    assert claimed is None or kind(claimed) is not Group.UNKNOWN


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        ("text/plain", b"a.csv", "text/csv"),
        ("text/plain", b"a.jpg", "text/plain"),
        ("application/x-ole-storage", b"a.doc", "application/msword"),
        ("video/mp4", b"memo.m4a", "audio/mp4"),
        ("audio/mp4", b"memo.mp4", "video/mp4"),
        ("image/jpeg", b"a.png", "image/jpeg"),
    ],
)
def test_the_name_settles_what_content_cannot(content: str, name: bytes, expected: str) -> None:
    """Where the bytes of several types look the same, and only there, the name decides."""
    assert settled_type(content, claimed_type(name)) == expected


def test_a_type_has_one_name() -> None:
    """Names that mean the same type are one."""
    assert canonical("image/jpg") == "image/jpeg"
    assert canonical(" Audio/X-WAV ") == "audio/wav"
    assert canonical("image/heif") == canonical("image/heic")
