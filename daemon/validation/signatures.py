"""The bytes that formats begin with, each with where that is laid down."""

from __future__ import annotations

from typing import NamedTuple

UNKNOWN = "application/octet-stream"


class Signature(NamedTuple):
    """A file whose bytes from `offset` on are `magic` may be of this type."""

    media_type: str
    magic: bytes
    offset: int = 0


SIGNATURES = (
    # Images
    Signature("image/jpeg", b"\xff\xd8\xff"),  # ITU-T T.81, B.1.1.3: SOI and the next marker
    Signature("image/png", b"\x89PNG\r\n\x1a\n"),  # W3C PNG, 5.2
    Signature("image/gif", b"GIF87a"),  # GIF87a specification
    Signature("image/gif", b"GIF89a"),  # GIF89a specification, 17
    Signature("image/tiff", b"II*\0"),  # TIFF 6.0, section 2
    Signature("image/tiff", b"MM\0*"),
    Signature("image/tiff", b"II+\0"),  # BigTIFF, as in libtiff
    Signature("image/tiff", b"MM\0+"),
    Signature("image/vnd.adobe.photoshop", b"8BPS\0\1"),  # Adobe Photoshop file formats
    Signature("image/jxl", b"\0\0\0\x0cJXL \r\n\x87\n"),  # ISO/IEC 18181-2, 9.1
    Signature("image/jp2", b"\0\0\0\x0cjP  \r\n\x87\n"),  # ITU-T T.800, I.5.1
    Signature("image/vnd.djvu", b"AT&TFORM"),  # DjVu 3 specification, 8.1
    # Documents
    Signature("application/pdf", b"%PDF-"),  # ISO 32000-2, 7.5.2
    Signature("application/postscript", b"%!PS-"),  # PostScript DSC 3.0
    Signature("application/rtf", b"{\\rtf"),  # RTF 1.9.1
    Signature("application/x-ole-storage", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),  # MS-CFB, 2.2
    # Audio and video
    Signature("audio/mpeg", b"ID3\2"),  # id3.org, ID3v2.4 3.1, by version
    Signature("audio/mpeg", b"ID3\3"),
    Signature("audio/mpeg", b"ID3\4"),
    Signature("audio/flac", b"fLaC"),  # RFC 9639, 6
    Signature("audio/ogg", b"OggS\0"),  # RFC 3533, 6
    Signature("audio/amr", b"#!AMR"),  # RFC 4867, 5
    Signature("audio/midi", b"MThd\0\0\0\6"),  # RP-001, Standard MIDI Files
    Signature("video/x-matroska", b"\x1a\x45\xdf\xa3"),  # RFC 8794, 11.2.1
    Signature("video/x-ms-asf", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),  # ASF 1.2, 10.1
    Signature("video/mpeg", b"\0\0\1\xba"),  # ISO/IEC 13818-1, 2.5.3.3
    # Archives
    Signature("application/zip", b"PK\3\4"),  # APPNOTE.TXT, 4.3.7
    Signature("application/zip", b"PK\5\6"),  # the same, 4.3.16: without a file in it
    Signature("application/gzip", b"\x1f\x8b\x08"),  # RFC 1952, 2.3.1
    Signature("application/x-bzip2", b"1AY&SY", 4),  # bzip2 1.0: the first block's magic
    Signature("application/x-xz", b"\xfd7zXZ\0"),  # The .xz file format, 2.1.1.1
    Signature("application/zstd", b"\x28\xb5\x2f\xfd"),  # RFC 8878, 3.1.1
    Signature("application/x-7z-compressed", b"7z\xbc\xaf\x27\x1c"),  # 7zFormat.txt
    Signature("application/vnd.rar", b"Rar!\x1a\x07"),  # RAR 5.0 archive format
    Signature("application/x-tar", b"ustar", 257),  # POSIX.1-2017, pax: ustar interchange format
    # Executables
    Signature("application/x-executable", b"\x7fELF"),  # System V ABI, 4: ELF header
    Signature("application/x-mach-binary", b"\xcf\xfa\xed\xfe"),  # mach-o/loader.h
    Signature("application/x-mach-binary", b"\xce\xfa\xed\xfe"),
    # Databases
    Signature("application/vnd.sqlite3", b"SQLite format 3\0"),  # sqlite.org/fileformat2
)
"""All types that bytes at one place give away; the ambiguous ones are looked at in media_type."""

RIFF_FORMS = {  # Microsoft RIFF; WebP: RFC 9649, 2.4
    b"WEBP": "image/webp",
    b"WAVE": "audio/wav",
    b"AVI ": "video/x-msvideo",
}
IFF_FORMS = {b"AIFF": "audio/aiff", b"AIFC": "audio/aiff"}  # Apple AIFF 1.3, AIFF-C

BRANDS = {  # ISO/IEC 14496-12, 4.3: the brands of `ftyp`, registered at mp4ra.org
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis"), "image/heic"),  # ISO/IEC 23008-12, B.4
    **dict.fromkeys((b"hevc", b"hevx", b"hevm", b"hevs"), "image/heic-sequence"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),  # AV1 Image File Format, 9
    **dict.fromkeys((b"mif1", b"mif2", b"msf1"), "image/heif"),  # ISO/IEC 23008-12, 10
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P "), "audio/mp4"),
    **dict.fromkeys((b"3gp4", b"3gp5", b"3gp6", b"3gp7"), "video/3gpp"),  # 3GPP TS 26.244
    b"qt  ": "video/quicktime",  # Apple QuickTime file format
    b"crx ": "image/x-canon-cr3",
}
"""Types by brand; a file of these boxes with another brand is taken for video/mp4."""

BITMAP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})
"""Lengths of the second header of a BMP (wingdi.h); `BM` alone is too little to go by."""
