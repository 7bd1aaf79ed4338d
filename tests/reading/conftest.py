"""One engine for all tests of reading; loading its models is the slow part."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daemon.reading.engine import EngineSettings, OcrEngine, make_engine
from daemon.reading.ocrspace import OcrSpaceEngine
from daemon.reading.ocrspace_client import OcrSpaceClient
from daemon.reading.reader import Reader
from tests.reading.ocrspace_service import KEY, Service, serving


@pytest.fixture(scope="session")
def rapid() -> OcrEngine:
    return make_engine(EngineSettings(runtime="onnxruntime"))


@pytest.fixture(scope="session")
def rapid_on_openvino() -> OcrEngine:
    return make_engine(EngineSettings(runtime="openvino"))


@pytest.fixture(scope="session")
def rapid_fast() -> OcrEngine:
    return make_engine(EngineSettings(profile="fast", runtime="onnxruntime"))


@pytest.fixture(scope="session")
def rapid_fast_on_openvino() -> OcrEngine:
    return make_engine(EngineSettings(profile="fast", runtime="openvino"))


@pytest.fixture(scope="session")
def tesseract() -> OcrEngine:
    return make_engine("tesseract")


@pytest.fixture
def service(rapid: OcrEngine) -> Iterator[Service]:
    """What stands in for OCR.space."""
    with serving(rapid) as made:
        yield made


@pytest.fixture
def ocrspace(service: Service) -> OcrEngine:
    return OcrSpaceEngine(OcrSpaceClient(service.url, KEY).send)


@pytest.fixture(scope="session")
def reader(rapid: OcrEngine) -> Reader:
    return Reader(rapid)
