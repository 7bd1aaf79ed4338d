"""The unit, its user, its folders and its first configuration fit each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config.load import load
from daemon.limits import DEFAULT
from tests.readme import ROOT, shell_blocks

FOLDER = ROOT / "systemd"


@pytest.fixture(scope="module")
def unit() -> dict[str, list[str]]:
    """Every setting of the unit with its values, in order."""
    settings: dict[str, list[str]] = {}
    for line in (FOLDER / "inboxd.service").read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            settings.setdefault(key, []).append(value)
    return settings


@pytest.fixture(scope="module")
def folders() -> dict[Path, list[str]]:
    """The folders that systemd-tmpfiles makes, with mode, user and group."""
    lines = (FOLDER / "inboxd.tmpfiles.conf").read_text().splitlines()
    fields = [line.split() for line in lines if line.startswith("d ")]
    return {Path(path): rest for _, path, *rest in fields}


def test_the_unit_waits_for_ready_and_minds_the_watchdog(unit: dict[str, list[str]]) -> None:
    """systemd hears from the main process, and kills it when it falls silent."""
    assert unit["Type"] == ["notify"]
    assert unit["NotifyAccess"] == ["main"]
    assert int(unit["WatchdogSec"][0]) > DEFAULT.canary_every + DEFAULT.canary_within


def test_a_stop_leaves_time_to_drain(unit: dict[str, list[str]]) -> None:
    """systemd waits longer than work under way may take, then ends what is left."""
    assert int(unit["TimeoutStopSec"][0]) > DEFAULT.drain_timeout
    assert unit["KillMode"] == ["mixed"]


def test_a_mistake_is_not_repeated_but_a_crash_is(unit: dict[str, list[str]]) -> None:
    """Exit codes 2 and 3 stay down; anything else starts again, however often."""
    assert unit["Restart"] == ["on-failure"]
    assert unit["RestartPreventExitStatus"] == ["2 3"]
    assert unit["StartLimitIntervalSec"] == ["0"]


def test_the_first_configuration_lives_in_the_folders_made_for_it(
    unit: dict[str, list[str]], folders: dict[Path, list[str]]
) -> None:
    """Each folder that it names exists, and all lie on the one mount that may be written."""
    config = load(FOLDER / "config.yaml", environment={})
    inbox = config.inboxes["receipts"]
    named = {inbox.path, inbox.work_folder, inbox.done_folder, inbox.rejected_folder}
    named.add(config.destinations["archive"].path)  # type: ignore[attr-defined]
    assert named == set(folders) - {Path("/srv/inboxd")}
    writable = Path(unit["ReadWritePaths"][0])
    assert all(writable in folder.parents for folder in named)
    assert config.state == Path("/var/lib") / unit["StateDirectory"][0]


def test_the_user_is_one_and_the_same(
    unit: dict[str, list[str]], folders: dict[Path, list[str]]
) -> None:
    """The unit runs as the user that is made, who owns the folders; work/ is the user's alone."""
    user = unit["User"][0]
    assert f"\nu {user} - " in (FOLDER / "inboxd.sysusers.conf").read_text()
    assert all(owner[1:3] == [user, user] for owner in folders.values())
    assert folders[Path("/srv/inboxd/work")][0] == "0700"


def test_the_readme_installs_every_service_file(unit: dict[str, list[str]]) -> None:
    """The install section puts each file of systemd/ in its place, and the program where the unit
    looks for it."""
    commands = shell_blocks("Install as a service")[0]
    for file in FOLDER.iterdir():
        assert f"systemd/{file.name} " in commands
    program, _, configuration = unit["ExecStart"][0].partition(" run -c ")
    assert f"venv {Path(program).parent.parent}\n" in commands
    assert f" {configuration}\n" in commands
