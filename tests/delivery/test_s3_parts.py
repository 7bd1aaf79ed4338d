"""A file is cut into parts that a store takes, and they add up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.delivery.s3.answers import Kept
from daemon.delivery.s3.parts import MOST_PARTS, Part, cut, part_size_for, still_missing
from daemon.limits import MIB

TIB = 1024**4


@given(st.integers(1, 48 * TIB), st.integers(5, 5 * 1024))
def test_never_too_many_parts(size: int, wanted: int) -> None:
    """However large a file is, it has at most 10,000 parts, none smaller than wished."""
    part_size = part_size_for(size, wanted * MIB)
    assert part_size >= wanted * MIB
    assert -(-size // part_size) <= MOST_PARTS


def test_size_is_raised_no_further_than_needed() -> None:
    """The wished size stays up to exactly 10,000 parts."""
    assert part_size_for(MOST_PARTS * 5 * MIB, 5 * MIB) == 5 * MIB
    assert part_size_for(MOST_PARTS * 5 * MIB + 1, 5 * MIB) == 6 * MIB


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_parts_are_the_file(size: int, part_size: int) -> None:
    """Parts follow each other without a gap, all of one size but the last."""
    part_size = max(part_size, -(-size // 500))
    parts = cut(size, part_size)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert [part.offset for part in parts] == list(range(0, size, part_size))
    assert sum(part.size for part in parts) == size
    assert {part.size for part in parts[:-1]} <= {part_size}


@given(st.sets(st.integers(1, 20)), st.sets(st.integers(1, 20)), st.sets(st.integers(1, 20)))
def test_what_is_missing(whole: set[int], short: set[int], nameless: set[int]) -> None:
    """A part counts as there with the right size and an ETag only."""
    parts = cut(95, 5)
    kept = {number: Kept(number, 5, "e") for number in whole}
    kept |= {number: Kept(number, 4, "e") for number in short}
    kept |= {number: Kept(number, 5, "") for number in nameless}
    expected = [part for part in parts if part.number not in whole - short - nameless]
    assert still_missing(parts, kept) == expected


def test_nothing_is_missing() -> None:
    """Parts beyond the file's end do not matter."""
    kept = {1: Kept(1, 5, "e"), 2: Kept(2, 1, "e"), 3: Kept(3, 9, "e")}
    assert still_missing([Part(1, 0, 5), Part(2, 5, 1)], kept) == []
