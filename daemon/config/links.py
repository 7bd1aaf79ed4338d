"""The section of an inbox that allows link files."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from daemon.config.section import Section
from daemon.config.units import Wait

_HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def check_host_pattern(text: str) -> str:
    """A host name, or `*.` and one for all names below it; raises ValueError with examples."""
    pattern = text.lower().rstrip(".")
    if not _HOST.fullmatch(pattern):
        raise ValueError(f"{text!r} is no host; write example.com, or *.example.com")
    return pattern


HostPattern = Annotated[str, AfterValidator(check_host_pattern), Field(examples=["example.com"])]


class LinksConfig(Section):
    """Which addresses the link files (.url, .webloc, .desktop) of an inbox may name."""

    hosts: tuple[HostPattern, ...] = Field(
        min_length=1, description="the only servers that are asked; *.name stands for all below it"
    )
    http: bool = Field(False, description="whether http is allowed beside https")
    timeout: Wait = Field(60.0, description="for one file, redirects and all")
    redirects: int = Field(5, ge=0, le=20, description="the most that are followed")
