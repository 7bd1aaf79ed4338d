"""What the delivery tests share: real servers that are started once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.servers import Servers


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Starts servers that live as long as the tests do."""
    with tempfile.TemporaryDirectory(
        prefix="inboxd-servers-", ignore_cleanup_errors=True
    ) as folder:  # one of them may still write
        path = Path(folder)
        path.chmod(0o755)  # some of them go over to a user of their own
        started = Servers(path)
        yield started
        started.close()
