"""What a name claims, and which types are of one kind."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from daemon.validation.signatures import UNKNOWN


class Group(StrEnum):
    """The kinds of content that a name must not confuse."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    DOCUMENT = "document"
    ARCHIVE = "archive"
    EXECUTABLE = "executable"
    TEXT = "text"
    UNKNOWN = "unknown"


_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."

_CLAIMS = {
    "image/jpeg": "jpg jpeg jpe jfif",
    "image/png": "png",
    "image/gif": "gif",
    "image/bmp": "bmp",
    "image/tiff": "tif tiff",
    "image/webp": "webp",
    "image/heic": "heic",
    "image/heif": "heif",
    "image/avif": "avif",
    "image/jxl": "jxl",
    "image/jp2": "jp2",
    "image/vnd.adobe.photoshop": "psd",
    "image/svg+xml": "svg",
    "application/pdf": "pdf",
    "application/rtf": "rtf",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.ms-outlook": "msg",
    _OFFICE + "wordprocessingml.document": "docx",
    _OFFICE + "spreadsheetml.sheet": "xlsx",
    _OFFICE + "presentationml.presentation": "pptx",
    _OPEN + "text": "odt",
    _OPEN + "spreadsheet": "ods",
    _OPEN + "presentation": "odp",
    "application/epub+zip": "epub",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg oga opus",
    "audio/mp4": "m4a m4b",
    "audio/aac": "aac",
    "audio/aiff": "aif aiff aifc",
    "audio/amr": "amr",
    "audio/midi": "mid midi",
    "audio/x-ms-wma": "wma",
    "video/mp4": "mp4 m4v",
    "video/quicktime": "mov",
    "video/3gpp": "3gp",
    "video/x-matroska": "mkv",
    "video/webm": "webm",
    "video/x-msvideo": "avi",
    "video/x-ms-wmv": "wmv",
    "video/mpeg": "mpg mpeg",
    "video/ogg": "ogv",
    "application/zip": "zip",
    "application/gzip": "gz tgz",
    "application/x-bzip2": "bz2",
    "application/x-xz": "xz",
    "application/zstd": "zst",
    "application/x-7z-compressed": "7z",
    "application/vnd.rar": "rar",
    "application/x-tar": "tar",
    "application/java-archive": "jar",
    "application/vnd.microsoft.portable-executable": "exe dll scr",
    "text/plain": "txt text log",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "text/markdown": "md markdown",
    "text/html": "html htm xhtml",
    "text/calendar": "ics",
    "text/vcard": "vcf",
    "message/rfc822": "eml",
    "application/json": "json",
    "application/xml": "xml",
    "application/yaml": "yaml yml",
}
_BY_EXTENSION = {
    extension: media_type
    for media_type, extensions in _CLAIMS.items()
    for extension in extensions.split()
}

_TEXTS = {"application/json", "application/xml", "application/yaml", "message/rfc822"}
# A drawing in XML is markup with scripts in it, whatever its registered name says.
_TEXTS.add("image/svg+xml")
_ARCHIVES = {
    *("application/zip", "application/gzip", "application/x-bzip2", "application/x-xz"),
    *("application/zstd", "application/x-7z-compressed", "application/vnd.rar"),
    *("application/x-tar", "application/java-archive"),
}
_EXECUTABLES = {
    *("application/x-executable", "application/x-mach-binary"),
    "application/vnd.microsoft.portable-executable",
}

PROVABLE = frozenset(
    {"image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff", "image/webp"}
    | {"image/heic", "image/heif", "image/avif", "application/pdf"}
)
"""Types that a strict parser can prove."""

LINK_FILES = frozenset({"url", "webloc", "desktop"})
"""Extensions of files that hold an address: of Windows, of macOS, of freedesktop.org."""

_SAME_CONTAINER = {
    "text/plain": frozenset(
        {"text/csv", "text/tab-separated-values", "text/markdown", "text/calendar", "text/vcard"}
        | {"message/rfc822", "application/yaml"}
    ),
    "application/x-ole-storage": frozenset(
        {"application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"}
        | {"application/vnd.ms-outlook"}
    ),
    "video/mp4": frozenset({"audio/mp4"}),
    "audio/mp4": frozenset({"video/mp4"}),
    "video/ogg": frozenset({"audio/ogg"}),
    "video/3gpp": frozenset({"audio/mp4", "video/mp4"}),
    "video/x-ms-asf": frozenset({"audio/x-ms-wma", "video/x-ms-wmv"}),
    "image/heif": frozenset({"image/heic"}),
}
"""Types whose bytes cannot tell which of several they are; there the name may."""

_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/x-ms-bmp": "image/bmp",
    "image/heif": "image/heic",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "audio/x-aiff": "audio/aiff",
    "application/x-pdf": "application/pdf",
    "application/x-zip-compressed": "application/zip",
    "text/xml": "application/xml",
}


@lru_cache(maxsize=256)
def kind(media_type: str) -> Group:
    """The kind that a type belongs to."""
    if media_type in _TEXTS:
        return Group.TEXT
    if media_type in _ARCHIVES:
        return Group.ARCHIVE
    if media_type in _EXECUTABLES:
        return Group.EXECUTABLE
    if media_type in (UNKNOWN, "application/vnd.sqlite3"):
        return Group.UNKNOWN
    first = media_type.partition("/")[0]
    if first in ("image", "audio", "video", "text"):
        return Group(first)
    return Group.DOCUMENT


def extension(name: bytes) -> str:
    """The last extension of a name in lower case, without the dot; empty if there is none."""
    stem, dot, last = name.rstrip(b" .").rpartition(b".")
    return last.decode("ascii", "replace").lower() if dot and stem else ""


def claimed_type(name: bytes) -> str | None:
    """The media type that a name's extension claims; None where it claims none we know."""
    return _BY_EXTENSION.get(extension(name))


def is_link_file(name: bytes) -> bool:
    """Whether a file is one whose content is an address, by its name."""
    return extension(name) in LINK_FILES


def usual_extension(media_type: str) -> str:
    """The extension that files of a type mostly have, without the dot; empty where none is."""
    return _CLAIMS.get(media_type, "").partition(" ")[0]


def settled_type(detected: str, claimed: str | None) -> str:
    """The detected type, or the claimed one where the bytes look the same for both."""
    return claimed if claimed and claimed in _SAME_CONTAINER.get(detected, ()) else detected


def canonical(media_type: str) -> str:
    """The one name for a type that goes by several; HEIF counts as HEIC."""
    plain = media_type.strip().lower()
    return _ALIASES.get(plain, plain)
