"""What a reading child does with one file: read its pages, then understand the receipt.

Only children import this module: it brings the OCR engine with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daemon.reading.document import Document, to_json
from daemon.reading.engine import EngineSettings, make_engine
from daemon.reading.reader import Reader
from daemon.receipts.extract import extract
from daemon.receipts.lexicon import learn
from daemon.receipts.text import PageText, TextLine

JSON = Any


def factory(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """Make the function that a child runs for each file; `setup` is that of `reading_setup`."""
    learn(setup["words"])
    engine = make_engine(EngineSettings.from_json(setup["engine"]))

    def handle(request: JSON, descriptor: int | None) -> JSON:
        assert descriptor is not None
        reader = Reader(engine, max_pixels=request["max_pixels"])
        document = reader.read(descriptor, request["media_type"], max_pages=request["max_pages"])
        receipt = understand(document) if request["mode"] == "receipt" else None
        return {"ocr": {**to_json(document), "text": document.text}, "receipt": receipt}

    return handle


def understand(document: Document) -> JSON:
    """The receipt in a document, as the sidecar tells it."""
    pages = [
        PageText(
            number=page.number,
            width=page.width,
            height=page.height,
            receipts=page.receipts,
            lines=tuple(
                TextLine(index, line.text, line.confidence, line.box)
                for index, line in enumerate(page.lines)
            ),
        )
        for page in document.pages
    ]
    return extract(pages).as_json()
