from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.children.errors import ChildDiedError, ChildFailedError, ChildTimeoutError
from daemon.children.frames import JSON
from daemon.children.limits import ChildLimits
from daemon.children.pool import ChildPool
from daemon.config.model import InboxConfig
from daemon.errors import Fault, InboxdError, Kind
from daemon.limits import Limits
from daemon.validation.rules import Rules, accepts, judge_size, judge_type
from daemon.validation.validator import Validator
from tests.validation import samples

RULES = Rules(("image/*", "application/pdf"), max_size=1000, max_pages=5, max_pixels=10_000)


def test_rules_come_from_the_configuration() -> None:
    """Every limit of an inbox is taken over, and types by their one name."""
    inbox = InboxConfig(path=Path("/in"), accept=("image/heif",), max_pages=3, allow_empty=True)
    rules = Rules.from_inbox(inbox)
    assert rules.accept == ("image/heic",)
    assert (rules.max_size, rules.max_pages, rules.max_pixels) == (25_000_000, 3, 100_000_000)
    assert rules.allow_empty


@given(st.integers(min_value=0, max_value=3000), st.booleans())
def test_a_size_is_judged_by_its_limits(size: int, allow_empty: bool) -> None:
    """Empty and too large are the only faults that a size can have."""
    rules = Rules(("*/*",), 1000, 5, 10_000, allow_empty)
    fault = judge_size(size, rules)
    if size > 1000:
        assert fault is not None
        assert fault.code == "too_large"
    elif size == 0 and not allow_empty:
        assert fault is not None
        assert fault.code == "empty"
    else:
        assert fault is None


@pytest.mark.parametrize(
    ("patterns", "media_type", "expected"),
    [
        (("*/*",), "application/octet-stream", True),
        (("audio/*",), "audio/mpeg", True),
        (("audio/*",), "image/jpeg", False),
        (("image/JPG",), "image/jpeg", True),
        (("image/heic",), "image/heif", True),
        ((), "image/jpeg", False),
    ],
)
def test_patterns_accept_types(patterns: tuple[str, ...], media_type: str, expected: bool) -> None:
    """A pattern is a type, all of a kind, or everything."""
    assert accepts(patterns, media_type) is expected


@pytest.mark.parametrize(
    ("media_type", "name", "code", "noted"),
    [
        ("image/jpeg", b"r.jpg", None, False),
        ("image/jpeg", b"r.png", None, True),
        ("image/jpeg", b"r.pdf", "type_mismatch", True),
        ("image/heif", b"r.heic", None, False),
        ("audio/mpeg", b"r.mp3", "type_not_accepted", False),
        ("application/x-executable", b"r.pdf", "type_mismatch", True),
        ("application/octet-stream", b"r.pdf", "type_not_accepted", False),
    ],
)
def test_types_and_names_are_judged_together(
    media_type: str,
    name: bytes,
    code: str | None,
    noted: bool,
) -> None:
    """Another kind is refused before acceptance is asked for; another type is noted."""
    checks, fault = judge_type(media_type, name, RULES)
    assert (fault.code if fault else None) == code
    assert checks[0].check == "type"
    assert any(check.check == "extension" for check in checks) is noted


@given(st.binary(max_size=40), st.sampled_from(["image/jpeg", "text/plain", "x/y", "video/mp4"]))
def test_any_name_is_judged(name: bytes, media_type: str) -> None:
    """No name is an error; unknown ones are no fault."""
    _checks, fault = judge_type(media_type, name, Rules(("*/*",), 1, 1, 1))
    assert fault is None or (fault.code == "type_mismatch" and b"." in name)


class ScriptedPool(ChildPool):
    """Stands for a pool of children, with answers and errors laid down beforehand."""

    def __init__(self, *outcomes: JSON | InboxdError) -> None:
        super().__init__("x:y", name="x", size=1, limits=ChildLimits(memory=1, cpu=1))
        self.outcomes = list(outcomes)

    def run(
        self,
        request: JSON,
        descriptor: int | None = None,
        *,
        timeout: float,
        stop: threading.Event | None = None,
    ) -> JSON:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, InboxdError):
            raise outcome
        return outcome


FINE: JSON = {"checks": [["pages", True, "1"]], "refusal": None}
KILLED = ChildDiedError("x", "signal 9")
CRASHED = ChildDiedError("x", "signal 11")
SLOW = ChildTimeoutError("x", 30.0)
SPINNING = ChildDiedError("x", "cpu")


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([FINE], None),
        ([KILLED, FINE], None),
        ([SLOW, FINE], None),
        ([KILLED, KILLED], "too_large_to_parse"),
        ([CRASHED, CRASHED], "too_complex"),
        ([SLOW, SLOW], "too_complex"),
        ([SPINNING], "too_complex"),
        ([ChildDiedError("x", "memory")] * 2, "too_large_to_parse"),
        ([ChildFailedError("x", "KeyError", "'x'")], "damaged"),
    ],
)
def test_a_childs_end_is_a_verdict_the_second_time(
    tmp_path: Path, outcomes: list[JSON | InboxdError], code: str | None
) -> None:
    """One death may be an accident of ours; after two of them the file is to blame."""
    path = tmp_path / "r.jpg"
    path.write_bytes(samples.encoded("JPEG"))
    pool = ScriptedPool(*outcomes)
    rules = Rules(("*/*",), 1_000_000, 5, 1_000_000)
    verdict = Validator(pool, Limits()).inspect(bytes(path), b"r.jpg", rules, threading.Event())
    assert (verdict.refusal.code if verdict.refusal else None) == code
    assert pool.outcomes == []


def test_a_disk_error_in_a_child_is_no_verdict(tmp_path: Path) -> None:
    """What the child says of our disk is passed on as that."""
    path = tmp_path / "r.jpg"
    path.write_bytes(samples.encoded("JPEG"))
    origin = Fault("eio", "reading a file to prove it: Input/output error", Kind.ENVIRONMENT)
    pool = ScriptedPool(ChildFailedError("x", "EnvironmentFaultError", "x", origin))
    rules = Rules(("*/*",), 1_000_000, 5, 1_000_000)
    with pytest.raises(InboxdError) as caught:
        Validator(pool, Limits()).inspect(bytes(path), b"r.jpg", rules, threading.Event())
    assert caught.value.fault == origin


def test_no_parser_is_loaded_by_the_parent() -> None:
    """The process that holds the ledger and the secrets never has a parser in it."""
    script = (
        "import sys, daemon.validation.validator\n"
        "print(*(name for name in ('PIL', 'pillow_heif', 'pypdfium2') if name in sys.modules))"
    )
    root = Path(__file__).parents[2]
    said = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == ""
