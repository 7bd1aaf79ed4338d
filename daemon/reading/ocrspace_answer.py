"""What OCR.space answers: a result, or one of the ways in which it says that there is none.

The contract is https://ocr.space/ocrapi. Most failures come with status 200; a refused key and a
rate limit both come with status 403 and plain text instead of JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from daemon.errors import Kind, ReadingError

_ALL, _SOME = 1, 2
"""Values of OCRExitCode: all pages were read, or some."""
_READ, _TIMED_OUT = 1, -20
"""Values of FileParseExitCode."""
_LIMIT = re.compile(r"maximum (\d+) number of times within (\d+) seconds", re.IGNORECASE)
_LIMITED = re.compile(
    r"rate limit|too many requests|quota|limit (?:is )?(?:exceeded|reached)", re.IGNORECASE
)
_KEY = re.compile(r"api ?key", re.IGNORECASE)
_SIZE = re.compile(r"size (?:limit|exceeds)|maximum (?:permissible )?(?:file )?size", re.IGNORECASE)
_BUSY = re.compile(r"timed? ?out|try again|resource|overload|E101\b", re.IGNORECASE)
_SAID = 200
"""Characters of the service's own words that are passed on."""


def result(status: int, body: str) -> Mapping[str, Any]:
    """The one member of ParsedResults, for a picture that was sent alone.

    Raises ReadingError with the codes `ocr_rate_limited` and `ocr_unavailable`, which are
    transient, and `ocr_key_refused`, `ocr_too_large`, `ocr_refused` and `ocr_failed`.
    """
    if status != 200:
        raise _refusal(status, body)
    answer = _json(body)
    exit_code = answer.get("OCRExitCode")
    results = answer.get("ParsedResults")
    found = results[0] if isinstance(results, list) and results else None
    said = _said(answer.get("ErrorMessage")) or _said(answer.get("ErrorDetails"))
    if isinstance(found, dict):
        if found.get("FileParseExitCode") == _READ and exit_code in (_ALL, _SOME):
            return found
        said = said or _said(found.get("ErrorMessage")) or _said(found.get("ErrorDetails"))
        if found.get("FileParseExitCode") == _TIMED_OUT:
            raise _unavailable(said or "it took too long")
    if not answer.get("IsErroredOnProcessing") and exit_code == _ALL:
        return {}
    raise _failure(exit_code, said)


def _refusal(status: int, body: str) -> ReadingError:
    """Any status but 200."""
    limit = _LIMIT.search(body)
    if limit or status == 429 or (status == 403 and _LIMITED.search(body)):
        return _rate_limited(limit)
    if status in (401, 403):
        return _key_refused()
    if status == 413:
        return _too_large("the picture is too large")
    if status >= 500 or status == 408:
        return _unavailable(f"it answered with status {status}")
    return ReadingError("ocr_refused", f"OCR.space refused the picture with status {status}")


def _failure(exit_code: object, said: str) -> ReadingError:
    """Status 200 with an error in it."""
    if _LIMIT.search(said) or _LIMITED.search(said):
        return _rate_limited(_LIMIT.search(said))
    if _KEY.search(said):
        return _key_refused()
    if _SIZE.search(said):
        return _too_large(said)
    if _BUSY.search(said):
        return _unavailable(said)
    if exit_code == 99:
        return ReadingError("ocr_refused", f"OCR.space did not take the request: {said}")
    return ReadingError("ocr_failed", f"OCR.space could not read the page: {said or exit_code}")


def _json(body: str) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        return answer
    if limit := _LIMIT.search(body[:1000]):
        raise _rate_limited(limit)
    raise _unavailable("what it answered is not JSON")


def _said(message: object) -> str:
    """The service's own words, which come as text, as a list or not at all."""
    parts = message if isinstance(message, list) else [message]
    text = " ".join(part for part in parts if isinstance(part, str))
    return "".join(sign for sign in text if sign.isprintable())[:_SAID].strip()


def _rate_limited(limit: re.Match[str] | None) -> ReadingError:
    allowed = f" ({limit[1]} requests in {limit[2]} s)" if limit else ""
    message = f"OCR.space takes no more pages for now{allowed}; they are sent again later"
    return ReadingError("ocr_rate_limited", message, kind=Kind.TRANSIENT)


def _unavailable(why: str) -> ReadingError:
    message = f"OCR.space did not read the page: {why}"
    return ReadingError("ocr_unavailable", message, kind=Kind.TRANSIENT)


def _key_refused() -> ReadingError:
    return ReadingError("ocr_key_refused", "OCR.space does not know the key; see ocr: key_file")


def _too_large(said: str) -> ReadingError:
    message = f"OCR.space: {said}; set ocr: max_upload to what your plan takes"
    return ReadingError("ocr_too_large", message)
