"""What a proving child runs: a strict parser for the detected type, and what its errors mean."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from typing import BinaryIO

from daemon.children.frames import JSON
from daemon.errors import Fault, Kind, RefusedError
from daemon.files import environment_fault, is_environment
from daemon.validation.bounds import Bounds
from daemon.validation.endings import is_probably_cut_off, is_surely_cut_off
from daemon.validation.heif_proof import prove_heif
from daemon.validation.image_proof import prepare_pillow, prove_image
from daemon.validation.link_files import LARGEST, address_in
from daemon.validation.pdf_proof import prove_pdf
from daemon.validation.verdict import Check

_PARSER_ERRORS = (
    OSError,  # PIL.UnidentifiedImageError is one, too
    ValueError,
    SyntaxError,
    RuntimeError,  # PdfiumError is one, and what libheif says
    ArithmeticError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    struct.error,
)
_DENIED = (None, errno.EPERM, errno.EACCES, errno.EROFS)
"""Said of what a parser wanted to do and may not: its own file is open already."""
_CUT_OFF = "the file ends before its content does; send it again, whole"


def prover(_setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """The target of a proving child; it takes requests made by `Bounds.request`."""
    prepare_pillow()
    return prove


def prove(request: JSON, descriptor: int | None) -> JSON:
    """Prove the file behind a descriptor, or find the address in it where it is a link file.

    Answers `{"checks": [[check, ok, detail], ...], "refusal": [code, message] or null}`. Raises
    EnvironmentFaultError where our disk, not the content, is at fault.
    """
    assert isinstance(request, dict)
    assert descriptor is not None
    if "link" in request:
        return _prove_link(descriptor, str(request["link"]))
    bounds = Bounds.from_request(request)
    checks: list[Check] = []
    fault = None
    with open(os.dup(descriptor), "rb") as file:
        file.seek(0)
        fault = _fault(file, bounds, checks)
    seen: list[JSON] = [[check.check, check.ok, check.detail] for check in checks]
    return {"checks": seen, "refusal": [fault.code, fault.message] if fault else None}


def _prove_link(descriptor: int, kind: str) -> JSON:
    """The address in a link file, as the detail of a check `link`."""
    try:
        address = address_in(os.pread(descriptor, LARGEST, 0), kind)
    except RefusedError as error:
        return {"checks": [], "refusal": [error.code, error.message]}
    return {"checks": [["link", True, address]], "refusal": None}


def _fault(file: BinaryIO, bounds: Bounds, checks: list[Check]) -> Fault | None:
    """What is wrong with the file, or None; `checks` grows with what is seen on the way."""
    try:
        if is_surely_cut_off(file, bounds.media_type):
            return Fault("truncated", _CUT_OFF, Kind.PERMANENT)
        file.seek(0)
        _PROVERS[bounds.media_type](file, bounds, checks)
    except RefusedError as error:
        return error.fault
    except _PARSER_ERRORS as error:
        if isinstance(error, OSError) and error.errno not in _DENIED and is_environment(error):
            raise environment_fault(error, "reading a file to prove it") from error
        if is_probably_cut_off(file, bounds.media_type):
            return Fault("truncated", _CUT_OFF, Kind.PERMANENT)
        message = f"its content is damaged, send it again or export it anew: {_said(error)}"
        return Fault("damaged", message, Kind.PERMANENT)
    return None


def _said(error: Exception) -> str:
    """A parser's message in one short line, without the names of our objects."""
    text = " ".join(str(error).partition("<_io")[0].split())
    if not text or isinstance(error, LookupError | TypeError | AttributeError):
        text = f"{type(error).__name__} {text}".strip()  # the text alone would be a bare key
    return f"its parser says {text[:200]!r}"


_PROVERS: dict[str, Callable[[BinaryIO, Bounds, list[Check]], None]] = {
    **dict.fromkeys(
        ("image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff", "image/webp"),
        prove_image,
    ),
    "image/avif": prove_image,
    "image/heic": prove_heif,
    "image/heif": prove_heif,
    "application/pdf": prove_pdf,
}
