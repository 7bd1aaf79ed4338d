"""Takes the commands out of README.md, so that tests run what people are told to type."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_FENCED = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shell_blocks(heading: str | None = None) -> list[str]:
    """The fenced sh blocks of the README, of one section where its heading is given."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    if heading is not None:
        _, found, rest = text.partition(f"\n## {heading}\n")
        assert found, f"README.md has no section {heading!r}"
        text = rest.partition("\n## ")[0]
    return _FENCED.findall(text)
