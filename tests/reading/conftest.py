"""One engine for all tests of reading; loading its models is the slow part."""

from __future__ import annotations

import pytest

from daemon.reading.engine import OcrEngine, make_engine
from daemon.reading.reader import Reader


@pytest.fixture(scope="session")
def rapid() -> OcrEngine:
    return make_engine("rapid")


@pytest.fixture(scope="session")
def reader(rapid: OcrEngine) -> Reader:
    return Reader(rapid)
