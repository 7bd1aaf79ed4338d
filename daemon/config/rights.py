"""Whether others than its owner may write something: then it is they who decide what it says."""

from __future__ import annotations

import grp
import os
import pwd
import stat


def writers(status: os.stat_result) -> str | None:
    """Who else may write a file or folder, in words; None where only its owner may.

    A group that has its owner as its only member, as many systems give one to each user, is its
    owner. The superuser, who may write everything, does not count.
    """
    if status.st_mode & stat.S_IWOTH:
        return "everyone"
    if status.st_mode & stat.S_IWGRP and not _is_private(status.st_gid, status.st_uid):
        return f"the group {_group_name(status.st_gid)}"
    return None


def _is_private(group: int, user: int) -> bool:
    """Whether a group is the own one of a user, with nobody else in it."""
    if group == 0:
        return True
    try:
        owner = pwd.getpwuid(user)
        members = set(grp.getgrgid(group).gr_mem) - {owner.pw_name}
    except KeyError:
        return False
    return owner.pw_gid == group and not members


def _group_name(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)
