"""The service on a real systemd, installed with the commands of the README."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping

import pytest

from tests.system.machine import Outcome, boot_and_check

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Outcome]]:
    """What one boot found; every test looks at one check of it."""
    folder = tmp_path_factory.mktemp("boot")
    yield boot_and_check(folder)
    shutil.rmtree(folder)  # a whole Debian is not worth keeping


def passed(outcomes: Mapping[str, Outcome], check: str) -> None:
    """Assert that a check was reached and went well."""
    assert check in outcomes, f"not reached; before it: {list(outcomes)[-1]} failed"
    assert outcomes[check].ok, outcomes[check].detail


def test_the_readme_installs_the_service(outcomes: Mapping[str, Outcome]) -> None:
    """The commands of the install section work on a Debian with nothing but Python."""
    passed(outcomes, "install")


def test_the_unit_is_sound_and_hardened(outcomes: Mapping[str, Outcome]) -> None:
    """systemd finds no fault in the unit and rates its exposure 1.2 or less."""
    passed(outcomes, "unit_is_sound")


def test_the_service_says_when_it_is_ready(outcomes: Mapping[str, Outcome]) -> None:
    """Starting waits for READY, and the status line says how it stands."""
    passed(outcomes, "ready")


def test_a_dropped_receipt_is_delivered_and_read(outcomes: Mapping[str, Outcome]) -> None:
    """Under the unit's hardening a receipt reaches its destination and its total is read."""
    passed(outcomes, "receipt_is_read")


def test_no_library_keeps_notes_of_its_own(outcomes: Mapping[str, Outcome]) -> None:
    """Nothing but our own notes lies in the state folder: onnxruntime would
    keep an identity of the machine there and send it home."""
    passed(outcomes, "state_folder_holds_only_state")


def test_a_broken_file_is_rejected(outcomes: Mapping[str, Outcome]) -> None:
    """A cut-off picture lands in rejected/ with its sidecar."""
    passed(outcomes, "broken_file_is_rejected")


@pytest.mark.reliability(
    "Least privilege", "parsers of the installed service", "confined under the unit's hardening"
)
def test_children_are_confined(outcomes: Mapping[str, Outcome]) -> None:
    """The unit lets the children give up what they can."""
    passed(outcomes, "children_are_confined")


def test_a_killed_service_comes_back_and_finishes(outcomes: Mapping[str, Outcome]) -> None:
    """After kill -9 systemd starts it again, and the files under way are finished."""
    passed(outcomes, "killed_and_back")


def test_a_reload_takes_the_new_configuration(outcomes: Mapping[str, Outcome]) -> None:
    """A reload keeps the process, adds a destination and gives it its credential unlogged."""
    passed(outcomes, "reloaded")


def test_the_service_stops_cleanly(outcomes: Mapping[str, Outcome]) -> None:
    """Stopping ends with success, and no file is left under way."""
    passed(outcomes, "stopped")


def test_folders_and_ledger_agree_afterwards(outcomes: Mapping[str, Outcome]) -> None:
    """`inboxd verify`, run as the service's user, has nothing to complain of."""
    passed(outcomes, "folders_and_ledger_agree")
