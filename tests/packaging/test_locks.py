"""The lock files answer to pyproject.toml and can be installed by plain pip."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.readme import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN = "requirements.lock"
DEVELOP = "requirements-dev.lock"


def pins(name: str) -> dict[str, set[str]]:
    """Every version that a lock file has for a project, by name; one for each Python at most."""
    found: dict[str, set[str]] = {}
    text = (ROOT / name).read_text()
    for project, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE):
        found.setdefault(canonicalize_name(project), set()).add(version)
    return found


def required(name: str) -> list[Requirement]:
    """What must be in a lock file."""
    project = PROJECT["project"]
    texts = [*project["dependencies"], *PROJECT["build-system"]["requires"]]
    if name == DEVELOP:
        extras = project["optional-dependencies"]
        texts += [*extras["test"], *extras["dev"]]
    return [wanted for text in texts if (wanted := Requirement(text)).name != "inboxd"]


@pytest.mark.parametrize("name", [RUN, DEVELOP])
def test_a_lock_satisfies_the_project(name: str) -> None:
    """Every dependency, and the build backend, is pinned to a version that the project takes."""
    pinned = pins(name)
    for wanted in required(name):
        versions = pinned.get(canonicalize_name(wanted.name), set())
        assert versions, f"{wanted} is not in {name}"
        assert all(wanted.specifier.contains(version) for version in versions), wanted


@pytest.mark.parametrize("name", [RUN, DEVELOP])
def test_every_pin_has_hashes_and_no_address(name: str) -> None:
    """Each version carries SHA-256 sums, and nothing names the index that it was made from."""
    text = (ROOT / name).read_text()
    blocks = re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text


def test_development_runs_on_what_is_shipped() -> None:
    """What both lock files name has the same version in both."""
    develop = pins(DEVELOP)
    assert {name: develop.get(name) for name in pins(RUN)} == pins(RUN)
