"""Files that come from elsewhere, by the programs that people use for it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.writers.conftest import Arrive, bring
from tests.writers.servers import smbd, sshd, vsftpd, web

pytestmark = pytest.mark.system
ONCE = "taken whole, once"
TREE = "recursive: true\n    settle: 200ms"
_NO_TIMES = 23
"""rsync was to set the times of a file that was taken the moment it was whole."""


@pytest.mark.reliability("Real writers", "rsync", ONCE)
def test_rsync(arrive: Arrive, sources: Path) -> None:
    """It writes under a hidden name and renames."""
    arrivals = arrive(TREE)
    arrivals.expect(*sources.rglob("*.bin"))
    subprocess.run(["rsync", "-a", "--bwlimit=1000", f"{sources}/", arrivals.inbox], check=True)
    arrivals.check()


@pytest.mark.reliability("Real writers", "rsync --inplace", ONCE)
def test_rsync_in_place(arrive: Arrive, source: Path) -> None:
    """It writes under the final name; what it sets after closing finds the file gone."""
    arrivals = arrive()
    arrivals.expect(source)
    command = ["rsync", "-a", "--inplace", "--bwlimit=1000", str(source), str(arrivals.inbox)]
    result = subprocess.run(command, check=False, capture_output=True)
    assert result.returncode in (0, _NO_TIMES), result.stderr
    arrivals.check()


@pytest.mark.reliability("Real writers", "{way}", ONCE)
@pytest.mark.parametrize("way", ["scp", "scp of old (-O)", "sftp"])
def test_by_ssh(way: str, arrive: Arrive, source: Path, tmp_path: Path) -> None:
    """Over a real sshd, slowly."""
    arrivals = arrive()
    arrivals.expect(source)
    with sshd(tmp_path / "ssh") as server:
        common = [*server.options, "-P", str(server.port), "-l", "4000"]
        target = f"root@127.0.0.1:{arrivals.inbox}/"
        if way == "sftp":
            orders = f"put -p {source} {arrivals.inbox}/put.bin\n"
            command = ["sftp", *common, "-b", "-", "root@127.0.0.1"]
            subprocess.run(command, input=orders.encode(), check=True, capture_output=True)
        else:
            old = ["-O"] if "-O" in way else []
            bring("scp", "-p", *old, *common, source, target)
        arrivals.check()


@pytest.mark.reliability("Real writers", "{command}", ONCE)
@pytest.mark.parametrize("command", ["curl -o", "curl -R -o", "wget -O", "wget"])
def test_a_download(command: str, arrive: Arrive, source: Path) -> None:
    """It grows under its final name for more than half a second."""
    arrivals = arrive()
    arrivals.expect(source)
    program, *options = command.split()
    limit = "--limit-rate=500k" if program == "wget" else "--limit-rate 500k"
    with web(source.parent) as address:
        full = [program, *limit.split(), *options]
        target = [str(arrivals.inbox / "down.bin")] if "-o" in command or "-O" in command else []
        subprocess.run(
            [*full, *target, address + source.name],
            cwd=arrivals.inbox,
            check=True,
            capture_output=True,
        )
        arrivals.check()


@pytest.mark.reliability("Real writers", "{order} to Samba", ONCE)
@pytest.mark.parametrize("order", ["put", "mput"])
def test_samba(order: str, arrive: Arrive, sources: Path, tmp_path: Path) -> None:
    """smbclient to a real smbd."""
    arrivals = arrive()
    (folder, *_) = sources.glob("*2/deep")
    for number in range(3):
        (folder / f"more {number}.bin").write_bytes(os.urandom(2_000_000))
    arrivals.expect(*folder.iterdir())
    orders = "prompt OFF; mput *.bin"
    if order == "put":
        orders = "; ".join(f'put "{path.name}"' for path in folder.iterdir())
    with smbd(tmp_path / "smb", arrivals.inbox) as port:
        command = ["smbclient", "//127.0.0.1/box", "-N", "-p", str(port), "-c", orders]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        arrivals.check()


@pytest.mark.reliability("Real writers", "{order} to vsftpd", ONCE)
@pytest.mark.parametrize("order", ["STOR", "REST and STOR", "STOR and RNTO"])
def test_ftp(order: str, arrive: Arrive, source: Path, tmp_path: Path) -> None:
    """curl to a real vsftpd, slowly; by way of a hidden name as many clients do."""
    arrivals = arrive()
    arrivals.expect(source)
    with vsftpd(tmp_path / "ftp", arrivals.folder) as port:
        address = f"ftp://127.0.0.1:{port}/inbox/"
        upload = ["curl", "-sS", "--limit-rate", "500k", "-T", str(source)]
        if order == "STOR":
            subprocess.run([*upload, address], check=True)
        elif order == "STOR and RNTO":
            rename = ["-Q", "-CWD /inbox", "-Q", "-RNFR .up.part", "-Q", "-RNTO up.bin"]
            subprocess.run([*upload, address + ".up.part", *rename], check=True)
        else:
            half = source.stat().st_size // 2
            (arrivals.inbox / "later.part").write_bytes(source.read_bytes()[:half])
            (arrivals.inbox / "later.part").chmod(0o666)
            rename = ["-Q", "-CWD /inbox", "-Q", "-RNFR later.part", "-Q", "-RNTO up.bin"]
            resume = ["-C", str(half), address + "later.part"]
            subprocess.run([*upload, *resume, *rename], check=True)
        arrivals.check()
