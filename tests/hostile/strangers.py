"""What is no file, hides what it is, is two things, has an odd name, or is empty or endless."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import socket
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.case import DELIVERED, Case, Maker, file
from tests.hostile.pictures import good
from tests.validation import samples

SOMEBODY_ELSE = 12_345
"""A user who is neither the daemon nor the owner of the inbox."""
NO_FILE = "not_a_regular_file"
REFUSED = "type_not_accepted"


def strangers(victim: Path) -> Iterator[Case]:
    """All of them; the links lead to `victim`, a file that lies in no inbox."""
    yield from _no_files(victim)
    yield from _sizes()
    yield from _disguised()
    yield from _polyglots()
    yield from _archives()
    yield from _markup(victim)
    yield from _names()


def _no_files(victim: Path) -> Iterator[Case]:
    def special(name: str, make: Maker, *expected: str) -> Case:
        return Case("no file of its own", name.encode(), make, frozenset(expected or {NO_FILE}))

    yield special("link.jpg", lambda path: os.symlink(victim, path))
    yield special("link-to-a-folder.jpg", lambda path: os.symlink(victim.parent, path))
    yield special("link-to-nothing.jpg", lambda path: os.symlink("/nowhere/at/all", path))
    yield special("link-to-itself.jpg", lambda path: os.symlink(path, path))
    yield special("link-to-passwords.jpg", lambda path: os.symlink("/etc/shadow", path))
    yield special("link-to-a-descriptor.jpg", lambda path: os.symlink("/proc/self/fd/0", path))
    yield special("pipe.jpg", os.mkfifo)
    yield special("socket.jpg", _socket)
    yield special("zero.jpg", lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5)))
    yield special("memory.jpg", lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 1)))
    yield special("disk.jpg", lambda path: os.mknod(path, stat.S_IFBLK | 0o666, os.makedev(7, 250)))
    yield special("hard-link.jpg", lambda path: os.link(victim, path), "hard_link")


def _socket(path: bytes) -> None:
    before = Path.cwd()
    os.chdir(os.path.dirname(path))  # the name of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.basename(path))
    finally:
        os.chdir(before)


def _sizes() -> Iterator[Case]:
    kind = "empty or endless"
    yield file(kind, "empty.jpg", b"", "empty")
    yield file(kind, "empty", b"", "empty")
    yield file(kind, "byte.jpg", b"\xff", REFUSED)
    yield file(kind, "spaces.jpg", b" " * 1000, "type_mismatch")
    yield file(kind, "zeros.jpg", bytes(1 << 20), REFUSED)
    for name, size in (("tera.jpg", 1 << 40), ("tera.pdf", 1 << 40), ("giga.png", 5 << 30)):
        yield Case(kind, name.encode(), _sparse(size), frozenset({"too_large"}))
    yield Case(kind, b"mega.jpg", _sparse(20 << 20), frozenset({REFUSED}))
    yield file(kind, "over.jpg", lambda: good()["jpg"] + bytes(25_000_000), "too_large")


def _sparse(size: int) -> Maker:
    def make(path: bytes) -> None:
        with open(path, "wb") as hole:
            hole.truncate(size)

    return make


def _disguised() -> Iterator[Case]:
    kind = "wrong extension"
    program = b"\x7fELF\x02\x01\x01" + bytes(200)
    windows = b"MZ" + bytes(58) + b"\x40\0\0\0" + b"PE\0\0" + bytes(200)
    for name, content in {
        "invoice.pdf": good()["jpg"],
        "photo.jpg": samples.pdf(),
        "program.jpg": program,
        "program.pdf": windows,
        "page.png": b"<html><script>alert(1)</script></html>",
        "script.jpg": b"#!/bin/sh\nreboot\n" * 4,
        "archive.jpg": samples.archive(),
        "sound.jpg": b"ID3\3" + bytes(60),
        "picture.exe": good()["jpg"],
        "picture.html": good()["png"],
        "picture.zip": good()["jpg"],
    }.items():
        yield file(kind, name, content, "type_mismatch")
    yield file(kind, "picture.png", good()["jpg"], DELIVERED, noted=".png says")
    yield file(kind, "picture.heic", good()["webp"], DELIVERED, noted=".heic says")
    kind = "double extension"
    yield file(kind, "invoice.pdf.exe", windows, REFUSED)
    yield file(kind, "invoice.pdf.jpg", good()["jpg"], DELIVERED)
    yield file(kind, "invoice.jpg.pdf", good()["jpg"], "type_mismatch")
    yield file(kind, "invoice.jpg.json", good()["jpg"], "type_mismatch")
    yield file(kind, "invoice.php.jpg", good()["jpg"], DELIVERED)
    yield file(kind, "invoice.jpg.php", good()["jpg"], DELIVERED)
    yield file(kind, "invoice.jpg .", good()["jpg"], DELIVERED)
    yield file(kind, "receipt-\u202egpj.exe", windows, REFUSED)
    yield file(kind, "receipt-\u202eexe.jpg", good()["jpg"], DELIVERED)


def _polyglots() -> Iterator[Case]:
    kind = "polyglot"
    packed, page = samples.archive(), b"<html><script>alert(1)</script></html>"
    jpg, png, pdf = good()["jpg"], good()["png"], samples.pdf()
    yield file(kind, "jpg-zip.jpg", jpg + packed, DELIVERED, noted="ZIP archive")
    yield file(kind, "png-zip.png", png + packed, DELIVERED, noted="ZIP archive")
    yield file(kind, "pdf-zip.pdf", pdf + packed, DELIVERED, noted="ZIP archive")
    yield file(kind, "jpg-page.jpg", jpg + page, DELIVERED, noted="web page or script")
    yield file(kind, "png-php.png", png + b"<?php system($_GET[0]); ?>", DELIVERED,
               noted="web page or script")  # fmt: skip
    comment = b"\xff\xfe" + (len(pdf) + 2).to_bytes(2, "big") + pdf
    yield file(kind, "jpg-pdf.jpg", jpg[:2] + comment + jpg[2:], DELIVERED, noted="a PDF")
    yield file(kind, "page-pdf.pdf", page + b"\n" + pdf, DELIVERED, noted="web page or script")
    yield file(kind, "zip-pdf.pdf", packed + pdf, "type_mismatch")
    yield file(kind, "program-pdf.pdf", b"MZ\0\0" + pdf, "type_mismatch")
    yield file(kind, "gif-script.gif", b"GIF89a/*" + bytes(9) + b"*/=1;alert(1)", REFUSED)
    both = samples.many("GIF", 2) + packed
    yield file(kind, "jar.gif", both, DELIVERED, noted="ZIP archive", inbox="anything")
    yield file(kind, "tif-page.tif", good()["tif"] + page, DELIVERED, noted="web page or script")


def _archives() -> Iterator[Case]:
    kind = "archive"
    zeros = bytes(64 << 20)
    found = {
        "bomb.zip": lambda: samples.archive({"zeros": zeros}),
        "nested.zip": lambda: samples.archive({"a.zip": samples.archive({"zeros": zeros})}),
        "slip.zip": lambda: samples.archive({"../../etc/cron.d/x": b"x", "/etc/x": b"x"}),
        "many.zip": lambda: samples.archive({f"{n}": b"" for n in range(5000)}),
        "book.docx": lambda: samples.archive(
            {"[Content_Types].xml": b"", "word/document.xml": b""}
        ),
        "program.jar": lambda: samples.archive({"META-INF/MANIFEST.MF": b"Main-Class: X"}),
        "bomb.gz": lambda: gzip.compress(zeros),
        "bomb.xz": lambda: lzma.compress(zeros),
        "links.tar": _tar,
        "header.7z": lambda: b"7z\xbc\xaf\x27\x1c" + bytes(100),
        "header.rar": lambda: b"Rar!\x1a\x07\x01\x00" + bytes(100),
    }
    for name, content in found.items():
        yield file(kind, name, content, REFUSED)
    yield file(kind, "bomb-anywhere.zip", found["bomb.zip"], DELIVERED, inbox="anything")
    yield file(kind, "links-anywhere.tar", _tar, DELIVERED, inbox="anything")


def _tar() -> bytes:
    """An archive that leads outside by a link, a way up, and a device."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as packer:
        for name, kind in (("link", tarfile.SYMTYPE), ("dev", tarfile.CHRTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            packer.addfile(entry)
        packer.addfile(tarfile.TarInfo("../../../etc/cron.d/x"))
    return buffer.getvalue()


def _markup(victim: Path) -> Iterator[Case]:
    kind = "SVG and XML"
    laughs = b"".join(
        b'<!ENTITY l%d "%s">' % (level, b"&l%d;" % (level - 1) * 10) for level in range(1, 10)
    )
    laughing = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">%s]>' % laughs
    reading = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file://%s">]>' % bytes(victim)
    drawing = (
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><text>%s</text></svg>'
    )
    for name, content in {
        "laughs.svg": laughing + drawing % b"&l9;",
        "entity.svg": reading + drawing % b"&e;",
        "script.svg": drawing % b"x",
        "outside.svg": b'<svg><image href="http://169.254.169.254/"/></svg>',
        "laughs.xml": laughing + b"<x>&l9;</x>",
        "entity.xml": reading + b"<x>&e;</x>",
    }.items():
        yield file(kind, name, content, REFUSED)
        yield file(kind, f"anywhere-{name}", content, DELIVERED, inbox="anything")
    yield file(kind, "drawing.jpg", drawing % b"x", "type_mismatch")


def _names() -> Iterator[Case]:
    kind = "name"
    for name in (
        *("line\nbreak.jpg", "tab\t.jpg", "return\r.jpg", "bell\x07.jpg", "\x1b]0;owned\x07.jpg"),
        *("\x1b[31mred.jpg", "\u202egpj.txt.jpg", "zero\u200bwidth.jpg", "\ufeffmark.jpg"),
        *("-rf.jpg", "--help", "$(reboot).jpg", "`id`.jpg", "; rm -rf .jpg", "%s%n%x.jpg"),
        *("{sha256}.jpg", "{inbox.__class__}.jpg", "${HOME}.jpg", "*.jpg", "?.jpg", "[a].jpg"),
        *("a\\..\\b.jpg", "C:\\windows.jpg", "CON.jpg", "aux", "space .jpg"),
        *("' OR 1=1 --.jpg", '"quoted".jpg', "<script>.jpg", "a&b=c#d?e.jpg"),
        *("e\u0301.jpg", "\u00e9.jpg", "\u0430.jpg", "\U0001f9fe.jpg", "n" * 251 + ".jpg"),
    ):
        yield file(kind, name, good()["jpg"], DELIVERED)
    for raw in (b"\xff\xfe.jpg", b"half-\xc3.jpg", b"\xed\xa0\x80.jpg", b"\xc0\xaf.jpg",
                b"\xff" * 251 + b".jpg"):  # fmt: skip
        yield file(kind, raw, good()["jpg"], DELIVERED)
