"""The words that receipts use, in every language, looked up in one pass over a text.

The words are data: one file per language in `words/`, which a person can extend without code.
Looking them up forgives what OCR does to them: look-alike characters, one slip in a longer word,
words run together. It costs time in proportion to the text, whatever the text is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache

from daemon.receipts.spelling import WORD, skeleton, variants, words
from daemon.receipts.word_files import MARKS, MARKS_OF_AMOUNTS, WordFile, built_in

LABELS = MARKS_OF_AMOUNTS
_SHORTEST_SLIP = 5
_LONGEST_GLUED = 40
_SHORT_PARTS = frozenset(("OF", "RM"))
"""Words of two letters that others are run together with."""
_SURE_LENGTH = 6
_LOOK_ALIKE = frozenset(("CG", "CO", "EF", "MN", "HN", "IT", "IJ", "UV", "CE", "DO", "NU"))


@dataclass(frozen=True, slots=True)
class Mention:
    """A phrase found in a text: what it means, in which languages, and where it stands."""

    mark: str
    languages: frozenset[str]
    phrase: str
    start: int
    end: int


@dataclass(slots=True)
class _Node:
    following: dict[str, _Node] = field(default_factory=dict)
    meanings: dict[str, set[str]] = field(default_factory=dict)


class Lexicon:
    """All phrases of all languages."""

    def __init__(self, languages: Mapping[str, Mapping[str, list[str]]]) -> None:
        self._root = _Node()
        self._vocabulary: set[str] = set()
        for language, marks in languages.items():
            for mark, phrases in marks.items():
                if mark not in MARKS:
                    raise ValueError(f"{mark!r} in the words of {language!r} is not a known mark")
                for phrase in phrases:
                    self._add(phrase, mark, language)
        self._slips = _missing_letter_index(self._vocabulary)
        self._correct = lru_cache(maxsize=16384)(self._corrected)

    def _add(self, phrase: str, mark: str, language: str) -> None:
        for variant in variants(phrase):
            node = self._root
            for word in words(variant):
                bones = skeleton(word)
                self._vocabulary.add(bones)
                node = node.following.setdefault(bones, _Node())
            node.meanings.setdefault(mark, set()).add(language)

    def mentions(self, folded_text: str) -> tuple[Mention, ...]:
        """The phrases in a folded text, longest first at each place, none within another."""
        return _mentions(self, folded_text)

    def read(self, folded_text: str) -> Iterator[Mention]:
        """The phrases in a folded text from left to right."""
        tokens = self._rejoined(list(self._tokens(folded_text)))
        at = 0
        while at < len(tokens):
            node, end, best = self._root, at, None
            while end < len(tokens) and (following := node.following.get(tokens[end][0])):
                node, end = following, end + 1
                if node.meanings:
                    best = (node, end)
            if best is None:
                at += 1
                continue
            node, end = best
            phrase = " ".join(token for token, _, _ in tokens[at:end])
            start, stop = tokens[at][1], tokens[end - 1][2]
            for mark, languages in node.meanings.items():
                yield Mention(mark, frozenset(languages), phrase, start, stop)
            at = end

    def _tokens(self, text: str) -> Iterator[tuple[str, int, int]]:
        for match in WORD.finditer(text):
            start, end = match.span()
            for bones in self._correct(match[0]):
                yield bones, start, end

    def _rejoined(self, tokens: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
        """The words with those put together that OCR took apart: ZWI SCHENTOTAL."""
        joined: list[tuple[str, int, int]] = []
        for word, start, end in tokens:
            before = joined[-1] if joined else ("", 0, 0)
            whole = before[0] + word
            parted = before[0] and not {before[0], word} <= self._vocabulary
            if parted and len(whole) > _SURE_LENGTH and whole in self._vocabulary:
                joined[-1] = (whole, before[1], end)
            else:
                joined.append((word, start, end))
        return joined

    def _corrected(self, word: str) -> tuple[str, ...]:
        bones = skeleton(word)
        if bones in self._vocabulary or bones.isdigit() or len(bones) > _LONGEST_GLUED:
            return (bones,)
        letters = word.rstrip("0123456789")
        if 2 <= len(letters) < len(word):
            known = self._corrected(letters)
            if len(known) > 1 or known[0] in self._vocabulary:
                return (*known, word[len(letters) :])
        if len(bones) >= _SHORTEST_SLIP and bones[0] == "R" and "T" + bones[1:] in self._vocabulary:
            return ("T" + bones[1:],)  # the bar of a T is thin and easily half lost
        if len(bones) >= _SHORTEST_SLIP:
            near = self._nearest(bones)
            if near is not None:
                return (near,)
        parts = self._taken_apart(bones) if len(bones) >= 2 * _SHORTEST_SLIP - 3 else None
        return parts or (bones,)

    def _nearest(self, bones: str) -> str | None:
        """A known word one slip away: a letter missing, or one letter misread."""
        found = self._slips.get(bones)
        if found is not None and len(found) > _SURE_LENGTH:
            return found
        for at in range(len(bones)):
            found = self._slips.get(bones[:at] + bones[at + 1 :])
            if found is not None and len(found) == len(bones) and _one_misread(bones, found):
                return found
        return None

    def _taken_apart(self, bones: str) -> tuple[str, ...] | None:
        """Known words that a run of letters consists of: TOTALSALES is TOTAL, SALES."""
        reached: list[tuple[str, ...] | None] = [()] + [None] * len(bones)
        for end in range(2, len(bones) + 1):
            for start in range(max(0, end - 16), end - 1):
                before, word = reached[start], bones[start:end]
                if before is None or word not in self._vocabulary:
                    continue
                if len(word) < 3 and word not in _SHORT_PARTS:
                    continue
                best = reached[end]
                if best is None or len(before) + 1 < len(best):
                    reached[end] = (*before, word)
        parts = reached[-1]
        return parts if parts and max(map(len, parts)) >= _SHORTEST_SLIP else None


@lru_cache(maxsize=4096)
def _mentions(lexicon: Lexicon, text: str) -> tuple[Mention, ...]:
    return tuple(lexicon.read(text))


def _missing_letter_index(vocabulary: set[str]) -> dict[str, str]:
    """Every long word without one of its letters, pointing back at the word."""
    index: dict[str, str] = {}
    for word in sorted(vocabulary):
        if len(word) < _SHORTEST_SLIP:
            continue
        for at in range(len(word)):
            shorter = word[:at] + word[at + 1 :]
            if shorter not in vocabulary and len(shorter) >= _SHORTEST_SLIP - 1:
                index.setdefault(shorter, word)
    return index


def _one_misread(seen: str, known: str) -> bool:
    differing = sum(a != b for a, b in zip(seen, known, strict=True))
    return differing == 1 and (len(known) > _SURE_LENGTH or look_alike(seen, known))


def look_alike(seen: str, known: str) -> bool:
    """Whether one letter of two skeletons of the same length differs, and looks much the same."""
    differing = [(a, b) for a, b in zip(seen, known, strict=True) if a != b]
    return len(differing) == 1 and "".join(sorted(differing[0])) in _LOOK_ALIKE


@dataclass(frozen=True, slots=True)
class Words:
    """What the word files hold: the lexicon, and the number of each month's names."""

    lexicon: Lexicon
    months: Mapping[str, int]
    street_endings: tuple[str, ...]
    places: Mapping[str, str]
    """The words of addresses in capitals, by their skeletons."""
    trades: Mapping[str, str]
    """The words of merchants' names in capitals, by their skeletons."""
    misread: Mapping[str, str]
    """How OCR misreads parts of names, each with what it stands for."""


_learned: list[WordFile] = []


def learn(files: Sequence[WordFile]) -> None:
    """Have this process know the words of these files too; a language may be one that it knows."""
    _learned.extend(files)
    known_words.cache_clear()
    _mentions.cache_clear()


@cache
def known_words() -> Words:
    """The words of all languages; read once per process."""
    languages: dict[str, dict[str, list[str]]] = {}
    months: dict[str, int] = {}
    endings: set[str] = set()
    places: dict[str, str] = {}
    trades: dict[str, str] = {}
    misread: dict[str, str] = {}
    for content in (*built_in(), *_learned):
        marks: Mapping[str, list[str]] = content.get("marks", {})
        known = languages.setdefault(content["language"], {})
        for mark, phrases in marks.items():
            known[mark] = [*known.get(mark, ()), *phrases]
        places.update(_spellings((*marks.get("address", ()), *marks.get("region", ()))))
        trades.update(_spellings(marks.get("business", ())))
        for ending in content.get("street_endings", ()):
            endings.update(variants(ending))
        for spelling, slips in content.get("misread", {}).items():
            misread.update((slip, spelling) for slip in slips)
        for number, names in enumerate(content.get("months", ()), start=1):
            for variant in (variant for name in names for variant in variants(name)):
                months.setdefault(skeleton(variant), number)
    return Words(Lexicon(languages), months, tuple(sorted(endings)), places, trades, misread)


def _spellings(phrases: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The words of phrases in capitals, by their skeletons."""
    for phrase in phrases:
        for variant in variants(phrase):
            yield from ((skeleton(word), word) for word in words(variant))


def lexicon() -> Lexicon:
    """The lexicon of all languages; built once per process."""
    return known_words().lexicon
