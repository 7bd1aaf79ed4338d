"""A link file leads to a file that takes the way of any other; without leave it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

import daemon.service
from daemon.fetching.fetch import Fetcher
from daemon.jobs.model import State, id_after
from daemon.pipeline.pipeline import Pipeline
from tests.fetching.test_fetch import Net, body, to
from tests.receiver import Receiver, ok, status
from tests.running import Daemon, http
from tests.waiting import wait_until

LINKS = 'links: {hosts: ["*.example.com", example.com], http: true, timeout: 2s}'
TEXT = b"A receipt of some length, as text: total 12.34\n" * 3
SHORTCUT = b"[InternetShortcut]\r\nURL=http://example.com/r?token=canary\r\n"


@pytest.fixture
def web() -> Iterator[Receiver]:
    """The one server of the internet."""
    with Receiver(otherwise=body(TEXT, "text/plain")) as web:
        yield web


@pytest.fixture
def net(web: Receiver, monkeypatch: pytest.MonkeyPatch) -> Net:
    """Daemons that see this internet."""
    net = Net(web)
    pipeline = partial(Pipeline, fetcher=Fetcher(net.resolve, net.dial))
    monkeypatch.setattr(daemon.service, "Pipeline", pipeline)
    return net


@pytest.mark.reliability("Link files", "a link to a file", "the file is delivered, not the link")
def test_what_a_link_leads_to_takes_the_way_of_any_file(
    tmp_path: Path, web: Receiver, net: Net
) -> None:
    """Under the link's name with the extension of what it is; both sidecars tell of the other."""
    with Receiver(otherwise=ok()) as server:
        inbox = f"accept: [text/plain]\ndeliver: [server]\n{LINKS}"
        with Daemon(tmp_path, inbox=inbox, rest=http(server.url)) as daemon:
            daemon.drop("march.url", SHORTCUT)
            daemon.wait_for(State.DONE, 2)
        assert [request.filename for request in server.requests] == ["march.txt"]
    assert (tmp_path / "done" / "march.txt").read_bytes() == TEXT
    link, file = daemon.sidecar("done", "march.url"), daemon.sidecar("done", "march.txt")
    assert file["job"] == id_after(link["job"])
    assert link["deliveries"] == []
    told = {check["check"]: check["detail"] for check in link["checks"]}
    assert told["link"] == "http://example.com/r"
    assert told["fetched"] == f"march.txt as job {file['job']}"
    source = {check["check"]: check["detail"] for check in file["checks"]}["fetched"]
    assert source == f"http://example.com/r, named by march.url (job {link['job']})"
    everything = b"".join(p.read_bytes() for p in tmp_path.rglob("*.json"))
    assert b"canary" not in everything


@pytest.mark.parametrize(
    ("accept", "state"), [("[application/pdf]", State.REJECTED), ('["*/*"]', State.DONE)]
)
def test_without_leave_nothing_is_asked(
    tmp_path: Path, net: Net, accept: str, state: State
) -> None:
    """It is refused with its own code, or taken as a file where any file is."""
    with Daemon(tmp_path, inbox=f"accept: {accept}") as daemon:
        daemon.drop("march.url", SHORTCUT)
        (job,) = daemon.wait_for(state)
    assert net.dialled == []
    if state is State.REJECTED:
        assert daemon.sidecar("rejected", "march.url")["error"]["code"] == "link_file"
    assert job.name == "march.url"


@pytest.mark.parametrize(
    ("content", "reply", "code"),
    [
        (SHORTCUT, to("http://169.254.169.254/"), "link_refused"),
        (SHORTCUT, body(b"<html>", "text/html"), "link_type"),
        (SHORTCUT, status(404), "link_failed"),
        (b"[InternetShortcut]\nURL=http://evil.net/\n", status(200), "link_refused"),
        (b"[InternetShortcut]\n", status(200), "damaged"),
        (SHORTCUT + b"\n" * 70_000, status(200), "too_large"),
    ],
)
def test_a_link_that_leads_nowhere_good_is_refused(
    tmp_path: Path, web: Receiver, net: Net, content: bytes, reply: object, code: str
) -> None:
    """It lies in rejected/ with the reason, and nothing else is left."""
    web.script(reply)  # type: ignore[arg-type]
    with Daemon(tmp_path, inbox=f"accept: [text/plain]\n{LINKS}") as daemon:
        daemon.drop("march.url", content)
        daemon.wait_for(State.REJECTED)
    assert daemon.sidecar("rejected", "march.url")["error"]["code"] == code
    assert len(daemon.jobs()) == 1
    assert list(daemon.work.iterdir()) == []


def test_what_is_fetched_is_judged_by_its_content(tmp_path: Path, web: Receiver, net: Net) -> None:
    """A server that says text/plain and sends a program is not believed."""
    web.script(body(b"\x7fELF\x02\x01\x01" + b"\0" * 200, "text/plain"))
    with Daemon(tmp_path, inbox=f"accept: [text/plain]\n{LINKS}") as daemon:
        daemon.drop("march.url", SHORTCUT)
        daemon.wait_for(State.REJECTED)
        daemon.wait_for(State.DONE)
    codes = {job.name: job.state for job in daemon.jobs()}
    assert codes["march.url"] is State.DONE
    assert [state for name, state in codes.items() if name != "march.url"] == [State.REJECTED]


def test_a_server_that_is_away_is_asked_again(
    tmp_path: Path, web: Receiver, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link waits; it is not to blame."""
    monkeypatch.setattr("daemon.pipeline.following._AGAIN", 0.1)
    web.script(status(503), status(503))
    with Daemon(tmp_path, inbox=f"accept: [text/plain]\n{LINKS}") as daemon:
        daemon.drop("march.url", SHORTCUT)
        daemon.wait_for(State.DONE, 2)
    assert len(net.dialled) == 3
    wait_until(lambda: not any(daemon.work.iterdir()), "work/ to be empty")
