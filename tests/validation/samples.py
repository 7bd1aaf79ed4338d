"""Files for these tests, good and hostile, built byte by byte or drawn by Pillow."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import pillow_heif
from PIL import Image


def picture(mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A picture with some noise in it, the same every time."""
    width, height = size
    pixels = bytes((x * 7 + y * 13 + x * y) & 0xFF for y in range(height) for x in range(width))
    grey = Image.frombytes("L", size, pixels)
    if mode == "I;16":
        return Image.frombytes("I;16", size, b"".join(bytes((p, 255 - p)) for p in pixels))
    return grey.convert(mode)


def encoded(kind: str, mode: str = "RGB", size: tuple[int, int] = (64, 48), **how: Any) -> bytes:
    """A picture in a format of Pillow."""
    buffer = io.BytesIO()
    picture(mode, size).save(buffer, kind, **how)
    return buffer.getvalue()


def many(kind: str, count: int, mode: str = "RGB", **how: Any) -> bytes:
    """A file of several pages or frames that differ."""
    pages = [picture(mode, (16 + index % 7, 16)) for index in range(count)]
    if kind != "TIFF":
        pages = [picture("L", (16, 16)).point(lambda p, i=i: (p + i) % 256) for i in range(count)]
    buffer = io.BytesIO()
    pages[0].save(buffer, kind, save_all=True, append_images=pages[1:], **how)
    return buffer.getvalue()


def heic() -> bytes:
    """A HEIC picture."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(picture()).save(buffer)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk with its right checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width: int, height: int, *, before_data: bytes = b"") -> bytes:
    """A grey PNG that claims a size and has one row of data, with chunks of one's own."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(
        b"".join(b"\0" * (width + 1) for _row in range(height if height < 99 else 1))
    )
    end = chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before_data + end


def bomb(size: int = 64 << 20) -> bytes:
    """So many zeros, packed."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


def text_bomb_png() -> bytes:
    """A good PNG with a text that unpacks beyond all bounds."""
    return png_of(8, 8, before_data=chunk(b"zTXt", b"Comment\0\0" + bomb()))


def profile_bomb_png() -> bytes:
    """A good PNG with a colour profile that unpacks beyond all bounds."""
    return png_of(8, 8, before_data=chunk(b"iCCP", b"x\0\0" + bomb()))


def endless_scans_jpeg(scans: int = 2000, size: tuple[int, int] = (64, 48)) -> bytes:
    """A progressive JPEG of one grey whose last scan is repeated over and over."""
    buffer = io.BytesIO()
    Image.new("L", size, 99).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + b"\xff\xd9"


def tiff_of(pages: int, *, width: int = 8, height: int = 8) -> bytes:
    """A TIFF whose pages all show the same strip."""
    entries = 8
    length = 2 + entries * 12 + 4
    strip = 8
    first = strip + 64
    parts = [b"II*\0", struct.pack("<I", first), bytes(64)]
    for page in range(pages):
        following = first + (page + 1) * length if page + 1 < pages else 0
        fields = (
            (256, 4, width),
            (257, 4, height),
            (258, 3, 8),
            (259, 3, 1),
            (262, 3, 1),
            (273, 4, strip),
            (278, 4, height),
            (279, 4, min(64, width * height)),
        )
        parts.append(struct.pack("<H", entries))
        parts += [struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in fields]
        parts.append(struct.pack("<I", following))
    return b"".join(parts)


def huge_webp() -> bytes:
    """A WebP whose canvas is as large as the format allows."""
    canvas = struct.pack("<B3x", 0x02) + b"\xff\x3f\x00" + b"\xff\x3f\x00"
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + canvas
    body += encoded("WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def pdf(
    *objects: bytes, trailer: bytes = b"", pages: int = 1, page: bytes = b"", media: str = ""
) -> bytes:
    """A PDF with a right cross-reference table.

    Objects 1 and 2 are the catalogue and the page tree, from 3 on the pages, then one's own.
    `trailer` may hold the rest of a dictionary, `catalogue` is extended by /Extra objects.
    """
    kids = " ".join(f"{3 + index} 0 R" for index in range(pages))
    box = media or "[0 0 200 100]"
    every = [
        b"<</Type/Catalog/Pages 2 0 R"
        + (b"/OpenAction %d 0 R" % (3 + pages) if objects else b"")
        + b">>",
        f"<</Type/Pages/Count {pages}/Kids[{kids}]>>".encode(),
        *[f"<</Type/Page/Parent 2 0 R/MediaBox{box}".encode() + page + b">>"] * pages,
        *objects,
    ]
    return assembled(every, trailer)


def assembled(objects: list[bytes], trailer: bytes = b"") -> bytes:
    """Numbered objects as a PDF file."""
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<</Size %d/Root 1 0 R%b>>\n" % (len(objects) + 1, trailer)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def stream(data: bytes, extra: bytes = b"") -> bytes:
    """A stream object."""
    return b"<</Length %d%b>>stream\n" % (len(data), extra) + data + b"\nendstream"


def encrypted_pdf() -> bytes:
    """A PDF that the empty password does not open (ISO 32000-2, 7.6.4)."""
    lock = b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%b>/U<%b>>>/ID[<00><00>]"
    return pdf(trailer=lock % (b"11" * 32, b"22" * 32))


def exploding_forms_pdf(depth: int = 40) -> bytes:
    """A PDF whose page draws a form that draws a form twice, and so on."""
    forms = []
    for level in range(depth):
        inner = 4 + 1 + level + 1
        resources = b"/Resources<</XObject<</F %d 0 R>>>>" % inner if level + 1 < depth else b""
        drawing = b"/F Do " * 10 if level + 1 < depth else b"0 0 1 1 re f"
        head = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]" + resources
        forms.append(stream(drawing, head))
    page = b"/Contents 4 0 R/Resources<</XObject<</F 5 0 R>>>>"
    return pdf(stream(b"/F Do " * 10), *forms, page=page)


def looping_pdf() -> bytes:
    """A PDF whose page tree holds itself."""
    return assembled(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 3/Kids[2 0 R]>>"],
    )


def lying_pdf() -> bytes:
    """A PDF of one page that claims millions."""
    return assembled(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 3000000/Kids[3 0 R]>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        ]
    )


def lying_heic(width: int, height: int) -> bytes:
    """A HEIC picture that claims another size (ISO/IEC 23008-12, 6.5.3: ispe)."""
    data = heic()
    place = data.index(b"ispe") + 8
    return data[:place] + struct.pack(">II", width, height) + data[place + 8 :]


def packed_objects_pdf(
    hidden: bytes,
    kind: bytes = b"/ObjStm",
    filters: bytes = b"/FlateDecode",
    *,
    packed: bool = True,
) -> bytes:
    """A PDF with an object stream (ISO 32000-2, 7.5.7) that holds an object nobody points to."""
    inside = b"9 0 " + hidden
    named = b"/Type" + kind + b"/N 1/First 4"
    if not packed:
        return pdf(stream(inside, named))
    data = zlib.compress(inside)
    if filters != b"/FlateDecode":
        data = data[2:]  # no header of zlib, as behind any other filter
    return pdf(stream(data, named + b"/Filter" + filters))


def archive(files: dict[str, bytes] | None = None) -> bytes:
    """A ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packer:
        for name, content in (files or {"a.txt": b"text"}).items():
            packer.writestr(name, content)
    return buffer.getvalue()
