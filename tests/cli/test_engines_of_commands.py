"""OCR engines as `check` and `read` meet them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.reading.engine import make_engine
from tests.cli.conftest import Command, Process
from tests.reading.drawing import encoded, receipt
from tests.reading.ocrspace_service import KEY, Service, serving

Written = Callable[[str], Path]
INBOX = "state: state\ninboxes:\n  receipts:\n    path: inbox\n    read: text\n"


@pytest.fixture
def service() -> Iterator[Service]:
    with serving(make_engine("rapid")) as made:
        yield made


def _space(service: Service) -> str:
    return INBOX + f"ocr: {{engine: ocrspace, key_env: OCR_KEY, endpoint: '{service.url}'}}\n"


def test_check_says_that_a_program_is_missing(
    inboxd: Command, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package to install is named, and the environment is at fault."""
    monkeypatch.setenv("PATH", "/nonexistent")
    result = inboxd("check", "-c", written(INBOX + "ocr: {engine: tesseract}\n"))
    assert result.exit_code == 4
    assert "apt install tesseract-ocr" in result.stderr


def test_a_daemon_without_its_engine_does_not_start(
    process: Process, written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so at once, rather than failing at every file."""
    monkeypatch.setenv("PATH", "/nonexistent")
    result = process("once", "-c", written(INBOX + "ocr: {engine: tesseract}\n"))
    assert result.returncode == 4
    assert "apt install tesseract-ocr" in result.stderr
    assert "Traceback" not in result.stderr


def test_check_reaches_the_service(
    inboxd: Command, written: Written, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One small page is sent, and none with --offline."""
    monkeypatch.setenv("OCR_KEY", KEY)
    path = written(_space(service))
    assert inboxd("check", "-c", path, "--offline").exit_code == 0
    assert service.requests == []
    result = inboxd("check", "-c", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "ok    ocr.endpoint" in result.stdout
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("key", "code", "said"),
    [
        ("K8wrong", 4, "OCR.space does not know the key"),
        ("helloworld", 2, "shared by everybody and throttled; get your own"),
        ("", 2, "the variable OCR_KEY is not set"),
    ],
)
def test_check_tells_what_is_wrong_with_a_key(
    inboxd: Command,
    written: Written,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    code: int,
    said: str,
) -> None:
    """A wrong key, the vendor's demonstration key, and none."""
    monkeypatch.setenv("OCR_KEY", key)
    result = inboxd("check", "-c", written(_space(service)))
    assert result.exit_code == code
    assert said in result.stderr


@pytest.mark.parametrize("options", [("--profile", "fast"), ("--runtime", "onnxruntime")])
def test_read_takes_profile_and_runtime(
    process: Process, tmp_path: Path, options: tuple[str, str]
) -> None:
    """The same text, by other models or another runtime."""
    picture = tmp_path / "-r $(x).png"
    picture.write_bytes(encoded(receipt(), "PNG"))
    result = process("read", "--json", *options, "--", picture)
    assert (result.returncode, result.stderr) == (0, "")
    (answer,) = json.loads(result.stdout)
    assert "TOTAL" in answer["ocr"]["text"]


@pytest.mark.system
def test_read_takes_tesseract(process: Process, tmp_path: Path) -> None:
    """In its sealed child, from a file with a hostile name."""
    picture = tmp_path / "-l eng; $(touch x)\n.png"
    picture.write_bytes(encoded(receipt(), "PNG"))
    result = process("read", "--json", "--engine", "tesseract", "--", picture)
    (answer,) = json.loads(result.stdout)
    assert answer["error"] is None
    assert answer["ocr"]["engine"] == "tesseract"
    assert "TOTAL" in answer["ocr"]["text"]


def test_read_wants_an_engine_that_there_is(process: Process, tmp_path: Path) -> None:
    """And a key where the engine needs one."""
    result = process("read", "--engine", "abbyy", tmp_path / "x.png")
    assert result.returncode != 0
    assert "use one of ocrspace, rapid, tesseract" in result.stderr
    result = process("read", "--engine", "ocrspace", tmp_path / "x.png")
    assert result.returncode == 2
    assert "the variable OCRSPACE_API_KEY is not set" in result.stderr


def test_read_is_asked_for_an_engine_that_nobody_knows(inboxd: Command, tmp_path: Path) -> None:
    """That is a mistake in the command, not a file that could not be read."""
    result = inboxd("read", tmp_path / "r.jpg", "--engine", "rapd", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no OCR engine 'rapd'; use one of ocrspace, rapid, tesseract" in result.stderr
