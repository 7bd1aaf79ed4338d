"""The folder destination keeps the contract."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.config.destinations import FolderDestinationConfig
from daemon.delivery.destination import Destination
from daemon.delivery.folder.destination import FolderDestination
from tests.delivery.contract import Contract, FarSide, Gigabytes, Kept, folder_kept


class FolderSide(FarSide):
    def __init__(self, path: Path) -> None:
        path.mkdir()
        self.path = path

    def destination(self, **options: object) -> Destination:
        config = {"type": "folder", "path": self.path, **options}
        return FolderDestination("disk", FolderDestinationConfig.model_validate(config))

    def kept(self) -> list[Kept]:
        return folder_kept(self.path)


class SparseSide(FolderSide):
    def kept(self) -> list[Kept]:
        found = [(path.name, path.stat().st_size) for path in self.path.iterdir()]
        return [Kept(name, size, None) for name, size in found]


class TestFolder(Contract):
    @pytest.fixture
    def far_side(self, tmp_path: Path) -> FarSide:
        return FolderSide(tmp_path / "target")


class CopySide(FolderSide):
    def destination(self, **options: object) -> Destination:
        return super().destination(method="copy", collision="rename", **options)


class TestFolderOfOwnBlocks(Contract):
    @pytest.fixture
    def far_side(self, tmp_path: Path) -> FarSide:
        return CopySide(tmp_path / "target")


class TestFolderOnAnotherDisk(Contract):
    @pytest.fixture
    def far_side(self) -> Iterator[FarSide]:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            yield FolderSide(Path(folder) / "target")


class TestFolderGigabytes(Gigabytes):
    @pytest.fixture
    def far_side(self, tmp_path: Path) -> FarSide:
        return SparseSide(tmp_path / "target")
