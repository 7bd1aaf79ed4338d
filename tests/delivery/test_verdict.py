"""Headers and bodies of answers are read without trust."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config import answer_path
from daemon.delivery.verdict import (
    blames_destination,
    is_page,
    json_object,
    location,
    retry_after,
)
from daemon.errors import DeliveryError, Kind

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC).timestamp()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.integers(0, 10**30))
def test_retry_after_in_seconds(seconds: int) -> None:
    """A number of seconds is taken, up to the cap."""
    assert retry_after(f" {seconds} ", NOW, 3600) == min(seconds, 3600)


@given(st.integers(-100_000, 100_000))
def test_retry_after_as_a_date(seconds: int) -> None:
    """A date is a pause until then, none if it is past, and at most the cap."""
    moment = datetime.fromtimestamp(NOW + seconds, UTC)
    value = format_datetime(moment, usegmt=True)
    assert retry_after(value, NOW, 3600) == min(max(seconds, 0), 3600)


@given(st.text())
def test_retry_after_of_anything(value: str) -> None:
    """Whatever stands there, the result is a bounded pause or none."""
    pause = retry_after(value, NOW, 3600)
    assert pause is None or 0 <= pause <= 3600


@pytest.mark.parametrize("value", ["", "-1", "1.5", "soon", "Fri, 99 Nov 2026 00:00:00 GMT", "²"])
def test_retry_after_without_sense(value: str) -> None:
    """What is neither a number nor a date is as if it were not there."""
    assert retry_after(value, NOW, 3600) is None


@given(st.dictionaries(st.text(), JSON, max_size=4), st.booleans())
def test_json_object_is_kept(value: dict[str, object], ascii_only: bool) -> None:
    """An object is kept as it is, and can be written again as UTF-8."""
    kept = json_object(json.dumps(value, ensure_ascii=ascii_only).encode())
    assert kept == value
    json.dumps(kept, ensure_ascii=False, allow_nan=False).encode()


@given(st.binary())
def test_json_object_of_anything(body: bytes) -> None:
    """Whatever the body is, the result is an object."""
    assert isinstance(json_object(body), dict)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"a": NaN, "b": 1e999, "c": Infinity}', {"a": None, "b": None, "c": None}),
        (b'{"a": "\\ud800"}', {"a": "\ufffd"}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        (b'\xef\xbb\xbf {"a": 1}', {"a": 1}),
        (b"[1]", {}),
        (b'"text"', {}),
        (b'{"a": ', {}),
        (b'{"a":' * 5000, {}),
        (b'{"a": ' + b"9" * 5000 + b"}", {}),
        (b"\xff\xfe", {}),
        (b"", {}),
    ],
)
def test_json_object_by_example(body: bytes, kept: dict[str, object]) -> None:
    """What cannot be written again becomes null or U+FFFD; what is no object is left out."""
    assert json_object(body) == kept


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.url", "https://a"),
        ("$.data[0].url", "https://b"),
        ("$.data[1].url", None),
        ("$.data.url", None),
        ("$['odd name']", "yes"),
        ('$["odd name"]', "yes"),
        ("$.ñame", "ñ"),
        ("$.number", "7"),
        ("$.flag", None),
        ("$.data", None),
        ("$.none.deep.deeper", None),
        ("$.url[0]", None),
    ],
)
def test_lift(path: str, found: str | None) -> None:
    """A path leads to a text or a number, or to nothing."""
    answer = {
        "url": "https://a",
        "data": [{"url": "https://b"}],
        "odd name": "yes",
        "ñame": "ñ",
        "number": 7,
        "flag": True,
        "none": None,
    }
    assert answer_path.lift(answer, answer_path.check(path)) == found


@pytest.mark.parametrize(
    "path", ["", "$", "url", "$url", "$..url", "$.a b", "$[x]", "$.a[", "$[-1]"]
)
def test_path_that_is_none(path: str) -> None:
    """A path that is not understood is refused."""
    with pytest.raises(ValueError, match="is not a path"):
        answer_path.check(path)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("https://b/c", "https://b/c"),
        ("/c", "https://a:8443/c"),
        ("../c", "https://a:8443/c"),
        ("", None),
        ("a\x1b[0m", None),
        ("x" * 5000, None),
        ("http://[", "http://["),
    ],
)
def test_location(value: str, found: str | None) -> None:
    """A Location header becomes a whole address; control characters do not pass."""
    assert location({"Location": value}, "https://a:8443/up/x") == found


@pytest.mark.parametrize(
    ("code", "kind", "status", "blamed"),
    [
        ("connection_refused", Kind.TRANSIENT, None, True),
        ("server_full", Kind.TRANSIENT, 507, True),
        ("clock_skewed", Kind.TRANSIENT, 403, True),
        ("credentials_expired", Kind.TRANSIENT, 400, True),
        ("server_error", Kind.TRANSIENT, 500, False),
        ("auth_refused", Kind.PERMANENT, 403, False),
    ],
)
def test_errors_that_every_file_would_meet(
    code: str, kind: Kind, status: int | None, blamed: bool
) -> None:
    """A destination is held up only for what passes and would meet each of its files."""
    error = DeliveryError(code, "x", kind=kind, http_status=status)
    assert blames_destination(error) is blamed


@pytest.mark.parametrize(
    ("status", "content", "page"),
    [
        (200, b"<html><body>Log in", True),
        (200, b"\r\n <!-- hotel --> <!DOCTYPE HTML PUBLIC>", True),
        (201, b"<!DOCTYPE html><title>201 Created</title>", False),
        (200, b"<?xml version='1.0'?><html>", False),
        (200, b"", False),
        (200, b'{"html": "<html>"}', False),
        (200, b"<!-- " * 9000, False),
    ],
)
def test_pages_for_people(status: int, content: bytes, page: bool) -> None:
    """A login page says 200; Apache's page about a new file says 201."""
    assert is_page(status, content) is page
