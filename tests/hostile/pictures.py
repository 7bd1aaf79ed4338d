"""Hostile pictures: floods, bombs, endless frames, damage, metadata that lies."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator
from functools import cache

import pillow_heif
from PIL import Image

from tests.hostile.case import DELIVERED, Case, file
from tests.validation import samples
from tests.validation.samples import chunk, encoded

SIZE = (640, 480)
VERDICTS = (
    *("damaged", "truncated", "too_many_pixels", "too_complex", "too_large_to_parse"),
    *("too_many_pages", "type_not_accepted", "type_mismatch", "encrypted", DELIVERED),
)
"""What random damage may come to: any verdict at all, and no trouble of ours."""
_FLIPS = 4
_FLIPPED = 3


def pictures() -> Iterator[Case]:
    """All of them."""
    yield from _floods()
    yield from _bombs()
    yield from _frames()
    yield from _metadata()
    yield from _cut()
    yield from _flipped()


@cache
def good() -> dict[str, bytes]:
    """One file of each type that an inbox takes by default, of some size."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(samples.picture(size=SIZE)).save(buffer)
    return {
        "jpg": encoded("JPEG", size=SIZE),
        "png": encoded("PNG", size=SIZE),
        "tif": encoded("TIFF", size=SIZE),
        "webp": encoded("WEBP", size=SIZE),
        "heic": buffer.getvalue(),
        "pdf": encoded("PDF", size=SIZE),
    }


def _floods() -> Iterator[Case]:
    kind = "pixel flood"
    for width, height in ((100_000, 100_000), (65_535, 65_535), (2**31 - 1, 2**31 - 1), (2**30, 1)):
        content = samples.png_of(width, height) if width < 10**6 else _png_header(width, height)
        yield file(kind, f"{width}x{height}.png", content, "too_many_pixels")
    yield file(kind, "flood.tif", samples.tiff_of(1, width=60_000, height=60_000),
               "too_many_pixels")  # fmt: skip
    largest = samples.tiff_of(1, width=2**31 - 1, height=2**31 - 1)
    yield file(kind, "flood-largest.tif", largest, "too_many_pixels")
    yield file(kind, "flood.webp", samples.huge_webp(), "too_many_pixels")
    yield file(kind, "flood.heic", samples.lying_heic(1 << 30, 64), "too_many_pixels")
    yield file(kind, "lying.heic", samples.lying_heic(2000, 1000), "damaged")
    frame = encoded("JPEG", size=SIZE)
    place = frame.index(b"\xff\xc0") + 5
    lying = frame[:place] + struct.pack(">HH", 65_500, 65_500) + frame[place + 4 :]
    yield file(kind, "lying.jpg", lying, "too_many_pixels")
    yield file(kind, "flat.png", samples.png_of(8, 0), "damaged")
    just_under = io.BytesIO()
    Image.new("L", (9_900, 9_900)).save(just_under, "PNG")
    yield file(kind, "just-under.png", just_under.getvalue(), DELIVERED)


def _png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 1)
    data = zlib.compress(bytes(1000))
    body = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _bombs() -> Iterator[Case]:
    kind = "decompression bomb"
    yield file(kind, "text.png", samples.text_bomb_png, DELIVERED, noted="left unread")
    yield file(kind, "profile.png", samples.profile_bomb_png, DELIVERED, noted="left unread")
    zeros = samples.bomb(128 << 20)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    packed = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zeros) + chunk(b"IEND", b"")
    yield file(kind, "too-much-data.png", packed, DELIVERED, "damaged")
    promise = b"\x7f\xff\xff\xfftEXt"
    yield file(kind, "promise.png", samples.png_of(8, 8, before_data=promise), "truncated")
    for name, packing in (("deflate", "tiff_adobe_deflate"), ("lzw", "tiff_lzw")):
        flat = io.BytesIO()
        Image.new("L", (9_000, 9_000)).save(flat, "TIFF", compression=packing)
        yield file(kind, f"{name}.tif", flat.getvalue(), DELIVERED)
    flat = io.BytesIO()
    Image.new("L", (9_900, 9_900)).save(flat, "WEBP", lossless=True)
    yield file(kind, "flat.webp", flat.getvalue(), DELIVERED, "too_large_to_parse", "too_complex")
    flat = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (2_000, 2_000))).save(flat)
    yield file(kind, "flat.heic", flat.getvalue(), DELIVERED)
    strips = samples.tiff_of(1, width=8, height=8)
    count = strips.index(struct.pack("<HHII", 279, 4, 1, 64))
    lying = strips[:count] + struct.pack("<HHII", 279, 4, 1, 2**32 - 1) + strips[count + 12 :]
    yield file(kind, "strip-count.tif", lying, "truncated")


def _frames() -> Iterator[Case]:
    kind = "frames without end"
    yield file(kind, "scans.jpg", samples.endless_scans_jpeg(), "too_complex")
    large = samples.endless_scans_jpeg(450, (5000, 5000))
    yield file(kind, "slow-scans.jpg", large, "too_complex", DELIVERED)
    yield file(kind, "pages.tif", samples.tiff_of(501), "too_many_pages")
    yield file(kind, "endless.tif", samples.tiff_of(30_000), "too_many_pages")
    ring = samples.tiff_of(2)
    first = struct.unpack_from("<I", ring, 4)[0]
    yield file(kind, "ring.tif", ring[:-4] + struct.pack("<I", first), "too_many_pages", "damaged",
               DELIVERED)  # fmt: skip
    same = samples.tiff_of(300, width=3000, height=3000)
    yield file(kind, "one-strip.tif", same, "damaged")
    yield file(
        kind, "frames.webp", lambda: samples.many("WEBP", 600, lossless=True), "too_many_pages"
    )
    frames = samples.many("PNG", 600)
    yield file(kind, "frames.png", frames, "too_many_pages")
    yield file(kind, "frames.gif", samples.many("GIF", 600), "too_many_pages", inbox="anything")


def _metadata() -> Iterator[Case]:
    kind = "metadata"
    strings = {
        "escape": b"\x1b]0;owned\x07\x1b[2J",
        "script": b"<script>alert(document.cookie)</script>",
        "sql": b"'; DROP TABLE jobs; --",
        "shell": b"$(reboot) `id` ; rm -rf /",
        "format": b"%s%s%n%n {sha256} ${HOME}",
        "bytes": bytes(range(1, 256)),
        "long": b"A" * 9_000,
    }
    for name, text in strings.items():
        exif = Image.Exif()
        for tag in (0x010E, 0x010F, 0x0131, 0x8298, 0x9286):  # description, make, software, ...
            exif[tag] = text.decode("latin-1") if tag != 0x9286 else text
        exif[0x0112] = 1
        noted = "web page or script" if name == "script" else ""
        content = encoded("JPEG", size=SIZE, exif=exif.tobytes(), comment=text)
        yield file(kind, f"exif-{name}.jpg", content, DELIVERED, noted=noted)
    for turn in (0, 9, 65_535):
        exif = Image.Exif()
        exif[0x0112] = turn
        content = encoded("JPEG", size=SIZE, exif=exif.tobytes())
        yield file(kind, f"orientation-{turn}.jpg", content, DELIVERED)
    loop = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x8769, 4, 1, 8) + b"\x08\0\0\0"
    yield file(kind, "exif-loop.jpg", encoded("JPEG", exif=loop), DELIVERED)
    huge = (
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 0x010E, 2, 2**32 - 1, 2**31) * 9
    )
    yield file(kind, "exif-huge.jpg", encoded("JPEG", exif=huge), DELIVERED)
    broken = samples.png_of(8, 8, before_data=chunk(b"eXIf", b"nonsense"))
    yield file(kind, "exif-broken.png", broken, DELIVERED)
    profile = encoded("JPEG", icc_profile=b"not a profile" * 4000)
    yield file(kind, "profile-broken.jpg", profile, DELIVERED)


def _cut() -> Iterator[Case]:
    for kind, content in good().items():
        for tenths in range(1, 10):
            cut = content[: len(content) * tenths // 10]
            yield file("truncated", f"cut-{tenths}0.{kind}", cut, "truncated")


def _flipped() -> Iterator[Case]:
    for kind, content in good().items():
        for seed in range(_FLIPS):
            damaged = flipped(content, random.Random(f"{kind} {seed}"), _FLIPPED)
            yield file("bits flipped", f"flipped-{seed}.{kind}", damaged, *VERDICTS)


def flipped(content: bytes, chance: random.Random, most: int) -> bytes:
    """A file with one bit or more of it changed, beyond its first bytes."""
    damaged = bytearray(content)
    for _ in range(chance.randint(1, most)):
        damaged[chance.randrange(8, len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)
