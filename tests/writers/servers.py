"""Servers by which files arrive, each on loopback, on a free port, with its own configuration."""

from __future__ import annotations

import contextlib
import http.server
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Ssh:
    """An sshd that root may log in to with a key."""

    port: int
    key: Path

    @property
    def options(self) -> list[str]:
        """What scp and sftp need to know; the port is given by `-P` to both."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        return ["-i", str(self.key), *(word for option in options for word in ("-o", option))]


@contextlib.contextmanager
def sshd(folder: Path) -> Iterator[Ssh]:
    """OpenSSH with its own keys."""
    folder.mkdir()
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    port = _free_port()
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\nPidFile none\n"
        "PermitRootLogin yes\nSubsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with _running([_program("sshd"), "-D", "-e", "-f", str(config)], folder / "log", port):
        yield Ssh(port, folder / "user")


@contextlib.contextmanager
def smbd(folder: Path, share: Path) -> Iterator[int]:
    """Samba with one share `box` that guests may write to; yields its port."""
    folder.mkdir()
    port = _free_port()
    kept = ("private dir", "lock directory", "state directory", "cache directory", "pid directory")
    lines = [f"{name} = {folder}" for name in (*kept, "ncalrpc dir", "binddns dir")]
    config = folder / "smb.conf"
    config.write_text(
        "[global]\n" + "\n".join(lines) + f"\nsmb ports = {port}\ninterfaces = lo\n"
        "bind interfaces only = yes\nmap to guest = Bad User\nload printers = no\n"
        f"disable spoolss = yes\nlog file = {folder}/log\nserver role = standalone server\n"
        f"[box]\npath = {share}\nguest ok = yes\nread only = no\nforce user = root\n"
    )
    command = [_program("smbd"), "--foreground", "--no-process-group", f"--configfile={config}"]
    with _running(command, folder / "output", port):
        yield port


@contextlib.contextmanager
def vsftpd(folder: Path, root: Path) -> Iterator[int]:
    """vsftpd, which lets anonymous users upload to `inbox` below `root`; yields its port."""
    folder.mkdir()
    shutil.chown(root / "inbox", "ftp")
    port = _free_port()
    config = folder / "vsftpd.conf"
    config.write_text(
        f"listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\n"
        "anonymous_enable=YES\nno_anon_password=YES\nanon_upload_enable=YES\nwrite_enable=YES\n"
        f"anon_root={root}\nanon_umask=022\nseccomp_sandbox=NO\n"
        "anon_other_write_enable=YES\nconnect_from_port_20=NO\nanon_max_rate=500000\n"
    )
    with _running([_program("vsftpd"), str(config)], folder / "log", port):
        yield port


@contextlib.contextmanager
def web(root: Path) -> Iterator[str]:
    """A web server with the files below `root`; yields its address, ending in a slash."""
    handler = partial(_Silent, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found is not None, f"{name} is not installed"
    return found


@contextlib.contextmanager
def _running(command: list[str], log: Path, port: int) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_until(
            lambda: _answers(port) or process.poll() is not None,
            lambda: f"{command[0]} to answer: {log.read_text()}",
        )
        assert process.poll() is None, log.read_text()
        yield
    finally:
        # It has children of its own, one for each connection.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(60)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port: int = chosen.getsockname()[1]
        return port
