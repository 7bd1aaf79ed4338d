"""A small Debian that boots a real systemd in a folder, made once and copied for each run."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.readme import ROOT, shell_blocks

CACHE = Path("/var/cache/inboxd-ci")
LOCK = ROOT / "requirements.lock"
_INSIDE = Path(__file__).with_name("inside.py")
_CONFINING = "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self"
_UNIT = """\
[Unit]
Description=checks of inboxd
After=basic.target dbus.service
SuccessAction=poweroff
FailureAction=poweroff

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 /root/inside.py
TimeoutStartSec=540
Environment=PIP_NO_INDEX=1 PIP_FIND_LINKS=/root/wheels PIP_DISABLE_PIP_VERSION_CHECK=1
"""


@dataclass(frozen=True)
class Outcome:
    """What one check inside the machine found."""

    ok: bool
    detail: str


def boot_and_check(folder: Path) -> dict[str, Outcome]:
    """Boot a copy of Debian in `folder` with this checkout in it, and return what was found."""
    machine = folder / "machine"
    _run("cp", "-a", "--reflink=auto", str(_debian()), str(machine))
    home = machine / "root"
    _copy_checkout(home / "inboxd")
    shutil.copy(_INSIDE, home / "inside.py")
    (home / "install.sh").write_text(shell_blocks("Install as a service")[0])
    units = machine / "etc/systemd/system"
    (units / "inboxd-check.service").write_text(_UNIT)
    wanted = units / "multi-user.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / "inboxd-check.service").symlink_to("../inboxd-check.service")
    console = subprocess.run(
        [
            "systemd-nspawn",
            "--register=no",
            "--keep-unit",
            "--quiet",
            "--boot",
            # A container's own filter would withhold them; a real machine does not.
            f"--system-call-filter={_CONFINING}",
            f"--directory={machine}",
            f"--bind-ro={_wheels(machine)}:/root/wheels",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
        check=False,
    ).stdout.decode(errors="replace")
    results = home / "results.json"
    assert results.exists(), f"the machine came to no result; its console said:\n{console[-4000:]}"
    return {name: Outcome(**found) for name, found in json.loads(results.read_text()).items()}


def _debian() -> Path:
    """The root that machines are copied from: $INBOXD_TEST_ROOT, the cache, or made now."""
    if given := os.environ.get("INBOXD_TEST_ROOT"):
        return Path(given)
    root = CACHE / "debian"
    if not root.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = CACHE / f"debian.{os.getpid()}"
        packages = "systemd,systemd-sysv,dbus,python3,python3-venv"
        _run("debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(fresh))
        fresh.rename(root)
    return root


def _wheels(machine: Path) -> Path:
    """Wheels of all that the lock names, for the machine's Python; fetched once for each lock."""
    version = re.fullmatch(r"python(3\.\d+)", (machine / "usr/bin/python3").readlink().name)
    assert version is not None
    folder = CACHE / f"wheels-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}-{version[1]}"
    if not folder.exists():
        fresh = folder.with_suffix(f".{os.getpid()}")
        fresh.mkdir(parents=True)
        arch = platform.machine()
        platforms = [f"--platform=manylinux_2_{minor}_{arch}" for minor in range(36, 16, -1)]
        _run(
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
            "--only-binary=:all:", "--implementation=cp", f"--python-version={version[1]}",
            *platforms, f"--platform=manylinux2014_{arch}", f"--dest={fresh}", f"-r{LOCK}",
        )  # fmt: skip
        fresh.rename(folder)
    return folder


def _copy_checkout(target: Path) -> None:
    """Copy what git knows of the working tree, as a fresh clone would have it."""
    names = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    for name in filter(None, names.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout.decode()[-4000:]}"
