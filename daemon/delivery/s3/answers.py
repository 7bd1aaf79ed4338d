"""Facts out of the XML that a bucket answers with.

It is read by patterns for the few elements that matter, never by a parser: what a server says
cannot make us expand, fetch or recurse.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import requests

from daemon.errors import DeliveryError

_TEXT: Final = r"<(?:[\w.-]{1,32}:)?%s(?:\s[^<>]{0,512})?>([^<]{0,4096})</"
_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ROOT: Final = re.compile(r"\s*(?:<\?[^<>]{0,512}\?>\s*)?<(?:[\w.-]{1,32}:)?(\w{1,64})")


@dataclass(frozen=True, slots=True)
class Kept:
    """A part of an upload that the store has."""

    number: int
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the parts that the store has; `after` asks for the next page, None for none."""

    parts: tuple[Kept, ...]
    after: int | None


def text_of(element: str, document: str) -> str:
    """The text of the first element of a name, "" where there is none."""
    match = re.search(_TEXT % re.escape(element), document)
    return html.unescape(match.group(1)).strip() if match else ""


def sections(element: str, document: str) -> Iterator[str]:
    """What stands between the tags of each element of a name, none inside another."""
    pattern = r"<(?:[\w.-]{1,32}:)?%s>" % re.escape(element)  # noqa: UP031  # braces abound
    for piece in re.split(pattern, document)[1:]:
        yield piece.partition(f"{element}>")[0]


def error_code(response: requests.Response) -> str:
    """S3's code in an answer, also in one of status 200; "" where there is none."""
    document = document_of(response)
    root = _ROOT.match(document)
    if root is None or root.group(1) != "Error":
        return ""
    code = text_of("Code", document)
    if _CODE.fullmatch(code):
        return code
    return "InternalError" if response.status_code < 400 else ""


def listing(response: requests.Response) -> Listing:
    """The parts in an answer to ListParts; raises DeliveryError where it is none."""
    document = document_of(response)
    _expect("ListParts", document)
    parts = []
    for section in sections("Part", document):
        number, size = text_of("PartNumber", section), text_of("Size", section)
        if number.isdecimal() and size.isdecimal():
            parts.append(Kept(int(number[:6]), int(size[:20]), text_of("ETag", section)))
    after = text_of("NextPartNumberMarker", document)
    more = text_of("IsTruncated", document) == "true" and after.isdecimal() and parts
    return Listing(tuple(parts), int(after[:6]) if more else None)


def upload_id(response: requests.Response) -> str:
    """The id in an answer to CreateMultipartUpload; raises DeliveryError where there is none."""
    found = text_of("UploadId", document_of(response))
    if not found or len(found) > 2048:
        raise _broken("gave no id for an upload")
    return found


def uploads_of(key: str, since: float, response: requests.Response) -> list[str]:
    """The ids of unfinished uploads to exactly this key, begun at or after `since` (Unix time)."""
    found = []
    for section in sections("Upload", document_of(response)):
        try:
            begun = datetime.fromisoformat(text_of("Initiated", section)).timestamp()
        except ValueError:
            continue
        if text_of("Key", section) == key and begun >= since:
            found.append(text_of("UploadId", section))
    return found


def completed_etag(response: requests.Response) -> str:
    """The new object's ETag in an answer to CompleteMultipartUpload that is no error."""
    document = document_of(response)
    _expect("CompleteMultipartUpload", document)
    return text_of("ETag", document)


def region_of(response: requests.Response) -> str:
    """The region that an answer names, "" where it names none."""
    region = response.headers.get("x-amz-bucket-region") or text_of("Region", document_of(response))
    return region if re.fullmatch(r"[A-Za-z0-9-]{1,64}", region) else ""


def document_of(response: requests.Response) -> str:
    """An answer's body as text."""
    return response.content.decode("utf-8", "replace")


def _expect(root: str, document: str) -> None:
    found = _ROOT.match(document)
    if found is None or not found.group(1).startswith(root):
        raise _broken(f"gave an answer without {root}")


def _broken(what: str) -> DeliveryError:
    return DeliveryError("answer_broken", f"the store {what}; is `endpoint` right?")
