"""Files with the words of receipts: those that come with inboxd, and those that a person adds."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from daemon.errors import ConfigError, Problem

MARKS_OF_AMOUNTS = frozenset(
    {
        *("total", "due", "subtotal", "net", "tax", "rounding", "tip", "service", "discount"),
        *("saving", "points", "count", "cash", "card", "wallet", "voucher", "transfer"),
        *("tendered", "change", "cashback", "unit_price"),
    }
)
"""Marks of words that say what an amount is."""
MARKS = MARKS_OF_AMOUNTS | frozenset(
    {
        *("gross", "inclusive", "contained", "exclusive", "summary", "adjustment", "suggestion"),
        *("refund", "deposit", "amount", "header", "date", "not_date", "time", "hours", "phone"),
        *("fax", "web", "tax_id", "registration", "receipt_number", "document", "staff"),
        *("footer", "legal", "business", "address", "region", "conversion", "other_document"),
        "journey",
    }
)
"""What a phrase can mean; words/README.md says what each is for."""
_KEYS = frozenset({"language", "months", "street_endings", "misread", "marks"})
_MONTHS = 12
WordFile = Mapping[str, Any]
"""What one file holds, as TOML gives it."""


def built_in() -> list[WordFile]:
    """The words of the languages that come with inboxd."""
    files = resources.files(__package__).joinpath("words").iterdir()
    return [
        tomllib.loads(file.read_text(encoding="utf-8"))
        for file in sorted(files, key=str)
        if file.name.endswith(".toml")
    ]


def added(folder: Path) -> list[WordFile]:
    """The words in a folder of a person's own, by name of file.

    Raises ConfigError that names every file that cannot be used, and why.
    """
    found: list[WordFile] = []
    problems: list[Problem] = []
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
    except OSError as error:
        raise ConfigError([Problem(str(folder), f"cannot be read: {error.strerror}")]) from error
    for path in files:
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            problems.append(Problem(str(path), f"cannot be read: {error.strerror}"))
        except ValueError as error:  # not UTF-8, or no TOML; the latter names its line
            problems.append(Problem(str(path), f"is no TOML: {error}"))
        else:
            problems += (Problem(str(path), fault) for fault in _faults(content))
            found.append(content)
    if problems:
        raise ConfigError(problems)
    return found


def _faults(content: WordFile) -> Iterable[str]:
    """What keeps the content of a file from being used."""
    language = content.get("language")
    if not isinstance(language, str) or not language:
        yield 'needs the name of its language: language = "fi"'
    for key in content.keys() - _KEYS:
        yield f"has {key!r}; known are {', '.join(sorted(_KEYS))}"
    months = content.get("months", [[]] * _MONTHS)
    if not _is_lists(months) or len(months) != _MONTHS:
        yield "months must be twelve lists of names"
    if not _is_texts(content.get("street_endings", [])):
        yield "street_endings must be a list of texts"
    misread = content.get("misread", {})
    if not isinstance(misread, dict) or not _is_lists(list(misread.values())):
        yield "[misread] must have a list of texts for each spelling"
    marks = content.get("marks", {})
    if not isinstance(marks, dict):
        yield "[marks] must have a list of phrases for each mark"
        return
    for mark, phrases in marks.items():
        if mark not in MARKS:
            yield f"{mark!r} under [marks] is not a known mark; use {', '.join(sorted(MARKS))}"
        elif not _is_texts(phrases):
            yield f"{mark} must be a list of phrases"


def _is_lists(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_texts, value))


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
