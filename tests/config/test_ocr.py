"""The section `ocr`: engines, and the key of the one that is a service."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from daemon.config.auth import SecretSource
from daemon.config.ocr import OCRSPACE, Language
from daemon.reading.languages import OCRSPACE as SERVICE
from daemon.reading.languages import RECEIPTS, TESSERACT
from tests.config.writing import GOOD, complaints, loaded

_SPACE = "ocr: {engine: ocrspace, key_env: OCR_KEY"


def test_everything_has_a_default(tmp_path: Path) -> None:
    """Without the section our own models read, as well as they can."""
    ocr = loaded(tmp_path, GOOD).ocr
    assert (ocr.engine, ocr.profile, ocr.runtime, ocr.languages) == (
        "rapid",
        "accurate",
        "auto",
        (),
    )


def test_the_service_has_its_keys(tmp_path: Path) -> None:
    """The key is somewhere else, the address the vendor's."""
    ocr = loaded(
        tmp_path, GOOD + _SPACE + ", languages: [de, en], model: 1, max_upload: 5MB}\n"
    ).ocr
    assert ocr.key == SecretSource(env="OCR_KEY")
    assert (ocr.endpoint, ocr.languages, ocr.model) == (OCRSPACE, ("de", "en"), 1)
    assert ocr.max_upload == 5_000_000


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{engine: ocrspace}", "the key of OCR.space has no source; give exactly one of key_file"),
        ("{engine: ocrspace, key_env: A, credential: b}", "the key of OCR.space has 2 sources"),
        ("{engine: ocrspace, key: K8123}", "this key is not known here"),
        ("{key_env: A}", "key_env is only of use with engine: ocrspace"),
        ("{engine: tesseract, max_upload: 2MB}", "max_upload is only of use with engine: ocrspace"),
        ("{profile: faste}", "'faste' is not one of accurate, fast; did you mean fast?"),
        ("{runtime: cuda}", "'cuda' is not one of auto, onnxruntime, openvino"),
        ("{engine: tesseract, languages: [eng]}", "'eng' is not one of cs, da, de, en"),
        ("{engine: teseract}", "there is no engine 'teseract'; did you mean tesseract?"),
        ("{engine: ocrspace, key_env: A, max_upload: 1KB}", "must be 50000 or more"),
        ("{engine: ocrspace, key_env: A, endpoint: 'ftp://x/'}", "must begin with https://"),
    ],
)
def test_mistakes_are_explained(tmp_path: Path, section: str, said: str) -> None:
    """With the place and what to do."""
    (problem,) = complaints(tmp_path, GOOD + f"ocr: {section}\n")
    assert said in problem


def test_every_language_has_a_name_at_every_engine() -> None:
    """What can be configured can be asked for."""
    known = set(get_args(Language))
    assert known == set(TESSERACT) == set(SERVICE)
    assert set(RECEIPTS) <= known
