"""/metrics, /healthz and /readyz over a real socket."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from daemon.errors import EnvironmentFaultError, LedgerError
from daemon.observing.endpoint import Endpoint
from daemon.observing.health import Health
from daemon.observing.metrics import Metrics


@pytest.fixture
def health() -> list[Health]:
    return [Health(alive=True, healthy=True, ready=False, reasons=("inbox box: missing",))]


@pytest.fixture
def url(health: list[Health]) -> Iterator[str]:
    metrics = Metrics()
    metrics.job_ended("box", "done", 0.2)
    lane = {
        "in_flight": 2,
        "waiting": 7,
        "limit": 3,
        "interval": 0.5,
        "paused_for": 1.5,
        "down": True,
    }
    metrics.watch_lanes(lambda: {"server": lane})
    endpoint = Endpoint(
        "127.0.0.1:0", lambda: metrics.render({"box": {"parked": 3}}), lambda: health[-1]
    )
    yield f"http://{endpoint.address}"
    endpoint.close()


def _get(url: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=60)


def test_metrics_are_in_the_text_format(url: str) -> None:
    """Counts of what ended, and of what waits."""
    text = _get(f"{url}/metrics").text
    assert 'inboxd_jobs_total{inbox="box",state="done"} 1.0' in text
    assert 'inboxd_jobs_waiting{inbox="box",state="parked"} 3.0' in text
    assert 'inboxd_deliveries_in_flight{destination="server"} 2.0' in text
    assert 'inboxd_deliveries_limit{destination="server"} 3.0' in text
    assert 'inboxd_deliveries_interval_seconds{destination="server"} 0.5' in text
    assert 'inboxd_destination_paused_seconds{destination="server"} 1.5' in text
    assert 'inboxd_destination_down{destination="server"} 1.0' in text


def test_a_scraper_understands_the_metrics(url: str) -> None:
    """They are announced as the text format, and Prometheus' own parser reads every line."""
    answer = _get(f"{url}/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert families["inboxd_job_seconds"].type == "histogram"
    assert all(family.documentation for family in families.values())
    assert all(name.startswith("inboxd_") for name in families)


def test_names_of_people_do_not_break_the_format() -> None:
    """Quotes, backslashes and line breaks in a name stay inside their label."""
    name = 'a "b"\\\n# TYPE c {é}'
    text = Metrics().render({name: {"parked": 3}}).decode()
    waiting = [
        sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "inboxd_jobs_waiting" and sample.labels["state"] == "parked"
    ]
    assert [(sample.labels["inbox"], sample.value) for sample in waiting] == [(name, 3.0)]


def test_a_ledger_that_cannot_be_read_is_said_so(health: list[Health]) -> None:
    """A scraper gets an answer it knows to be none, and a person the reason."""

    def broken() -> bytes:
        raise LedgerError("ledger_unreadable", "the disk is gone")

    endpoint = Endpoint("127.0.0.1:0", broken, lambda: health[-1])
    try:
        answer = _get(f"http://{endpoint.address}/metrics")
    finally:
        endpoint.close()
    assert (answer.status_code, answer.text) == (503, "ledger_unreadable: the disk is gone\n")


def test_a_client_that_hangs_up_leaves_no_trace(
    health: list[Health], capfd: pytest.CaptureFixture[str]
) -> None:
    """stderr is for events only, whatever a scraper does."""
    asked, gone, over = threading.Event(), threading.Event(), threading.Event()

    def metrics() -> bytes:
        asked.set()
        assert gone.wait(60)
        over.set()
        return bytes(5_000_000)

    endpoint = Endpoint("127.0.0.1:0", metrics, lambda: health[-1])
    host, _, port = endpoint.address.rpartition(":")
    with socket.create_connection((host, int(port))) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert asked.wait(60)
    gone.set()
    assert over.wait(60)
    for thread in threading.enumerate():
        if "process_request_thread" in thread.name:
            thread.join(60)
    endpoint.close()
    assert capfd.readouterr().err == ""


def test_health_and_readiness_are_told_apart(url: str) -> None:
    """Healthy means proven sight and a written ledger, ready means that nothing waits for us."""
    assert _get(f"{url}/healthz").status_code == 200
    answer = _get(f"{url}/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ok": False, "reasons": ["inbox box: missing"]}


def test_a_query_changes_nothing_and_head_has_no_body(url: str) -> None:
    """Scrapers add parameters, load balancers ask with HEAD."""
    assert _get(f"{url}/metrics?job=inboxd").text == _get(f"{url}/metrics").text
    with requests.Session() as session:
        session.trust_env = False
        answer = session.head(f"{url}/healthz", timeout=60)
    assert (answer.status_code, answer.text) == (200, "")


def test_it_listens_on_ipv6(health: list[Health]) -> None:
    """An address in brackets, as in a URL."""
    endpoint = Endpoint("[::1]:0", lambda: b"", lambda: health[-1])
    try:
        assert _get(f"http://{endpoint.address}/healthz").status_code == 200
    finally:
        endpoint.close()


def test_anything_else_is_not_found(url: str) -> None:
    """Nothing of the file system is served."""
    assert _get(f"{url}/../etc/passwd").status_code == 404


def test_a_port_in_use_is_one_clear_error() -> None:
    """With the key that names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(EnvironmentFaultError, match=r"metrics\.listen"):
            Endpoint(listen, lambda: b"", lambda: Health(True, True, True, ()))
