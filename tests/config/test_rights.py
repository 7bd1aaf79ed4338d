"""A configuration that others may change is not ours, nor is a state folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import daemon
from daemon.clock import SystemClock
from daemon.config.load import load
from daemon.config.rights import writers
from daemon.errors import ConfigError, EnvironmentFaultError
from daemon.jobs.state_folder import StateFolder
from tests.config.writing import GOOD, complaints, written


@pytest.mark.reliability(
    "Least privilege", "a configuration that everyone may write", "refused at the start"
)
def test_a_configuration_that_everyone_may_write(tmp_path: Path) -> None:
    """Whoever may write it says where files and secrets go; a start is refused with advice."""
    path = written(tmp_path, GOOD)
    path.chmod(0o646)
    (only,) = _refused(path)
    assert "everyone may write it" in only
    assert "chmod go-w inboxd.yaml" in only
    path.chmod(0o644)
    load(path)


def _refused(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return [str(problem) for problem in caught.value.problems]


def test_a_group_is_others_unless_it_is_its_owners_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group with nobody else in it, as many systems give to each user, is its owner."""
    path = written(tmp_path, GOOD)
    path.chmod(0o664)
    mine = os.stat_result([*path.stat()[:4], 4711, 4712, *path.stat()[6:]])

    class Person:
        pw_name, pw_gid = "ada", 4712

    class Group:
        gr_name: str = "ada"
        gr_mem: tuple[str, ...] = ("ada",)

    monkeypatch.setattr("pwd.getpwuid", lambda _: Person)
    monkeypatch.setattr("grp.getgrgid", lambda _: Group)
    assert writers(mine) is None
    Group.gr_mem = ("ada", "bob")
    assert writers(mine) == "the group ada"
    Group.gr_mem = ()
    Person.pw_gid = 100
    assert writers(mine) == "the group ada"


def test_a_group_that_has_no_name_is_others(tmp_path: Path) -> None:
    """It is told by its number."""
    path = written(tmp_path, GOOD)
    path.chmod(0o664)
    nobodys = os.stat_result([*path.stat()[:4], 4000000, 4000001, *path.stat()[6:]])
    assert writers(nobodys) == "the group 4000001"


def test_a_folder_in_which_everyone_may_replace_it(tmp_path: Path) -> None:
    """A file is as safe as its name; where only owners may rename, as in /tmp, it is."""
    path = written(tmp_path, GOOD)
    tmp_path.chmod(0o777)
    (only,) = _refused(path)
    assert "may put another file in its place" in only
    tmp_path.chmod(0o1777)
    load(path)


@pytest.mark.reliability(
    "Least privilege", "a state folder that everyone may write", "refused at the start: state_open"
)
def test_a_state_folder_that_others_may_write(tmp_path: Path) -> None:
    """What is in it cannot be trusted; nothing is made or changed in it."""
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(EnvironmentFaultError, match="chmod 700") as caught:
        StateFolder(folder).open_ledger(SystemClock())
    assert caught.value.code == "state_open"
    assert list(folder.iterdir()) == []


def test_a_state_folder_that_others_may_read_is_closed(tmp_path: Path) -> None:
    """Names of files and answers of servers are nobody else's business."""
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(0o755)
    StateFolder(folder).open_ledger(SystemClock()).close()
    assert folder.stat().st_mode & 0o007 == 0


@pytest.mark.reliability(
    "Least privilege",
    "an inbox that overlaps the program, the configuration, the state or an end folder",
    "refused at the start",
)
def test_an_inbox_that_overlaps_what_is_not_to_be_dropped_into(tmp_path: Path) -> None:
    """Who may drop files must not be able to change what runs, or what it remembers."""
    code = Path(daemon.__file__).parent
    ends = "    done: /srv/d\n    rejected: /srv/r\n    work: /srv/w\n"

    def said(inbox: object, state: str = "/srv/s") -> str:
        text = f"state: {state}\ninboxes:\n  a:\n    path: {inbox}\n"
        return "\n".join(complaints(tmp_path, text + ends))

    assert "whoever drops files could change what runs" in said(code)
    assert "whoever drops files could change what runs" in said(code / "in" / "here")
    assert "whoever drops files could change what runs" in said(Path(os.__file__).parent)
    assert "whoever drops files could change what runs" in said(code.parent)
    assert "this configuration file lies in the inbox" in said(tmp_path.parent)
    assert "lies in the inbox a" in said("/srv", state="/srv/s/s")
    assert "which is for the daemon alone" in said("/srv/s/in")
    assert "lies in its own done folder" in said("/srv/d/in")
    assert "lies in its own rejected folder" in said("/srv/r/in")
    assert "is the inbox itself" in said("/srv/d")
