"""Destinations and engines of other packages, found through their entry points."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.cli.main import app
from daemon.config.destinations import PluginDestinationConfig
from daemon.config.load import load
from daemon.errors import ConfigError

PACKAGE = """
from pydantic import BaseModel, ConfigDict

class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    shelf: int

class Shelf:
    options = Options

class Bare:
    pass

class Angry:
    class options(BaseModel):
        pass

    name = "there"

    def __init__(self, *_): pass

    def deliver(self, *_): pass

    def check(self): raise RuntimeError("not today")

    def close(self): pass
"""
ENTRY_POINTS = """
[inboxd.destinations]
shelf = shelf_for_inboxd:Shelf
bare = shelf_for_inboxd:Bare
gone = not_there_at_all:Shelf
worse = worse_for_inboxd:Shelf
angry = shelf_for_inboxd:Angry

[inboxd.ocr_engines]
eagle = shelf_for_inboxd:Eagle
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of a third party is installed."""
    (tmp_path / "shelf_for_inboxd.py").write_text(PACKAGE)
    (tmp_path / "worse_for_inboxd.py").write_text("1 / 0")
    information = tmp_path / "shelf_for_inboxd-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)


def config_of(folder: Path, destination: str) -> Path:
    path = folder / "inboxd.yaml"
    path.write_text(
        "state: state\ninboxes:\n  a: {path: inbox}\n"
        f"destinations:\n  there: {destination}\nocr: {{engine: eagle}}\n"
    )
    return path


@pytest.mark.usefixtures("installed")
def test_a_type_and_an_engine_of_another_package(tmp_path: Path) -> None:
    """They are known like our own."""
    config = load(config_of(tmp_path, "{type: shelf, options: {shelf: 3}}"))
    there = config.destinations["there"]
    assert isinstance(there, PluginDestinationConfig)
    assert there.options == {"shelf": 3}
    assert config.ocr.engine == "eagle"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("destination", "said"),
    [
        (
            "{type: shelf, options: {shelf: high}}",
            ":5:41: destinations.there.options.shelf: write a whole number",
        ),
        ("{type: shelf, options: {shelf: 1, shelv: 2}}", "did you mean shelf?"),
        ("{type: shelf}", "destinations.there.options.shelf: is missing"),
        ("{type: shelf, shelf: 3}", "destinations.there.shelf: this key is not known here"),
        ("{type: bare}", "the package that provides bare is broken"),
        ("{type: gone}", "the package that provides gone is broken"),
        ("{type: worse}", "the package that provides worse is broken: ZeroDivisionError"),
        ("{type: shelve}", "did you mean shelf?"),
    ],
)
def test_their_options_are_checked_by_their_own_model(
    tmp_path: Path, destination: str, said: str
) -> None:
    """With place and plain words, as for ours."""
    with pytest.raises(ConfigError) as caught:
        load(config_of(tmp_path, destination))
    assert said in str(caught.value)


@pytest.mark.usefixtures("installed")
def test_a_check_of_theirs_that_fails(tmp_path: Path) -> None:
    """It is told as a fault of the destination, beside all the others."""
    (tmp_path / "inbox").mkdir()
    path = config_of(tmp_path, "{type: angry}")
    path.write_text(path.read_text().replace("path: inbox", "path: inbox, read: none"))
    checked = CliRunner().invoke(app, ["check", "-c", str(path)])
    assert checked.exit_code == 2
    assert "destinations.there: type angry is broken: RuntimeError('not today')" in checked.stderr
