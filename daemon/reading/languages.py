"""What the languages are called that an engine can be told."""

from __future__ import annotations

TESSERACT = {
    "cs": "ces",
    "da": "dan",
    "de": "deu",
    "en": "eng",
    "es": "spa",
    "fi": "fin",
    "fr": "fra",
    "hr": "hrv",
    "hu": "hun",
    "it": "ita",
    "ms": "msa",
    "nl": "nld",
    "pl": "pol",
    "pt": "por",
    "sl": "slv",
    "sv": "swe",
    "tr": "tur",
}
"""ISO 639-1 to the names of tesseract's language packs (ISO 639-2/T)."""

RECEIPTS = ("en", "de", "fr", "es", "it", "nl", "pt", "ms")
"""The languages whose words for totals and dates we know; the likeliest first."""

OCRSPACE = {
    "cs": "cze",
    "da": "dan",
    "de": "ger",
    "en": "eng",
    "es": "spa",
    "fi": "fin",
    "fr": "fre",
    "hr": "hrv",
    "hu": "hun",
    "it": "ita",
    "ms": "eng",  # not in the vendor's list; it has no letter that English lacks
    "nl": "dut",
    "pl": "pol",
    "pt": "por",
    "sl": "slv",
    "sv": "swe",
    "tr": "tur",
}
"""ISO 639-1 to the values of OCR.space's parameter `language`."""
