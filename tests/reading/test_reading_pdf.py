"""PDFs give their own text where they carry it; otherwise their pages are rendered and read."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest

from daemon.errors import ReadingError
from daemon.reading.page_image import PageImage, PageSettings
from daemon.reading.pages import pages
from daemon.reading.reader import Reader
from daemon.reading.text_layer import Glyph, is_legible, lines
from tests.reading.drawing import LETTERS, encoded, letters, read, receipt
from tests.validation import samples

_LAYOUT = (
    ("Harbour Books", 50, 150),
    ("Atlas of rivers", 50, 120),
    ("24.50", 220, 120),
    ("TOTAL", 50, 100),
    ("24.50", 220, 100),
)


def _pdf(*contents: bytes, page: bytes = b"") -> bytes:
    """A PDF of pages of 300 x 200 points, written by hand (ISO 32000-1, 7.5)."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(contents)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for index, content in enumerate(contents):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents %d 0 R"
            b" /Resources << /Font << /F 3 0 R >> >> %s >>" % (5 + 2 * index, page)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    body, places = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return body + head + table + tail % (len(objects) + 1, len(body))


def _text(layout: tuple[tuple[str, int, int], ...] = _LAYOUT) -> bytes:
    return b"\n".join(
        b"BT /F 12 Tf %d %d Td (%s) Tj ET" % (x, y, text.encode()) for text, x, y in layout
    )


def _pages(data: bytes) -> list[PageImage]:
    return list(pages(BytesIO(data), "application/pdf", max_pages=10, settings=PageSettings()))


def test_a_text_layer_is_taken_before_ocr(reader: Reader, tmp_path: Path) -> None:
    """Text comes out exactly, with full confidence, label and amount apart, in reading order."""
    document = read(reader, _pdf(_text()), "application/pdf", tmp_path)
    assert document.text.split("\n") == [text for text, _, _ in _LAYOUT]
    assert {line.confidence for line in document.pages[0].lines} == {1.0}


def test_the_text_layer_has_positions_in_pixels() -> None:
    """A baseline at 120 of 200 points, 50 points in, lies there in pixels of the page."""
    [page] = _pages(_pdf(_text()))
    assert page.image is None
    assert (page.width, page.height) == (833, 556)
    assert page.lines is not None
    atlas = next(line for line in page.lines if line.text.startswith("Atlas"))
    x0, y0, _, _, _, y2, _, _ = atlas.box
    assert x0 == pytest.approx(50 * 200 / 72, abs=3)
    assert y0 < (200 - 120) * 200 / 72 < y2


@pytest.mark.parametrize(
    ("turn", "matrix"),
    [(90, b"0 1 -1 0 30 20"), (180, b"-1 0 0 -1 280 30"), (270, b"0 -1 1 0 270 180")],
)
def test_positions_follow_the_turn_of_the_page(turn: int, matrix: bytes) -> None:
    """Where a PDF says that its page is shown turned, text is where it is shown."""
    content = b"BT /F 12 Tf %s Tm (Turned heading) Tj ET" % matrix
    [page] = _pages(_pdf(content, page=b"/Rotate %d" % turn))
    assert (page.width, page.height) == ((833, 556) if turn == 180 else (556, 833))
    assert page.lines is not None
    [line] = page.lines
    x0, y0, x1, _, _, y2, _, _ = line.box
    assert (x0, y0 < 30 * 200 / 72 < y2) == (pytest.approx(20 * 200 / 72, abs=3), True)
    assert x1 - x0 > 5 * (y2 - y0)


@pytest.mark.parametrize("box", [b"/CropBox", b"/MediaBox"])
def test_what_is_cropped_away_is_not_read(box: bytes) -> None:
    """Of a sheet that was cut to one receipt, only that is text; positions are those shown."""
    data = _pdf(_text(), page=b"/CropBox [40 90 290 140]")
    if box == b"/MediaBox":
        data = _pdf(_text()).replace(b"[0 0 300 200]", b"[40 90 290 140]")
        data = data.replace(b"startxref\n", b"startxref\n0")
    [page] = _pages(data)
    assert (page.width, page.height) == (694, 139)
    assert page.lines is not None
    assert [line.text for line in page.lines] == [text for text, _, _ in _LAYOUT[1:]]
    x0, y0, _, _, _, y2, _, _ = page.lines[0].box
    assert x0 == pytest.approx(10 * 200 / 72, abs=3)
    assert y0 < 20 * 200 / 72 < y2


def test_all_pages_of_a_pdf_are_read(reader: Reader, tmp_path: Path) -> None:
    """Each page by what it is: one with text, one without anything."""
    data = _pdf(_text(), b"", _text((("Second sheet of paper", 50, 100),)))
    document = read(reader, data, "application/pdf", tmp_path)
    assert [len(page.lines) for page in document.pages] == [5, 0, 1]


def test_a_long_pdf_is_no_pixel_flood() -> None:
    """Pages of text have no pixels: hundreds of them are read."""
    sheets = [_text((("A page of a long document", 50, 100),))] * 400
    bounds = PageSettings(max_pixels=1_000_000)
    data = BytesIO(_pdf(*sheets))
    found = list(pages(data, "application/pdf", max_pages=500, settings=bounds))
    assert sum(len(page.lines or ()) for page in found) == 400


def test_a_pdf_of_pictures_is_rendered_and_read(reader: Reader, tmp_path: Path) -> None:
    """A scan in a PDF reads like the scan itself."""
    data = encoded(receipt(), "PDF", resolution=100)
    document = read(reader, data, "application/pdf", tmp_path)
    assert letters(document) == LETTERS
    assert all(line.confidence < 1 for line in document.pages[0].lines)


def test_a_scan_as_small_as_a_stamp_is_rendered_finer(reader: Reader, tmp_path: Path) -> None:
    """What resolution a scan claims to have is no measure of what is on it."""
    data = encoded(receipt(), "PDF", resolution=2500)
    [page] = _pages(data)
    assert page.image is not None
    assert min(page.image.shape[:2]) >= 500
    assert letters(read(reader, data, "application/pdf", tmp_path)) == LETTERS


def test_a_thread_of_a_page_stays_small() -> None:
    """A page that is narrow because it is long does not become a pixel flood."""
    data = _pdf(b"").replace(b"[0 0 300 200]", b"[0 0 10 9000]")
    [page] = _pages(data.replace(b"startxref\n", b"startxref\n0"))
    assert page.image is not None
    assert page.image.size < 20_000_000


def test_a_turned_scan_in_a_pdf_is_turned_upright(reader: Reader, tmp_path: Path) -> None:
    """Orientation belongs to the page, whatever the file."""
    data = encoded(receipt().rotate(90, expand=True), "PDF", resolution=200)
    document = read(reader, data, "application/pdf", tmp_path)
    assert (letters(document), document.pages[0].rotation) == (LETTERS, 90)


def test_text_that_is_set_on_its_side_is_read_as_a_picture(reader: Reader, tmp_path: Path) -> None:
    """A sheet printed sideways comes out upright, in whole lines."""
    sideways = b"\n".join(
        b"BT /F 12 Tf 0 1 -1 0 %d 20 Tm (%s) Tj ET" % (60 + 30 * row, text)
        for row, text in enumerate((b"Printed on its side", b"Second line 12.40"))
    )
    document = read(reader, _pdf(sideways), "application/pdf", tmp_path)
    assert document.text.split("\n") == ["Printed on its side", "Second line 12.40"]
    assert document.pages[0].rotation == 90


def test_a_scan_with_a_caption_is_read_as_a_picture(reader: Reader, tmp_path: Path) -> None:
    """A line of text that a scanner stamped over a picture does not hide what is on the picture."""
    drawing = encoded(receipt(), "PDF", resolution=100)
    scan = pypdfium2.PdfDocument(drawing)
    caption = pypdfium2.PdfDocument(_pdf(_text((("Scanned by a machine", 5, 5),))))
    scan.import_pages(caption)
    page, stamp = scan[0], scan[1]
    item = next(iter(stamp.get_objects()))
    stamp.remove_obj(item)
    page.insert_obj(item)
    page.gen_content()
    stream = BytesIO()
    scan.save(stream)
    document = read(reader, stream.getvalue(), "application/pdf", tmp_path)
    assert LETTERS in letters(document)


def _scan_with_text(text: bytes) -> bytes:
    """A scan whose software wrote what it read, wrongly, under or over the picture."""
    document = pypdfium2.PdfDocument(_pdf(text))
    page = document[0]
    bitmap = pypdfium2.PdfBitmap.from_pil(receipt())
    picture = pypdfium2.PdfImage.new(document)
    picture.set_bitmap(bitmap)
    picture.set_matrix(pypdfium2.PdfMatrix().scale(300, 200))
    page.insert_obj(picture)
    page.gen_content()
    stream = BytesIO()
    document.save(stream)
    return stream.getvalue()


_MISREAD = tuple(
    (f"G4rden M4rket wr0ng l1ne {number}", 20, 180 - 16 * number) for number in range(9)
)


@pytest.mark.parametrize("mode", [b"0 Tr", b"3 Tr"])
def test_the_hidden_text_of_a_scan_is_not_believed(
    mode: bytes, reader: Reader, tmp_path: Path
) -> None:
    """Text that is invisible, or lies under the picture, was read by a program; we read better."""
    data = _scan_with_text(_text(_MISREAD).replace(b"BT", b"BT " + mode))
    assert letters(read(reader, data, "application/pdf", tmp_path)) == LETTERS


_PAPER = b"q 300 0 0 200 0 0 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \xee EI Q\n"
"""A picture that covers the page, painted before all else."""


def test_invisible_text_over_a_picture_is_not_believed() -> None:
    """The same where the text is painted last, as most scanners' software does it."""
    [page] = _pages(_pdf(_PAPER + _text(_MISREAD).replace(b"BT", b"BT 3 Tr")))
    assert page.lines is None


def test_print_over_a_background_is_believed() -> None:
    """A letterhead's picture under visible text does not make a page a scan."""
    [page] = _pages(_pdf(_PAPER + _text(_MISREAD)))
    assert page.lines is not None
    assert [line.text for line in page.lines] == [text for text, _, _ in _MISREAD]


def test_a_page_as_large_as_a_wall_is_rendered_small() -> None:
    """The largest page that PDF allows does not become a gigapixel."""
    data = _pdf(b"").replace(b"[0 0 300 200]", b"[0 0 14400 14400]")
    data = data.replace(b"startxref\n", b"startxref\n0")
    [page] = _pages(data)
    assert page.image is not None
    assert max(page.image.shape) <= 2001


def test_too_many_pages_are_refused() -> None:
    """A PDF with more pages than allowed is not read in part."""
    with pytest.raises(ReadingError) as caught:
        list(
            pages(BytesIO(_pdf(b"", b"")), "application/pdf", max_pages=1, settings=PageSettings())
        )
    assert caught.value.code == "too_many_pages"


def test_a_pdf_with_a_password_says_so() -> None:
    """What only its owner can open is told apart from what is broken."""
    lock = b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>" % (b"11" * 32, b"22" * 32)
    data = _pdf(_text()).replace(b"/Root 1 0 R", b"/Root 1 0 R /ID [<00> <00>] /Encrypt " + lock)
    with pytest.raises(ReadingError) as caught:
        _pages(data)
    assert caught.value.code == "encrypted"


def test_a_broken_pdf_is_unreadable() -> None:
    """Half a PDF, or none, gives one error with a code."""
    data = encoded(receipt(), "PDF")
    for broken in (data[: len(data) // 2], b"%PDF-1.4\nnothing else", b""):
        with pytest.raises(ReadingError) as caught:
            _pages(broken)
        assert caught.value.code == "unreadable"


@pytest.mark.parametrize(
    ("text", "legible"),
    [
        ("Invoice 4711, due on 1 March", True),
        ("Übergröße für 3,50 €", True),
        ("", False),
        ("page 1", False),
        ("\ufffd" * 30 + "abc", False),
        ("\ue001\ue002\ue003" * 20, False),
        ("................", False),
    ],
)
def test_garbage_in_a_text_layer_is_told(text: str, legible: bool) -> None:
    """Characters that no font maps to letters, or hardly any, mean that the page has to be read."""
    assert is_legible(text) == legible


def _glyphs(text: str, left: float, top: float = 0.0) -> list[Glyph]:
    return [
        Glyph(letter, left + 6 * index, top, left + 6 * index + 6, top + 12)
        for index, letter in enumerate(text)
    ]


def test_wide_gaps_part_lines_and_small_gaps_part_words() -> None:
    """Columns become lines of their own; a missing space is put back."""
    glyphs = _glyphs("Net", 0) + _glyphs("price", 23) + _glyphs("9.99", 200)
    assert [line.text for line in lines(glyphs)] == ["Net price", "9.99"]


def test_ligatures_and_wide_forms_become_plain_letters() -> None:
    """Text is compatible with what a person would type."""
    assert [line.text for line in lines(_glyphs("\ufb01ve \uff11", 0))] == ["five 1"]


def test_only_a_locked_document_is_called_locked() -> None:
    """Also by a lock that PDFium does not know; and not one that is read after a locked one."""
    unknown = samples.pdf(trailer=b"/Encrypt<</Filter/Unknown/V 9/R 9>>/ID[<00><00>]")
    for data, code in (
        (samples.encrypted_pdf(), "encrypted"),
        (samples.assembled([b"<</Type/Catalog>>"]), "unreadable"),
        (unknown, "encrypted"),
    ):
        with pytest.raises(ReadingError) as told:
            _pages(data)
        assert told.value.code == code
