"""Runs inside the machine as root: installs the service as the README says, and tries it out.

Writes /root/results.json, one entry for each check. Needs nothing but Debian's own Python.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

CHECKOUT = Path("/root/inboxd")
SAMPLES = Path("/root/samples")
INBOX = Path("/srv/inboxd/inbox")
DONE = Path("/srv/inboxd/done")
REJECTED = Path("/srv/inboxd/rejected")
CONFIG = Path("/etc/inboxd/config.yaml")
SECRET = "canary-5f1e0b7a"
DRAW = """
import json, pathlib, sys
from daemon.demo.samples import draw_samples
folder = pathlib.Path(sys.argv[1])
folder.mkdir()
facts = {}
for seed in range(1, 4):
    for sample in draw_samples(seed):
        (folder / f"{seed}-{sample.name}").write_bytes(sample.data)
        facts[f"{seed}-{sample.name}"] = sample.facts and str(sample.facts.total)
print(json.dumps(facts))
"""


class Uploads(http.server.BaseHTTPRequestHandler):
    """Takes any upload and notes who it says it is from."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(self.headers.get("Authorization", ""))
        self.send_response(201)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


def run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} ended {done.returncode}:\n{done.stdout[-3000:]}"
    return done.stdout


def shown(name: str) -> str:
    return run("systemctl", "show", "--value", f"--property={name}", "inboxd").strip()


def journal() -> str:
    return run("journalctl", "--unit=inboxd", "--output=cat", "--no-pager")


def until(what: str, true: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def drop(name: str, as_name: str) -> None:
    part = INBOX / f"{as_name}.part"
    shutil.copy(SAMPLES / name, part)
    part.rename(INBOX / as_name)


def finished(name: str, folder: Path = DONE) -> dict[str, Any]:
    sidecar = folder / f"{name}.json"
    until(f"{sidecar}", lambda: sidecar.exists() and (folder / name).exists())
    facts: dict[str, Any] = json.loads(sidecar.read_text())
    return facts


def install() -> str:
    Path("/etc/credstore").mkdir(mode=0o700, exist_ok=True)
    Path("/etc/credstore/upload-token").write_text(SECRET + "\n")
    return run("bash", "-ex", "/root/install.sh", cwd=CHECKOUT)


def unit_is_sound() -> str:
    unit = "/etc/systemd/system/inboxd.service"
    said = run("systemd-analyze", "verify", unit)
    assert "inboxd" not in said, said
    report = run("systemd-analyze", "security", "--no-pager", "--offline=true", unit)
    exposure = re.search(r"exposure level for inboxd.service: ([0-9.]+)", report)
    assert exposure is not None, report
    assert float(exposure[1]) <= 1.2, report
    return exposure[1]


def ready() -> str:
    run("systemctl", "start", "inboxd")
    assert shown("ActiveState") == "active"
    assert shown("StatusText"), "the service says nothing of its state"
    return shown("StatusText")


def receipt_is_read() -> str:
    facts = json.loads(run("/opt/inboxd/bin/python", "-c", DRAW, str(SAMPLES)))
    drop("1-grocer-scan.jpg", "first.jpg")
    sidecar = finished("first.jpg")
    assert sidecar["status"] == "done", sidecar
    assert sidecar["receipt"]["total"]["value"] == facts["1-grocer-scan.jpg"], sidecar
    assert Path("/srv/inboxd/archive/first.jpg").read_bytes() == (DONE / "first.jpg").read_bytes()
    return f"total {facts['1-grocer-scan.jpg']}"


def state_folder_holds_only_state() -> str:
    names = sorted(path.name for path in Path("/var/lib/inboxd").iterdir())
    ours = ("ledger.sqlite3", "lock", "runtime.", "work.json")
    assert [name for name in names if not name.startswith(ours)] == [], names
    return ", ".join(names)


def broken_file_is_rejected() -> str:
    drop("1-cut-off-download.jpg", "cut.jpg")
    sidecar = finished("cut.jpg", REJECTED)
    assert sidecar["status"] == "rejected", sidecar
    return str(sidecar["error"])


def children_are_confined() -> str:
    """Under the unit's own filter of system calls a child adds its own, and Landlock is there."""
    main = shown("MainPID")
    own = _filters(Path(f"/proc/{main}/status"))[1]
    children: list[int] = []

    def confined() -> bool:
        found = [_filters(path) for path in Path("/proc").glob("[0-9]*/status")]
        children[:] = [filters for parent, filters in found if parent == int(main)]
        return bool(children) and set(children) == {own + 1}

    until(f"children with {own + 1} filters, not {children}", confined)
    assert "unconfined" not in journal()
    return f"{len(children)} children with {own + 1} filters"


def _filters(status: Path) -> tuple[int, int]:
    """The parent of a process, and how many filters of system calls it is under."""
    try:
        facts = dict(re.findall(r"(\w+):\t(.*)", status.read_text()))
    except OSError:
        return 0, 0
    return int(facts["PPid"]), int(facts.get("Seccomp_filters", 0))


def killed_and_back() -> str:
    names = [f"{seed}-diner-lunch.png" for seed in (1, 2, 3)]
    before = shown("MainPID")
    for name in names:
        drop(name, name)
    os.kill(int(before), signal.SIGKILL)
    until("the restart", lambda: shown("NRestarts") == "1" and shown("ActiveState") == "active")
    for name in names:
        assert finished(name)["status"] == "done"
    assert shown("MainPID") != before
    return f"{before} was replaced by {shown('MainPID')}"


def reloaded() -> str:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Uploads)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    text = CONFIG.read_text().replace("deliver: [archive]", "deliver: [archive, upload]")
    upload = (
        f"  upload: {{type: http, url: 'http://127.0.0.1:{server.server_port}/', "
        "auth: {type: bearer, credential: upload-token}}\n"
    )
    CONFIG.write_text(text.replace("destinations:\n", f"destinations:\n{upload}"))
    before = shown("MainPID")
    run("systemctl", "reload", "inboxd")
    until("the reload", lambda: "daemon.reloaded" in journal())
    drop("1-trattoria.heic", "reloaded.heic")
    assert finished("reloaded.heic")["status"] == "done"
    assert shown("MainPID") == before
    assert Uploads.seen == [f"Bearer {SECRET}"], Uploads.seen
    assert SECRET not in journal()
    return "the new destination was given the secret"


def stopped() -> str:
    started = time.monotonic()
    run("systemctl", "stop", "inboxd")
    seconds = time.monotonic() - started
    assert (shown("Result"), shown("ExecMainStatus")) == ("success", "0")
    until("its last word", lambda: "daemon.stopped" in journal())
    assert not [path for path in INBOX.iterdir() if not path.name.startswith(".")]
    assert not any(path.is_file() for path in Path("/srv/inboxd/work").iterdir())
    return f"{seconds:.1f} s"


def folders_and_ledger_agree() -> str:
    return run(
        "runuser", "-u", "inboxd", "--", "/opt/inboxd/bin/inboxd", "verify", "-c", str(CONFIG)
    )


CHECKS = (
    install,
    unit_is_sound,
    ready,
    receipt_is_read,
    state_folder_holds_only_state,
    broken_file_is_rejected,
    children_are_confined,
    killed_and_back,
    reloaded,
    stopped,
    folders_and_ledger_agree,
)


def main() -> None:
    results: dict[str, dict[str, object]] = {}
    for check in CHECKS:
        try:
            results[check.__name__] = {"ok": True, "detail": check()}
        except Exception:
            detail = f"{traceback.format_exc()}\nThe journal says:\n{journal()[-6000:]}"
            results[check.__name__] = {"ok": False, "detail": detail}
            if check in (install, ready):
                break  # nothing else can go well
    Path("/root/results.json").write_text(json.dumps(results))


main()
