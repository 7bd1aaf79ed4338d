"""The headers of requests and answers, as requests knows them, at a fraction of the cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from requests.structures import CaseInsensitiveDict


class Headers(CaseInsensitiveDict[str]):
    """Headers by name in any case, which keep the spelling that they were given last.

    requests copies its own one header after the other, which for a small file takes a tenth of the
    time that the whole delivery takes.
    """

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        self._pairs = {name.lower(): (name, text) for name, text in (headers or {}).items()}

    @classmethod
    def of_lower(cls, headers: Mapping[str, str]) -> Self:
        """Headers whose names are in lower case already."""
        made = cls.__new__(cls)
        made._pairs = {name: (name, text) for name, text in headers.items()}
        return made

    def __setitem__(self, name: str, text: str) -> None:
        self._pairs[name.lower()] = (name, text)

    def __getitem__(self, name: str) -> str:
        return self._pairs[name.lower()][1]

    def get(self, name: str, default: Any = None) -> Any:
        """One header, or the default; most are asked for and absent."""
        pair = self._pairs.get(name.lower())
        return default if pair is None else pair[1]

    def __delitem__(self, name: str) -> None:
        del self._pairs[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._pairs

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._pairs.values())

    def __len__(self) -> int:
        return len(self._pairs)

    def lower_items(self) -> Iterator[tuple[str, str]]:
        """Each header with its name in lower case."""
        return ((name, pair[1]) for name, pair in self._pairs.items())

    def pairs(self) -> list[tuple[str, str]]:
        """Each header with its name as it was given."""
        return list(self._pairs.values())

    def copy(self) -> Self:
        """Others that are the same for now."""
        other = type(self).__new__(type(self))
        other._pairs = self._pairs.copy()
        return other
