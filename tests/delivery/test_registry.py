"""A type in the configuration leads to its destination, ours or another package's."""

from __future__ import annotations

import subprocess
import sys
import threading
from importlib import metadata
from pathlib import Path

import pytest

from daemon.config.destinations import (
    CloudinaryDestinationConfig,
    DestinationConfig,
    FolderDestinationConfig,
    HttpDestinationConfig,
    PluginDestinationConfig,
    TusDestinationConfig,
)
from daemon.delivery.cloudinary.destination import CloudinaryDestination
from daemon.delivery.destination import Acknowledgement, Finding, Parcel, Progress
from daemon.delivery.folder.destination import FolderDestination
from daemon.delivery.http import HttpDestination
from daemon.delivery.registry import known_types, open_destination
from daemon.delivery.tus.destination import TusDestination
from daemon.errors import ConfigError


class Foreign:
    """A destination of another package."""

    def __init__(self, name: str, config: DestinationConfig) -> None:
        self.name = name
        self.config = config

    def deliver(self, parcel: Parcel, progress: Progress, stop: threading.Event) -> Acknowledgement:
        raise AssertionError("these tests deliver nothing")

    def check(self) -> list[Finding]:
        return []

    def close(self) -> None:
        return


class Half:
    """It takes no files."""

    name = "half"

    def __init__(self, *_: object) -> None:
        return

    def close(self) -> None:
        return


def broken(*_: object) -> None:
    """One that cannot be made."""
    raise ZeroDivisionError


def entry_points(value: str) -> object:
    def found(*, group: str, name: str | None = None) -> metadata.EntryPoints:
        point = metadata.EntryPoint("foreign", value, group)
        return metadata.EntryPoints([point] if name in (None, "foreign") else [])

    return found


def test_own_types(tmp_path: Path) -> None:
    """Our own types lead to our own adapters."""
    web = open_destination("a", HttpDestinationConfig(type="http", url="http://127.0.0.1:9/"))
    disk = open_destination("b", FolderDestinationConfig(type="folder", path=tmp_path))
    upload = open_destination("c", TusDestinationConfig(type="tus", url="http://127.0.0.1:9/"))
    cloud = open_destination(
        "d", CloudinaryDestinationConfig(type="cloudinary", cloud="demo", upload_preset="p")
    )
    made = (web, disk, upload, cloud)
    kinds = (HttpDestination, FolderDestination, TusDestination, CloudinaryDestination)
    assert [isinstance(each, kind) for each, kind in zip(made, kinds, strict=True)] == [True] * 4
    assert [each.name for each in made] == ["a", "b", "c", "d"]
    for each in made:
        each.close()


def test_unknown_type_names_the_known_ones() -> None:
    """A type that is not installed is refused with those that are."""
    with pytest.raises(
        ConfigError, match="known are cloudinary, folder, http, s3, tus, webdav"
    ) as caught:
        open_destination("x", PluginDestinationConfig(type="ftp"))
    assert caught.value.problems[0].where == "destinations.x"


def test_type_of_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point is called with the name and the section."""
    monkeypatch.setattr(metadata, "entry_points", entry_points(f"{__name__}:Foreign"))
    section = PluginDestinationConfig(type="foreign", options={"a": 1})
    destination = open_destination("x", section)
    assert isinstance(destination, Foreign)
    assert (destination.name, destination.config) == ("x", section)
    assert "foreign" in known_types()


def test_package_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point that cannot be imported is one clear error."""
    monkeypatch.setattr(metadata, "entry_points", entry_points("no_such_module_here:Thing"))
    with pytest.raises(ConfigError, match="does not load"):
        open_destination("x", PluginDestinationConfig(type="foreign"))


@pytest.mark.parametrize(
    ("made_by", "said"),
    [("broken", "does not load: ZeroDivisionError()"), ("Half", "it lacks deliver, check")],
)
def test_package_that_does_not_work(
    monkeypatch: pytest.MonkeyPatch, made_by: str, said: str
) -> None:
    """Whatever it does wrong is one clear error."""
    monkeypatch.setattr(metadata, "entry_points", entry_points(f"{__name__}:{made_by}"))
    with pytest.raises(ConfigError) as caught:
        open_destination("x", PluginDestinationConfig(type="foreign"))
    assert said in str(caught.value)


def test_knowing_the_types_is_light() -> None:
    """Naming the types imports neither requests nor an adapter."""
    code = (
        "import sys; from daemon.delivery.registry import known_types; known_types();"
        "sys.exit('requests' in sys.modules or 'daemon.delivery.http' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
