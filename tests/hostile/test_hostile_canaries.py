"""Canaries: secrets of every kind, and the text of documents, sought in all that a run leaves."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from daemon.clock import SystemClock
from daemon.jobs.model import ENDS
from daemon.jobs.state_folder import StateFolder
from tests.exchange import Exchange
from tests.hostile.test_hostile_corpus import files_in
from tests.receiver import Receiver, Reply
from tests.reliability.report import Outcome
from tests.validation.samples import pdf, stream
from tests.waiting import wait_until

TEXT = "CANARYDOCUMENT 8842"
KINDS = ("bearer", "basic", "digest", "header", "davpass", "tustoken", "accesskey", "awssecret",
         "awstoken", "cloudsecret", "ocrkey", "headervalue", "urltoken", "netrc")  # fmt: skip
SECRETS = {kind: f"canary{kind}+7d/5f%0" for kind in KINDS}
OF_SECRETS = "secrets of every kind, servers that repeat them, debug level"
OF_TEXT = "the text of documents"
OF_REDIRECTS = "a redirect with credentials, proxies and a .netrc in the environment"
FILES = 3
RETRY = "retry: {attempts: 2, initial: 10ms, max: 20ms, give_up_after: 100ms}"


def echo(code: int) -> Reply:
    """Take the file, and repeat all that was said in the answer, as careless servers do."""

    def reply(exchange: Exchange) -> None:
        exchange.read_body()
        error = str(exchange.headers)
        said = {"url": exchange.path, "message": exchange.headers, "error": error}
        spoken = exchange.headers.get("authorization", "nothing")
        exchange.answer(
            code, {"X-Echo": spoken, "Location": exchange.path}, json.dumps(said).encode()
        )

    return reply


@dataclass
class World:
    """A folder with a configuration that has secrets of all kinds, and its servers."""

    folder: Path
    good: Receiver
    bad: Receiver
    trap: Receiver
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        credentials = self.folder / "credentials"
        credentials.mkdir()
        for kind, secret in SECRETS.items():
            (credentials / kind).write_text(secret + "\n")
        named = {f"C_{kind.upper()}": secret for kind, secret in SECRETS.items()}
        netrc = self.folder / "netrc"
        netrc.write_text(f"machine 127.0.0.1 login u password {SECRETS['netrc']}\n")
        proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), self.trap.plain_url)
        self.environment = {
            **{name: value for name, value in os.environ.items() if name.lower() != "no_proxy"},
            **named,
            **proxies,
            "NETRC": str(netrc),
            "CREDENTIALS_DIRECTORY": str(credentials),
        }
        for name in ("inbox", "ours", "archive"):
            (self.folder / name).mkdir()

    def destinations(self) -> dict[str, str]:
        """Each kind of secret, at a server that takes the file and at one that does not."""
        found: dict[str, str] = {"disk": "type: folder, path: archive"}
        for end, url in (("good", self.good.url), ("bad", self.bad.url)):
            token = f"auth: {{type: bearer, token_file: credentials/bearer}}, {RETRY}"
            basic = "{type: basic, username: u, password_env: C_BASIC}"
            digest = "{type: digest, username: u, password_env: C_DIGEST}"
            named = "{type: header, name: X-API-Key, credential: header}"
            share = "{type: basic, username: u, password_file: credentials/davpass}"
            tus = "{type: bearer, token_env: C_TUSTOKEN}"
            found |= {
                f"bearer-{end}": f"type: http, url: '{url}in', {token}",
                f"basic-{end}": f"type: http, url: '{url}in', auth: {basic}, {RETRY}",
                f"digest-{end}": f"type: http, url: '{url}in', auth: {digest}, {RETRY}",
                f"header-{end}": f"type: http, method: PUT, url: '{url}', auth: {named}, {RETRY}",
                f"plain-{end}": f"type: http, url: '{url}in?token=${{C_URLTOKEN}}', "
                f"headers: {{X-Secret: '${{C_HEADERVALUE}}'}}, {RETRY}",
                f"dav-{end}": f"type: webdav, url: '{url}dav', auth: {share}, {RETRY}",
                f"tus-{end}": f"type: tus, url: '{url}tus', auth: {tus}, {RETRY}",
                f"s3-{end}": f"type: s3, endpoint: '{url}', bucket: bucket, path_style: true, "
                "access_key_credential: accesskey, secret_key_env: C_AWSSECRET, "
                f"session_token_file: credentials/awstoken, {RETRY}",
                f"cloud-{end}": f"type: cloudinary, endpoint: '{url}', cloud: demo, api_key: '1', "
                f"api_secret_env: C_CLOUDSECRET, {RETRY}",
            }
        found["trapped"] = (
            f"type: http, url: '{self.bad.url}redirect', "
            f"auth: {{type: bearer, token_file: credentials/bearer}}, {RETRY}"
        )
        return found

    def write(self) -> Path:
        """The configuration: all destinations, all there is to log."""
        destinations = self.destinations()
        listed = "".join(f"  {name}: {{{keys}}}\n" for name, keys in destinations.items())
        path = self.folder / "inboxd.yaml"
        path.write_text(
            "state: state\ninboxes:\n  box:\n    path: inbox\n    settle: 50ms\n    read: text\n"
            f"    deliver: [{', '.join(destinations)}]\n"
            "  ours:\n    path: ours\n    done: ours-done\n    rejected: ours-rejected\n"
            "    work: ours-work\n    settle: 50ms\n    read: text\n    deliver: [disk]\n"
            f"destinations:\n{listed}"
            "log: {level: debug}\nmetrics: {listen: 127.0.0.1:0}\n"
        )
        return path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Three servers: one that takes all, one that refuses all, one that nobody should come to."""

    def refuse(exchange: Exchange) -> None:
        if exchange.path.startswith("/redirect"):
            exchange.read_body()
            exchange.answer(307, {"Location": f"{trap.url}caught"})
        elif "digest" in exchange.headers.get("authorization", "").lower():
            echo(403)(exchange)
        else:
            echo(400)(exchange)

    with (
        Receiver() as trap,
        Receiver(otherwise=echo(201)) as good,
        Receiver(otherwise=refuse, head=refuse) as bad,
    ):
        yield World(tmp_path, good, bad, trap)


def document(number: int) -> bytes:
    """A PDF with a text of its own, so that no OCR is needed to read it."""
    text = b"BT /F 24 Tf 20 60 Td (%s number %d) Tj ET" % (TEXT.encode(), number)
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    page = b"/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>"
    return pdf(stream(text), font, page=page, media="[0 0 500 200]")


def ended(folder: Path) -> int:
    """How many jobs have ended."""
    try:
        ledger = StateFolder(folder / "state").existing_ledger(SystemClock())
    except Exception:
        return 0
    try:
        return sum(job.state in ENDS for job in ledger.jobs(None, 100))
    finally:
        ledger.close()


def spellings(secret: str) -> list[bytes]:
    """A secret as it may be written down: plain, in a URL, in JSON, in base64 with a name."""
    pair = base64.b64encode(f"u:{secret}".encode())
    texts = {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1]}
    return [*(text.encode() for text in texts), base64.b64encode(secret.encode()), pair]


@pytest.mark.system
@pytest.mark.reliability(
    "Least privilege",
    {
        OF_SECRETS: "in no log, ledger, sidecar, status or error",
        OF_TEXT: "in the sidecar, and in no log, ledger, status or error",
        OF_REDIRECTS: "not followed, not asked, not used",
    },
)
def test_no_canary_gets_out(world: World, outcome: Outcome) -> None:
    """A whole run with failing and succeeding deliveries; then all that it left is searched."""
    config = world.write()
    with (world.folder / "log.txt").open("wb") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-X", "dev", "-m", "daemon", "run", "-c", str(config)],
            env=world.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        for number in range(FILES):
            (world.folder / "inbox" / f"{number}.pdf").write_bytes(document(number))
            (world.folder / "ours" / f"ours{number}.pdf").write_bytes(document(10 + number))
        wait_until(lambda: ended(world.folder) >= 2 * FILES, lambda: _log(world), 240)
        told = [_said(world, *words) for words in COMMANDS]
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(60)
    assert daemon.returncode == 0, _log(world)
    (world.folder / "told.txt").write_text("".join(told))
    found = sought(world.folder)
    assert found == []
    assert world.trap.requests == []
    sidecars = [path for path in files_in(world.folder) if path.name.endswith(".pdf.json")]
    assert len(sidecars) == 2 * FILES
    assert all(TEXT in path.read_text() for path in sidecars)
    came = {name for name in SECRETS if _arrived(world, SECRETS[name])}
    assert {"bearer", "basic", "header", "davpass", "urltoken", "headervalue"} <= came
    assert "netrc" not in came
    files = sum(1 for _ in files_in(world.folder))
    outcome(f"{len(SECRETS)} secrets, {files} files and {len(COMMANDS)} commands", OF_SECRETS)
    outcome("in the sidecars alone", OF_TEXT)
    outcome("the other server was never reached", OF_REDIRECTS)


COMMANDS = (("status",), ("status", "--json"), ("jobs",), ("jobs", "--json"), ("show", "0.pdf"),
            ("show", "0.pdf", "--json"), ("verify",), ("check",))  # fmt: skip


def _said(world: World, *words: str) -> str:
    command = [sys.executable, "-m", "daemon", words[0], *words[1:], "-c"]
    config = str(world.folder / "inboxd.yaml")
    done = subprocess.run(
        [*command, config], env=world.environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def sought(folder: Path) -> list[str]:
    """Where a canary was found that does not belong there."""
    found = []
    for path in files_in(folder):
        place = path.relative_to(folder)
        if place.parts[0] in ("credentials", "archive", "netrc") or path.suffix == ".pdf":
            continue
        content = path.read_bytes()
        for kind, secret in SECRETS.items():
            found += [f"{kind} in {place}" for word in spellings(secret) if word in content]
        if TEXT.encode() in content and not place.name.endswith(".pdf.json"):
            found.append(f"text in {place}")
    return sorted(set(found))


def _arrived(world: World, secret: str) -> bool:
    everything = str(
        [(r.path, dict(r.headers)) for r in (*world.good.requests, *world.bad.requests)]
    )
    return any(word.decode() in everything for word in spellings(secret))


def _log(world: World) -> str:
    return (world.folder / "log.txt").read_text()[-3000:]
