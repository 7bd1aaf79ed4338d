"""The template language of the configuration: `{inbox}`, `{sha256}`, `{received:%Y/%m}`."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from datetime import datetime

FIELDS = frozenset(
    {"inbox", "name", "stem", "suffix", "path", "sha256", "size", "media_type", "received", "job"}
)


_PARTS_OF_DATES = re.compile(r"%[-_0^#]?[aAbBcCdDeFgGhHIjklmMpPrRsSTuUVwWxXyYzZf%]")
"""What strftime(3) fills in, with the flags of the GNU library."""
_OF_ONE_FILE = frozenset({"name", "stem", "path", "sha256", "job"})
_OF_ONE_CONTENT = frozenset({"sha256", "job"})


def check(template: str) -> None:
    """Raise ValueError where a template is malformed or names a field that does not exist."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{template!r} is not a template: {error}") from error
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if name not in FIELDS:
            known = ", ".join(sorted(FIELDS))
            raise ValueError(f"{{{name}}} is not known in {template!r}; use one of {known}")
        if conversion or (form and (name != "received" or "{" in form)):
            raise ValueError(f"only {{received:%Y/%m}} takes a format, in {template!r}")
        if "%" in (rest := _PARTS_OF_DATES.sub("", form or "")):
            wrong = rest[rest.index("%") :][:2]
            raise ValueError(f"{wrong} is no part of a date, in {template!r}; see strftime(3)")


def tells_files_apart(template: str) -> bool:
    """Whether what a template makes has to do with the one file, not only with its inbox or day."""
    return any(name in _OF_ONE_FILE for _, name, _, _ in string.Formatter().parse(template))


def tells_contents_apart(template: str) -> bool:
    """Whether what a template makes can only be made of one content, or for one job."""
    return any(name in _OF_ONE_CONTENT for _, name, _, _ in string.Formatter().parse(template))


def render(template: str, facts: Mapping[str, str | int | datetime]) -> str:
    """Fill in a template that `check` let through."""
    return string.Formatter().vformat(template, (), facts)
