"""Sends pages to OCR.space: the one part of reading that uses the network, and holds the key."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError
from typing import Any

import requests

from daemon.errors import InboxdError, Kind, ReadingError, StoppedError
from daemon.reading.languages import OCRSPACE
from daemon.sessions import PlainSession

SHARED_KEY = "helloworld"
FREE_KEY = "https://ocr.space/ocrapi/freekey"

_CONNECT = 10.0
_STOP_LOOK = 0.1
"""Seconds between two looks at the stop event."""
_BLOCK = 64 * 1024
_LONGEST = 16 * 1024 * 1024
"""Bytes of an answer that are taken."""


def check_key(key: str) -> None:
    """Raise ReadingError with code `shared_key` for the vendor's demonstration key."""
    if key.strip().lower() == SHARED_KEY:
        raise ReadingError(
            "shared_key",
            f"the key {SHARED_KEY} is shared by everybody and throttled; get your own, free of "
            f"charge and by mail, at {FREE_KEY}",
        )


class OcrSpaceClient:
    """Posts one picture at a time from any thread; `timeout` in seconds is for one picture.

    Raises ReadingError with code `shared_key`.
    """

    def __init__(
        self,
        endpoint: str,
        key: str,
        *,
        languages: Sequence[str] = (),
        model: int = 2,
        timeout: float = 60.0,
    ) -> None:
        check_key(key)
        self._endpoint = endpoint
        self._key = key
        self._timeout = timeout
        self._fields = {
            "language": _language(languages, model),
            "OCREngine": str(model),
            "isOverlayRequired": "true",
            "detectOrientation": "true",
            "isTable": "true",  # keeps what stands in one row of a receipt together
            "filetype": "JPG",
        }

    def send(self, question: Any, stop: threading.Event | None = None) -> Any:
        """{status, body} of the answer to a question of the engine: {picture, in base64}.

        Raises ReadingError with the transient code `ocr_unavailable`, and StoppedError on `stop`.
        """
        picture = base64.b64decode(question["picture"])
        answer: Future[Any] = Future()
        # Nothing ends a socket's wait from outside, so the wait is left to a thread of its own.
        threading.Thread(
            target=self._post, args=(picture, answer), name="ocrspace", daemon=True
        ).start()
        left = _CONNECT + self._timeout
        while True:
            try:
                return answer.result(_STOP_LOOK)
            except NotYetError:
                left -= _STOP_LOOK
                if stop is not None and stop.is_set():
                    raise StoppedError from None
                if left <= 0:
                    raise _unavailable("it took too long") from None

    def _post(self, picture: bytes, answer: Future[Any]) -> None:
        try:
            answer.set_result(self._exchange(picture))
        except (requests.RequestException, ValueError) as error:
            answer.set_exception(_unavailable(_reason(error)))
        except InboxdError as error:
            answer.set_exception(error)

    def _exchange(self, picture: bytes) -> Any:
        with (
            PlainSession() as session,
            session.post(
                self._endpoint,
                headers={"apikey": self._key},
                data=self._fields,
                files={"file": ("page.jpg", picture, "image/jpeg")},
                timeout=(_CONNECT, self._timeout),
                allow_redirects=False,  # the key is for this server only
                stream=True,
            ) as response,
        ):
            body = bytearray()
            until = time.monotonic() + self._timeout
            for block in response.iter_content(_BLOCK):
                body += block
                if len(body) > _LONGEST or time.monotonic() > until:
                    raise _unavailable("its answer is too long")
            return {"status": response.status_code, "body": body.decode("utf-8", "replace")}


def _language(languages: Sequence[str], model: int) -> str:
    """The one language that can be named; the newer models find out by themselves."""
    if len(languages) == 1 or (languages and model == 1):
        return OCRSPACE[languages[0]]
    return "eng" if model == 1 else "auto"


def _unavailable(why: str) -> ReadingError:
    return ReadingError(
        "ocr_unavailable", f"OCR.space cannot be reached: {why}", kind=Kind.TRANSIENT
    )


def _reason(error: Exception) -> str:
    """What went wrong, without the address or anything else that the exception carries."""
    if isinstance(error, requests.Timeout):
        return "it did not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate could not be verified"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return type(error).__name__
