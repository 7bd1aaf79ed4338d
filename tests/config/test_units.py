"""Sizes, times, rates and templates: the notation people write, and nothing else."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config import template, units
from daemon.config.places import parse
from daemon.errors import ConfigError

ANYTHING = st.one_of(
    st.text(max_size=30), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.none())
)


@pytest.mark.parametrize(
    ("text", "size"),
    [("25MB", 25_000_000), ("4KiB", 4096), ("1.5 gb", 1_500_000_000), ("7", 7), (7, 7), ("0B", 0)],
)
def test_sizes(text: object, size: int) -> None:
    """Decimal units by default, binary ones by name."""
    assert units.parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("500ms", 0.5), ("1.5m", 90), ("24h", 86400), ("7d", 604800)]
)
def test_durations(text: object, seconds: float) -> None:
    """Every number has a unit."""
    assert units.parse_duration(text) == seconds


def test_nothing_takes_no_unit() -> None:
    """Zero is zero in every unit."""
    assert units.parse_duration(0) == units.parse_duration("0") == 0


@given(ANYTHING)
def test_what_is_no_unit_is_a_value_error(value: object) -> None:
    """Nothing that can stand in a file makes a parser fail in another way."""
    for read in (units.parse_size, units.parse_duration, units.parse_rate, units.parse_pixels):
        with contextlib.suppress(ValueError):
            assert read(value) >= 0 or isinstance(value, int)


@given(st.text(max_size=60))
def test_a_template_that_passes_can_be_filled_in(text: str) -> None:
    """What `check` lets through never fails on a file."""
    facts = dict.fromkeys(template.FIELDS, "x") | {"received": datetime(2026, 11, 20, tzinfo=UTC)}
    try:
        template.check(text)
    except ValueError:
        return
    template.render(text, facts)


def test_templates() -> None:
    """Facts of the file, with a date's parts."""
    form = "{inbox}/{received:%Y/%m}/{sha256}-{name}"
    template.check(form)
    facts = {
        "inbox": "r",
        "received": datetime(2026, 11, 20, tzinfo=UTC),
        "sha256": "ab",
        "name": "x.jpg",
    }
    assert template.render(form, facts) == "r/2026/11/ab-x.jpg"


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """No text makes the reader of YAML fail in another way than by saying so."""
    with contextlib.suppress(ConfigError):
        parse(text, "f", {}).problems()


@given(
    st.recursive(
        st.one_of(st.text(alphabet="ab:#-{}[]'\"&*!|>%@` ", max_size=6), st.integers(0, 99)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.text(alphabet="abc", min_size=1, max_size=3), inner, max_size=3),
        ),
        max_leaves=8,
    )
)
def test_what_json_says_is_read_back(data: object) -> None:
    """JSON is YAML: the same values come out, and each has its place."""
    document = parse(json.dumps({"top": data}), "f", {})
    assert document.data == {"top": data}
    assert not document.problems()
