"""A benchmark measures what arrives, and cleans up after itself, however it ends."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from daemon.config.destinations import FolderDestinationConfig
from daemon.delivery.benchmark import PREFIX, Report, Row, measure, new_report, quantile
from daemon.delivery.destination import Destination
from daemon.delivery.folder.destination import FolderDestination
from daemon.errors import Kind
from tests.delivery.parcels import http_destination, never
from tests.delivery.tus_receiver import TusReceiver
from tests.delivery.tus_sides import tus_destination
from tests.exchange import Exchange, Reply
from tests.receiver import Receiver, lost_answer, ok, status


def measured(
    destination: Destination,
    sizes: list[int],
    workers: list[int],
    repeats: int,
    *,
    stop: threading.Event | None = None,
    scratch: Path | None = None,
) -> Report:
    report = new_report()
    try:
        measure(
            destination,
            sizes,
            workers,
            repeats,
            report=report,
            stop=stop or never(),
            scratch=scratch,
        )
    finally:
        destination.close()
    return report


def by_method(**replies: Reply) -> Reply:
    """Answers each method in its own way."""

    def reply(exchange: Exchange) -> None:
        replies[exchange.method](exchange)

    return reply


def folder(path: Path) -> FolderDestination:
    config = FolderDestinationConfig.model_validate({"type": "folder", "path": path})
    return FolderDestination("disk", config)


def test_every_size_meets_every_number_of_workers(tmp_path: Path) -> None:
    """One file goes first and is not counted; each other one has a name of its own."""
    seen: list[Row] = []
    report = new_report()
    with Receiver() as receiver:
        destination = http_destination(receiver.url, method="PUT")
        measure(
            destination,
            [0, 1000],
            [1, 2],
            5,
            report=report,
            stop=never(),
            on_row=seen.append,
            scratch=tmp_path,
        )
        destination.close()
        put = [request.path for request in receiver.requests if request.method == "PUT"]
    assert [(r.size, r.workers, r.delivered) for r in report.rows] == [
        (0, 1, 5),
        (0, 2, 5),
        (1000, 1, 5),
        (1000, 2, 5),
    ]
    assert report.rows == seen
    assert len(set(put)) == 21
    assert all(path.startswith(f"/{PREFIX}{report.run}-") for path in put)
    assert all((row.answer_p95 or 0) > 0 for row in seen)
    assert list(tmp_path.iterdir()) == []


def test_what_was_put_is_deleted() -> None:
    """A server that takes files back has none left."""
    with Receiver() as receiver:
        report = measured(http_destination(receiver.url, method="PUT"), [10], [2], 3)
        asked = [(request.method, request.path) for request in receiver.requests]
    put = sorted(path for method, path in asked if method == "PUT")
    assert sorted(path for method, path in asked if method == "DELETE") == put
    assert report.left_behind == []


@pytest.mark.parametrize(
    ("method", "path", "reply", "asked"),
    [
        ("POST", "", status(200), False),
        ("POST", "", status(201, Location="https://elsewhere.example/1"), False),
        ("PUT", "latest", status(201), False),
        ("PUT", "", by_method(PUT=status(201), DELETE=status(405)), True),
    ],
    ids=["not created", "elsewhere", "one address for all", "no DELETE"],
)
def test_what_stays_is_named(method: str, path: str, reply: Reply, asked: bool) -> None:
    """Where a file cannot be taken away, or that is not ours to ask, its place is told."""
    with Receiver(otherwise=reply) as receiver:
        destination = http_destination(receiver.url + path, method=method)
        report = measured(destination, [10], [1], 2)
        deletes = [request for request in receiver.requests if request.method == "DELETE"]
    assert [row.delivered for row in report.rows] == [2]
    assert len(report.left_behind) == 3
    assert all(place.startswith(("http", "inboxd-bench-")) for place in report.left_behind)
    assert bool(deletes) is asked


def test_a_folder(tmp_path: Path) -> None:
    """A folder is as empty afterwards as before."""
    target = tmp_path / "target"
    target.mkdir()
    report = measured(folder(target), [10], [1, 3], 4)
    assert [r.delivered for r in report.rows] == [4, 4]
    assert (report.left_behind, report.fault) == ([], None)
    assert list(target.iterdir()) == []


def test_errors_are_counted() -> None:
    """A failed delivery is a count by its code, and what the code means is told once."""
    with Receiver(ok(), status(204), otherwise=status(429)) as receiver:
        report = measured(http_destination(receiver.url, method="PUT"), [10], [2], 4)
    assert dict(report.rows[0].errors) == {"too_many_requests": 4}
    assert (report.rows[0].delivered, report.rows[0].files_per_second) == (0, 0)
    assert report.messages == {"too_many_requests": "the server asks for fewer requests (429)"}
    assert report.unsure == []


def test_nothing_is_measured_where_the_first_file_does_not_arrive() -> None:
    """A hundred more failures would say no more."""
    with Receiver(otherwise=status(401)) as receiver:
        report = measured(http_destination(receiver.url), [10, 20], [2], 50)
        assert len(receiver.requests) == 1
    assert report.rows == []
    assert report.fault is not None
    assert "check `auth`" in report.fault.message
    assert report.fault.kind is Kind.PERMANENT


def test_uploads_without_an_answer_are_named() -> None:
    """Nobody knows whether such a file arrived."""
    with Receiver(ok(), status(204), otherwise=lost_answer()) as receiver:
        report = measured(http_destination(receiver.url, method="PUT"), [10], [1], 2)
    assert [name.startswith(f"{PREFIX}{report.run}-") for name in report.unsure] == [True, True]


@pytest.mark.parametrize(("code", "unsure"), [(500, 1), (502, 1), (503, 0), (507, 0), (429, 0)])
def test_only_what_may_be_there_is_named(code: int, unsure: int) -> None:
    """A server that says that it is away, or full, has taken nothing."""
    with Receiver(otherwise=status(code)) as receiver:
        report = measured(http_destination(receiver.url), [10], [1], 1)
    assert len(report.unsure) == unsure


def test_a_stop_on_the_way(tmp_path: Path) -> None:
    """What was measured stays, what is under way ends, what was delivered is taken away."""
    stop = threading.Event()

    def stopping(exchange: Exchange) -> None:
        if len(receiver.requests) >= 6:
            stop.set()
        ok()(exchange)

    with Receiver(otherwise=stopping) as receiver:
        destination = http_destination(receiver.url, method="PUT")
        report = measured(destination, [10], [1, 2], 2, stop=stop, scratch=tmp_path)
        asked = [request.method for request in receiver.requests]
    assert [(row.workers, row.delivered) for row in report.rows] == [(1, 2)]
    assert asked.count("PUT") == asked.count("DELETE")
    assert report.fault is None
    assert list(tmp_path.iterdir()) == []


def test_a_stop_before_all(tmp_path: Path) -> None:
    """Nothing is sent, and nothing is left."""
    stop = threading.Event()
    stop.set()
    with Receiver() as receiver:
        report = measured(http_destination(receiver.url), [10], [1], 4, stop=stop, scratch=tmp_path)
        assert receiver.requests == []
    assert report.rows == []


def test_a_resumable_upload_that_failed_is_taken_away() -> None:
    """A server that keeps the beginnings of uploads is rid of ours."""
    with TusReceiver() as receiver:
        destination = tus_destination(receiver.url)
        receiver.do_instead("PATCH", lambda handler: handler.append(receiver.uploads["1"]))
        receiver.instead("PATCH", 503)
        report = measured(destination, [1000], [1], 3)
        assert receiver.uploads == {}
    assert dict(report.rows[0].errors) == {"server_unavailable": 1}
    assert report.left_behind == []


def test_no_room_for_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk is not filled to the brim; it is said where the files would have gone."""
    monkeypatch.setattr("daemon.delivery.benchmark.free_space", lambda _: 1000)
    (tmp_path / "target").mkdir()
    report = measured(folder(tmp_path / "target"), [10], [1], 1, scratch=tmp_path)
    assert report.fault is not None
    assert (report.fault.code, "TMPDIR" in report.fault.message) == ("disk_full", True)


def test_our_limits_end_it_and_what_was_delivered_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of this machine is told with what was measured until then."""
    (tmp_path / "target").mkdir()
    destination = folder(tmp_path / "target")
    really, calls = destination.deliver, iter(range(100))

    def deliver(*arguments: object) -> object:
        if next(calls) == 6:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return really(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(destination, "deliver", deliver)
    report = measured(destination, [10], [1, 2], 4)
    assert [row.workers for row in report.rows] == [1]
    assert report.fault is not None
    assert report.fault.code == "emfile"
    assert list((tmp_path / "target").iterdir()) == []


def test_quantile() -> None:
    """Quantiles are values that were measured."""
    assert quantile([], 0.5) == 0
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2
    assert quantile([float(n) for n in range(1, 101)], 0.95) == 95
