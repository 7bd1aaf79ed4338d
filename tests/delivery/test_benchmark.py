"""A benchmark measures what arrives, recommends from it, and cleans up after itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config.destinations import FolderDestinationConfig
from daemon.delivery.benchmark import PREFIX, Row, measure, quantile, recommend
from daemon.delivery.folder import FolderDestination
from daemon.errors import StoppedError
from tests.delivery.parcels import http_destination, never
from tests.receiver import Receiver, status


def row(size: int, workers: int, seconds: float, errors: int = 0) -> Row:
    return Row(size, workers, 100, seconds, 0.1, 0.2, 0.5, {"busy": errors} if errors else {})


def test_http(tmp_path: Path) -> None:
    """Each size meets each number of workers, and what stays on a server is named."""
    seen: list[Row] = []
    with Receiver() as receiver:
        destination = http_destination(receiver.url, method="PUT")
        report = measure(
            destination, [0, 1000], [1, 2], 5, stop=never(), on_row=seen.append, scratch=tmp_path
        )
        destination.close()
        paths = {request.path for request in receiver.requests}
    assert [(r.size, r.workers, r.delivered) for r in report.rows] == [
        (0, 1, 5),
        (0, 2, 5),
        (1000, 1, 5),
        (1000, 2, 5),
    ]
    assert list(report.rows) == seen
    assert len(paths) == 20
    assert all(path.startswith(f"/{PREFIX}") for path in paths)
    assert len(report.left_behind) == 20
    assert report.recommended_workers in {1, 2}
    assert list(tmp_path.iterdir()) == []


def test_folder(tmp_path: Path) -> None:
    """A folder is as empty afterwards as before."""
    target = tmp_path / "target"
    target.mkdir()
    config = FolderDestinationConfig.model_validate({"type": "folder", "path": target})
    report = measure(FolderDestination("disk", config), [10], [1, 3], 4, stop=never())
    assert [r.delivered for r in report.rows] == [4, 4]
    assert report.left_behind == ()
    assert list(target.iterdir()) == []


def test_errors_are_counted(tmp_path: Path) -> None:
    """A failed delivery is a count by its code, and nothing is recommended from it."""
    with Receiver(otherwise=status(429)) as receiver:
        destination = http_destination(receiver.url)
        report = measure(destination, [10], [2], 4, stop=never(), scratch=tmp_path)
        destination.close()
    assert dict(report.rows[0].errors) == {"too_many_requests": 4}
    assert (report.rows[0].delivered, report.rows[0].files_per_second) == (0, 0)
    assert report.recommended_workers is None


def test_stop(tmp_path: Path) -> None:
    """A stop ends a benchmark."""
    stop = never()
    stop.set()
    with Receiver() as receiver:
        destination = http_destination(receiver.url)
        with pytest.raises(StoppedError):
            measure(destination, [10], [1], 4, stop=stop, scratch=tmp_path)
        destination.close()


def test_recommendation() -> None:
    """The smallest number of workers near the best is enough; errors rule a number out."""
    rows = [row(10, 1, 4.0), row(10, 4, 1.02), row(10, 8, 1.0), row(10, 16, 0.5, errors=1)]
    assert recommend(rows) == 4
    assert recommend([*rows, row(10**6, 1, 9.0), row(10**6, 4, 9.0)]) == 4
    assert recommend([]) is None


def test_quantile() -> None:
    """Quantiles are values that were measured."""
    assert quantile([], 0.5) == 0
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2
    assert quantile([float(n) for n in range(1, 101)], 0.95) == 95
