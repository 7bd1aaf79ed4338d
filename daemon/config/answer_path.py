"""Where in a JSON answer something stands: `$.url`, `$.data[0].url`, `$['odd name']`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_STEP: Final = re.compile(r"""\.([\w-]+)|\[([0-9]{1,9})\]|\['([^']+)'\]|\["([^"]+)"\]""")


def check(path: str) -> str:
    """A path as it is; raises ValueError where it is not one."""
    steps = path[1:]
    if not path.startswith("$") or not steps or _STEP.sub("", steps):
        raise ValueError(f"{path!r} is not a path; write it like $.url or $.data[0].url")
    return path


def lift(answer: object, path: str) -> str | None:
    """The text or whole number at a path that `check` let through, None where there is none."""
    value: Any = answer
    for name, index, single, double in _STEP.findall(path[1:]):
        if index:
            inside = isinstance(value, list) and int(index) < len(value)
            value = value[int(index)] if inside else None
        else:
            value = value.get(name or single or double) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value)
