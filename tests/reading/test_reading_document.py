"""Documents cross a process boundary as JSON."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from daemon.reading.document import Box, Document, Line, Page, from_json, to_json

_NUMBER = st.integers(-100, 99_999).map(lambda tenths: tenths / 10)
_LINES = st.builds(
    Line,
    text=st.text(max_size=20),
    confidence=st.integers(0, 10_000).map(lambda value: value / 10_000),
    box=st.tuples(*[_NUMBER] * 8),
)
_PAGES = st.builds(
    Page,
    number=st.integers(1, 500),
    width=st.integers(1, 9999),
    height=st.integers(1, 9999),
    rotation=st.sampled_from([0, 90, 180, 270]),
    lines=st.lists(_LINES, max_size=4).map(tuple),
)
_DOCUMENTS = st.builds(
    Document,
    engine=st.just("rapid"),
    version=st.just("3.10.0"),
    seconds=st.integers(0, 9999).map(lambda value: value / 1000),
    pages=st.lists(_PAGES, max_size=3).map(tuple),
)


@given(_DOCUMENTS)
def test_a_document_survives_json(document: Document) -> None:
    """What was rounded once comes back unchanged."""
    assert from_json(json.loads(json.dumps(to_json(document)))) == document


def test_numbers_are_rounded_to_what_they_are_worth() -> None:
    """Boxes go out to a tenth of a pixel, confidences to four digits."""
    box: Box = (1 / 3, 0, 2 / 3, 0, 2 / 3, 1, 1 / 3, 1)
    page = Page(1, 10, 10, 0, (Line("x", 0.987654321, box),))
    [told] = to_json(Document("e", "1", 0.12345, (page,)))["pages"][0]["lines"]
    assert told == {"text": "x", "confidence": 0.9877, "box": [0.3, 0, 0.7, 0, 0.7, 1, 0.3, 1]}


def test_the_text_parts_lines_and_pages() -> None:
    """Lines stand below each other, pages are parted by a form feed."""
    box: Box = (0, 0, 1, 0, 1, 1, 0, 1)
    one = Page(1, 9, 9, 0, (Line("a", 1, box), Line("b", 1, box)))
    two = Page(2, 9, 9, 0, (Line("c", 1, box),))
    assert Document("e", "1", 0, (one, two)).text == "a\nb\fc"
