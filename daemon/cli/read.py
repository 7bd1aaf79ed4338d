"""`inboxd read`: text and receipts of single files, without a configuration."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.output import Exit, complain, progress_bar, show_table, write_bytes
from daemon.cli.program import AsJson
from daemon.errors import EnvironmentFaultError, Fault, InboxdError, Kind, UsageError
from daemon.files import exact

if TYPE_CHECKING:
    from daemon.children.asking import Answerer
    from daemon.children.pool import ChildPool
    from daemon.config.ocr import OcrConfig

JSON = Any


class Profile(StrEnum):
    """How the engine rapid weighs time against errors."""

    ACCURATE = "accurate"
    FAST = "fast"


class Runtime(StrEnum):
    """What runs the models of the engine rapid."""

    AUTO = "auto"
    ONNXRUNTIME = "onnxruntime"
    OPENVINO = "openvino"


_TIMEOUT = 120
_KEY_VARIABLE = "OCRSPACE_API_KEY"
_MOST_BYTES = 1_000_000_000
_MOST_PAGES = 500
_MOST_PIXELS = 100_000_000


def read(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Pictures and PDFs.")],
    *,
    engine: Annotated[
        str, typer.Option("--engine", help="rapid, tesseract, or ocrspace.")
    ] = "rapid",
    profile: Annotated[
        Profile, typer.Option("--profile", help="Of the engine rapid.")
    ] = Profile.ACCURATE,
    runtime: Annotated[
        Runtime, typer.Option("--runtime", help="Of the engine rapid.")
    ] = Runtime.AUTO,
    words: Annotated[
        str | None,
        typer.Option(
            "--words", metavar="FOLDER", help="With .toml files of more words of receipts."
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Read files by OCR and find the fields of receipts in them, with all cores.

    JSON is a list of {file, ocr, receipt, error} in the order given. Exits with 1 if a file could
    not be read. The engine ocrspace sends the pages to OCR.space and takes the key from the
    variable OCRSPACE_API_KEY.

    \b
    Examples:
      inboxd read receipt.jpg
      inboxd read scans/*.pdf --json > scans.json
      inboxd read --engine tesseract letter.png
    """
    given: JSON = {"engine": engine, "profile": profile, "runtime": runtime, "words": words}
    ocr = _ocr(given, len(files))
    with progress_bar() as bar:
        task = bar.add_task("reading", total=len(files))
        results = _ended(_results(files, ocr), lambda: bar.advance(task))
        return _as_json(results) if as_json else _as_table(results)


def _ocr(given: JSON, files: int) -> OcrConfig:
    """The section `ocr` that says the same.

    Raises UsageError for an engine that nobody knows, InboxdError for one that is not there.
    """
    from daemon.config.ocr import OcrConfig  # noqa: PLC0415  # slow to import
    from daemon.pipeline.ocr import engine_settings  # noqa: PLC0415
    from daemon.reading.engine import check_engine, known_engines  # noqa: PLC0415

    if given["engine"] not in known_engines():
        known = ", ".join(known_engines())
        message = f"--engine: there is no OCR engine {given['engine']!r}; use one of {known}"
        raise UsageError("unknown_engine", message)
    size = max(1, min(len(os.sched_getaffinity(0)), files))
    more: JSON = {"processes": size, "timeout": f"{_TIMEOUT}s"}
    if given["engine"] == "ocrspace":
        more["key_env"] = _KEY_VARIABLE
    if given["words"] is not None:
        more["words"] = os.path.abspath(given["words"])
    ocr = OcrConfig.model_validate({**given, **more})
    check_engine(engine_settings(ocr))
    return ocr


def _ended(results: Iterable[JSON], tick: Any) -> Iterator[JSON]:
    for result in results:
        tick()
        yield result


def _as_json(results: Iterable[JSON]) -> int:
    """Write the list while it grows, so that memory does not grow with it."""
    code, before = Exit.WELL, b"[\n"
    for result in results:
        text = json.dumps(result, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace")
        write_bytes(before + text)
        before = b",\n"
        code = Exit.NOT_ALL_DONE if result["error"] else code
    write_bytes(b"\n]\n")
    return code


def _as_table(results: Iterable[JSON]) -> int:
    code, rows = Exit.WELL, []
    for result in results:
        rows.append(_row(result))
        if result["error"]:
            complain(f"{result['file']['path']}: {result['error']['message']}")
            code = Exit.NOT_ALL_DONE
    show_table(("file", "merchant", "date", "total", "needs review"), rows)
    return code


def _row(result: JSON) -> list[str]:
    path = result["file"]["path"]
    if result["error"]:
        return [path, "", "", "", result["error"]["code"]]
    receipt = result["receipt"]
    total = " ".join(filter(None, (_value(receipt, "total"), _value(receipt, "currency"))))
    review = "; ".join(receipt["reasons"]) if receipt["needs_review"] else "no"
    return [path, _value(receipt, "merchant"), _value(receipt, "date"), total, review]


def _value(receipt: JSON, name: str) -> str:
    return ((receipt or {}).get(name) or {}).get("value") or ""


def _results(files: list[str], ocr: OcrConfig) -> Iterator[JSON]:
    """One result for each file, in the order given, as many at once as there are cores."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # slow to import

    from daemon.limits import DEFAULT  # noqa: PLC0415
    from daemon.pipeline.ocr import answerer_for  # noqa: PLC0415
    from daemon.pipeline.reading import reading_pool  # noqa: PLC0415

    stop = threading.Event()
    answerer = answerer_for(ocr)(stop)
    pool = reading_pool(ocr, DEFAULT)
    workers = ThreadPoolExecutor(ocr.processes, thread_name_prefix="read")
    try:
        yield from workers.map(lambda file: _result(pool, answerer, file, stop), files)
    finally:
        stop.set()
        pool.close()
        workers.shutdown(cancel_futures=True)


def _result(pool: ChildPool, answerer: Answerer | None, file: str, stop: threading.Event) -> JSON:
    """What became of one file; raises EnvironmentFaultError where our machine is at fault."""
    path = os.fsencode(file)
    result: JSON = {"file": _unknown(path), "ocr": None, "receipt": None, "error": None}
    try:
        descriptor = _open(path)
        try:
            result["file"] = _facts(path, descriptor, stop)
            answer, fault = _read(
                pool, answerer, result["file"]["media_type"], descriptor, stop=stop
            )
        finally:
            os.close(descriptor)
    except EnvironmentFaultError:
        raise
    except InboxdError as error:
        answer, fault = None, error.fault
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        answer, fault = None, Fault("unreadable", message, Kind.PERMANENT)
    if fault is not None:
        result["error"] = fault.facts
    else:
        result |= answer
    return result


def _open(path: bytes) -> int:
    """A descriptor of a file that a person named, so links are followed."""
    from daemon.files import open_regular  # noqa: PLC0415

    if os.path.isdir(path):
        raise InboxdError("not_a_file", "this is a folder; name the files in it")
    return open_regular(os.path.realpath(path))


def _unknown(path: bytes) -> JSON:
    names = ("size", "sha256", "media_type", "received", "modified")
    return {"name": exact(os.path.basename(path)), "path": exact(path)} | dict.fromkeys(names)


def _facts(path: bytes, descriptor: int, stop: threading.Event) -> JSON:
    """The `file` section of a sidecar; raises InboxdError for one too large, or that changes."""
    from daemon.clock import SystemClock  # noqa: PLC0415
    from daemon.limits import DEFAULT  # noqa: PLC0415
    from daemon.sidecar.write import file_facts  # noqa: PLC0415
    from daemon.validation.content import read_content  # noqa: PLC0415
    from daemon.validation.kinds import claimed_type, settled_type  # noqa: PLC0415
    from daemon.validation.media_type import detect  # noqa: PLC0415

    status = os.fstat(descriptor)
    if status.st_size > _MOST_BYTES:
        message = f"{status.st_size:,} bytes are more than the {_MOST_BYTES:,} that are read"
        raise InboxdError("too_large", message)
    content = read_content(descriptor, status, DEFAULT.read_block, stop)
    detected = detect(content.head, content.tail, content.size)
    return file_facts(
        path,
        size=content.size,
        sha256=content.sha256,
        media_type=settled_type(detected, claimed_type(os.path.basename(path))),
        received=SystemClock().now(),
        modified=status.st_mtime,
    )


def _read(
    pool: ChildPool,
    answerer: Answerer | None,
    media_type: str,
    descriptor: int,
    *,
    stop: threading.Event,
) -> tuple[JSON, Fault | None]:
    from daemon.pipeline.reading import read_open_file  # noqa: PLC0415

    if os.fstat(descriptor).st_size == 0:
        return None, Fault("empty", "the file is empty", Kind.PERMANENT)
    request: dict[str, JSON] = {
        "media_type": media_type,
        "mode": "receipt",
        "max_pages": _MOST_PAGES,
        "max_pixels": _MOST_PIXELS,
    }
    return read_open_file(pool, request, descriptor, _TIMEOUT, stop=stop, answerer=answerer)
