"""What the delivery tests share: real servers that are started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.delivery.servers import Servers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Starts servers that live as long as the tests do."""
    started = Servers(tmp_path_factory.mktemp("servers"))
    yield started
    started.close()
