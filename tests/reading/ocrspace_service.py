"""A receiver that follows the contract of OCR.space as its documentation states it.

It takes what the documentation allows and nothing else, reads the picture with an engine of ours,
and answers in the documented form: errors as HTTP 200 with IsErroredOnProcessing, a refused key and
a rate limit as 403 in plain text, an unknown parameter as exit code 99.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from daemon.reading.document import Line
from daemon.reading.engine import OcrEngine
from daemon.reading.geometry import bounds
from daemon.reading.orientation import read_upright

KEY = "K80000000000001"
LIMIT = "You may only perform this action upto maximum 180 number of times within 3600 seconds"
_KNOWN = {
    *("language", "OCREngine", "isOverlayRequired", "detectOrientation", "isTable", "scale"),
    *("filetype", "url", "base64Image", "file", "isCreateSearchablePdf"),
}
_LANGUAGES = {
    *("ara", "bul", "chs", "cht", "hrv", "cze", "dan", "dut", "eng", "fin", "fre", "ger", "gre"),
    *("hun", "kor", "ita", "jpn", "pol", "por", "rus", "slv", "spa", "swe", "tur"),
}
_SUREST = 0.8
"""Below this the service keeps what it read to itself."""

Answer = tuple[int, str, str]
"""Status, media type, body."""


class Service:
    """The state of one receiver: what it was sent, and what it is to say instead of reading."""

    def __init__(self, engine: OcrEngine) -> None:
        self.engine = engine
        self.most = 1024 * 1024
        self.requests: list[dict[str, Any]] = []
        self.next: deque[Answer | None] = deque()
        """Answers that come before any reading; None drops the connection."""
        self.url = ""
        self._reading = threading.Lock()

    def answer(self, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """What the service says to one request."""
        fields, pictures = _form(headers["Content-Type"], body)
        self.requests.append({**fields, "sizes": [len(picture) for picture in pictures]})
        if self.next:
            return self.next.popleft()
        if headers.get("apikey") != KEY:
            return 403, "text/plain", "The API key is invalid"
        fault = self._fault(fields, pictures)
        if fault is not None:
            return _errored(*fault)
        with self._reading:
            return _json(self._read(pictures[0], fields))

    def _fault(
        self, fields: Mapping[str, str], pictures: Sequence[bytes]
    ) -> tuple[int, str | list[str]] | None:
        unknown = set(fields) - _KNOWN
        if unknown:
            return 99, f"Unknown parameter {min(unknown)}"
        if len(pictures) + ("url" in fields) + ("base64Image" in fields) != 1:
            return 99, "Provide exactly one of file, url and base64Image"
        automatic = fields["language"] == "auto" and fields["OCREngine"] in ("2", "3")
        if fields["language"] not in _LANGUAGES and not automatic:
            return 99, ["E201: value of language parameter is not valid"]
        for name in ("isOverlayRequired", "detectOrientation", "isTable", "scale"):
            if fields.get(name, "false") not in ("true", "false"):
                return 99, f"{name} must be true or false"
        if len(pictures[0]) > self.most:
            return 3, ["File size exceeds the maximum size limit. Maximum size limit 1024 KB"]
        return None

    def _read(self, picture: bytes, fields: Mapping[str, str]) -> dict[str, Any]:
        image = np.asarray(Image.open(BytesIO(picture)).convert("RGB"))
        turn, lines = read_upright(self.engine.read, image)
        if fields["detectOrientation"] != "true" and turn:
            turn, lines = 0, []
        shown = [_overlay(line) for line in lines if line.confidence > _SUREST]
        text = "\r\n".join(line["LineText"] for line in shown)
        return {
            "ParsedResults": [
                {
                    "TextOverlay": {"Lines": shown, "HasOverlay": True, "Message": None},
                    "TextOrientation": str(turn),
                    "FileParseExitCode": 1,
                    "ParsedText": text,
                    "ErrorMessage": "",
                    "ErrorDetails": "",
                }
            ],
            "OCRExitCode": 1,
            "IsErroredOnProcessing": False,
            "ProcessingTimeInMilliseconds": "512",
            "SearchablePDFURL": "Searchable PDF not generated as it was not requested.",
        }


@contextmanager
def serving(engine: OcrEngine) -> Iterator[Service]:
    """A receiver on loopback."""
    service = Service(engine)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = service.answer(dict(self.headers), body)
            if answer is None:
                self.close_connection = True
                return
            status, kind, text = answer
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}/parse/image"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def errored(exit_code: int, message: str | list[str] | None, **more: Any) -> Answer:
    """An error as the service gives it: with status 200."""
    return _errored(exit_code, message, **more)


def _errored(exit_code: int, message: str | list[str] | None, **more: Any) -> Answer:
    return _json(
        {
            "OCRExitCode": exit_code,
            "IsErroredOnProcessing": True,
            "ErrorMessage": message,
            "ProcessingTimeInMilliseconds": "15",
            **more,
        }
    )


def _json(answer: Mapping[str, Any]) -> Answer:
    return 200, "application/json; charset=utf-8", json.dumps(answer)


def _form(content_type: str, body: bytes) -> tuple[dict[str, str], list[bytes]]:
    """Fields and files of a multipart form."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    fields, pictures = {}, []
    for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if part.get_filename():
            pictures.append(content)
        else:
            name = part.get_param("name", header="content-disposition")
            fields[str(name)] = content.decode()
    return fields, pictures


def _overlay(line: Line) -> dict[str, Any]:
    left, top, right, bottom = bounds(line.box)
    step = (right - left) / len(line.text)
    words, at = [], 0
    for text in line.text.split():
        at = line.text.index(text, at)
        words.append(
            {
                "WordText": text,
                "Left": round(left + at * step, 1),
                "Top": round(top, 1),
                "Height": round(bottom - top, 1),
                "Width": round(len(text) * step, 1),
            }
        )
        at += len(text)
    return {
        "LineText": line.text,
        "Words": words,
        "MaxHeight": round(bottom - top, 1),
        "MinTop": round(top, 1),
    }
