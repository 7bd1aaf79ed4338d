"""Text with a meaning of its own: URLs, headers, media types, templates, addresses."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from daemon.config import answer_path, template

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_MEDIA_RANGE = re.compile(r"\*/\*|[\w.+-]+/(?:\*|[\w.+-]+)")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")
_CLOUD = re.compile(r"[A-Za-z0-9_-]+")
_MISNOMERS = {
    "image/jpg": "image/jpeg",
    "image/tif": "image/tiff",
    "application/x-pdf": "application/pdf",
}
_OURS = frozenset(
    {"content-length", "transfer-encoding", "content-type", "host", "connection", "idempotency-key"}
)


def check_template(text: str) -> str:
    """A template as it is; raises ValueError where it is not one."""
    template.check(text)
    return text


def check_url(text: str) -> str:
    """An http or https URL without a secret in it; raises ValueError with what to do."""
    template.check(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"this is not a URL: {str(error).lower()}") from None
    if "@" in parts.netloc:
        raise ValueError("a user name or password in the URL is a secret in the file; use auth")
    if parts.scheme not in ("http", "https"):
        raise ValueError("the URL must begin with https:// or http://")
    if not parts.hostname or port == 0 or "{" in parts.netloc:
        raise ValueError("the URL must name a server, such as https://example.com/upload")
    if not parts.hostname.isascii():
        raise ValueError(f"write the server's name in ASCII: {_in_ascii(parts.hostname)}")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("the URL has characters that must be percent-encoded, such as %20")
    if parts.fragment:
        raise ValueError("the part after # is never sent; leave it out")
    return text


def _in_ascii(host: str) -> str:
    """An international name as the name system knows it (RFC 5890), where it can be one."""
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return "xn--..."


def check_plain_url(text: str) -> str:
    """A URL that is the same for all files; raises ValueError otherwise."""
    check_url(text)
    if set(text) & set("{}"):
        raise ValueError("this is one address for all files; it has no fields such as {inbox}")
    return text


def check_header_name(text: str) -> str:
    """A header's name that is ours to give; raises ValueError otherwise (RFC 9110 section 5.1)."""
    if _TOKEN.fullmatch(text) is None:
        raise ValueError(f"{text!r} cannot be the name of a header")
    if text.lower() in _OURS:
        raise ValueError(f"{text} follows from the file and the URL; leave it out")
    return text


def check_header_value(text: str) -> str:
    """A header's value that fits on one line; raises ValueError otherwise."""
    if not text.isprintable() or not text.isascii():
        raise ValueError("a header holds one line of plain ASCII text")
    return text


def check_header_template(text: str) -> str:
    """A header's value that may have fields; raises ValueError otherwise, which never repeats it.

    A value may come from the environment and be a secret.
    """
    check_header_value(text)
    try:
        template.check(text)
    except ValueError:
        known = ", ".join(sorted(template.FIELDS))
        raise ValueError(
            f"what stands in {{ }} is one of {known}; write {{{{ and }}}} for plain braces"
        ) from None
    return text


def check_bucket(text: str) -> str:
    """A bucket's name; raises ValueError for what is none at any store."""
    if _BUCKET.fullmatch(text) is None:
        raise ValueError(
            f"{text!r} is no bucket; its name has 3 to 63 letters, digits, dots, hyphens and "
            "underscores, with a letter or digit at both ends"
        )
    return text


def check_region(text: str) -> str:
    """A region's name; raises ValueError otherwise."""
    if _REGION.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no region; write it like eu-central-1")
    return text


def check_cloud(text: str) -> str:
    """The name of a cloud of Cloudinary; raises ValueError otherwise."""
    if _CLOUD.fullmatch(text) is None:
        raise ValueError(
            f"{text!r} is no cloud; its name, which the console shows, has letters, digits, "
            "hyphens and underscores"
        )
    return text


def check_metadata_key(text: str) -> str:
    """A key of tus metadata (tus 1.0, Upload-Metadata); raises ValueError otherwise."""
    if not text.isascii() or not text.isprintable() or not text or set(text) & {" ", ","}:
        raise ValueError(f"{text!r} is no key; plain ASCII without spaces and commas is")
    return text


def check_media_range(text: str) -> str:
    """`image/png`, `audio/*` or `*/*`; raises ValueError with the right name where it is known."""
    kind = text.lower()
    if kind in _MISNOMERS:
        raise ValueError(f"{text} is properly called {_MISNOMERS[kind]}")
    if _MEDIA_RANGE.fullmatch(kind) is None:
        raise ValueError(f"{text!r} is not a media type; write it like image/png, audio/* or */*")
    return kind


def check_name_pattern(text: str) -> str:
    """A pattern that some name can match; raises ValueError otherwise."""
    if not text or "\0" in text:
        raise ValueError("an empty pattern matches no name; write * for all names, or leave it out")
    if text.startswith("/"):
        instead = text.lstrip("/") or "*"
        raise ValueError(f"{text!r} matches nothing, for paths begin at the inbox; write {instead}")
    return text


def check_listen(text: str) -> str:
    """HOST:PORT; raises ValueError otherwise."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port[:6]) > 65535:
        raise ValueError(f"{text!r} is not an address; write it like 127.0.0.1:9180")
    return text


Template = Annotated[str, AfterValidator(check_template)]
Url = Annotated[
    str, AfterValidator(check_url), Field(examples=["https://example.com/in/{sha256}-{name}"])
]
PlainUrl = Annotated[
    str, AfterValidator(check_plain_url), Field(examples=["https://tus.example.com/files/"])
]
HeaderName = Annotated[str, AfterValidator(check_header_name)]
HeaderValue = Annotated[str, AfterValidator(check_header_value)]
HeaderTemplate = Annotated[str, AfterValidator(check_header_template)]
BucketName = Annotated[str, AfterValidator(check_bucket), Field(examples=["receipts"])]
Region = Annotated[str, AfterValidator(check_region), Field(examples=["eu-central-1"])]
CloudName = Annotated[str, AfterValidator(check_cloud), Field(examples=["demo"])]
MetadataKey = Annotated[str, AfterValidator(check_metadata_key)]
NamePattern = Annotated[str, AfterValidator(check_name_pattern)]
MediaRange = Annotated[str, AfterValidator(check_media_range)]
AnswerPath = Annotated[str, AfterValidator(answer_path.check), Field(examples=["$.url"])]
Listen = Annotated[str, AfterValidator(check_listen), Field(examples=["127.0.0.1:9180"])]
