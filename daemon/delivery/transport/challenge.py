"""What a server asks for in WWW-Authenticate (RFC 9110 section 11.6.1); pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER: Final = re.compile(rf'({_WORD})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_SCHEME: Final = re.compile(rf"({_WORD})(?=[ \t,]|$)")
_BETWEEN: Final = re.compile(r"[\s,]*")
_ESCAPED: Final = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way of authentication that a server offers; names in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def challenges(value: str) -> list[Challenge]:
    """The challenges in a header, as far as they can be told apart; never raises."""
    found: list[Challenge] = []
    at = 0
    while at < len(value):
        between = _BETWEEN.match(value, at)
        assert between is not None  # it matches nothing at all too
        at = between.end()
        if found and (parameter := _PARAMETER.match(value, at)):
            name, quoted, plain = parameter.groups()
            text = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
            found[-1] = Challenge(found[-1].scheme, {**found[-1].parameters, name.lower(): text})
            at = parameter.end()
        elif scheme := _SCHEME.match(value, at):
            found.append(Challenge(scheme.group(1).lower(), {}))
            at = scheme.end()
        else:
            break
    return found
