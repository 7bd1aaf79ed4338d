"""Whatever goes wrong on the way to a share, and in whatever order, one whole file comes of it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.errors import DeliveryError, Kind
from tests.delivery.contract import deliver, deliver_at_last, digest
from tests.delivery.parcels import parcel_of, write
from tests.delivery.proxy import Fault, answer, cut, swallow
from tests.delivery.servers import Servers
from tests.delivery.webdav_sides import (
    Running,
    share_on,
    start_apache,
    start_rclone,
    start_wsgidav,
)

FAULTS: dict[str, Fault] = {
    "answer lost": swallow,
    "cut at once": cut(0),
    "cut in the middle": cut(50_000),
    "busy": answer(503),
    "failed": answer(500, "reset"),
    "locked": answer(423),
    "no such folder": answer(409),
}
TROUBLES = st.lists(st.tuples(st.integers(1, 6), st.sampled_from(sorted(FAULTS))), max_size=5)
NUMBERS = itertools.count()


def start_guarded_apache(servers: Servers) -> Running:
    return start_apache(servers, "digest")


@pytest.mark.parametrize(
    "start",
    [start_rclone, start_wsgidav, pytest.param(start_guarded_apache, marks=pytest.mark.system)],
)
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(troubles=TROUBLES, large=st.booleans(), restarts=st.booleans(), taken=st.booleans())
def test_whatever_happens(
    start: Callable[[Servers], Running],
    servers: Servers,
    tmp_path: Path,
    troubles: list[tuple[int, str]],
    large: bool,
    restarts: bool,
    taken: bool,
) -> None:
    """After any troubles the file is there once and whole, and so is what had its name before."""
    content = os.urandom(150_000 if large else 1000)
    other = os.urandom(len(content))
    parcel = parcel_of(write(tmp_path, content), key=f"key-{next(NUMBERS)}")
    for side in share_on(start(servers), tmp_path):
        destination = side.destination(name="in/{name}")
        if taken:
            first = parcel_of(write(tmp_path, other, "other"), key="other")
            deliver(destination, replace(first, name=parcel.name))
        for number, fault in troubles:
            side.proxy.forget()
            side.proxy.at(number, FAULTS[fault])
            try:
                deliver(destination, parcel)
            except DeliveryError as error:
                if error.kind is not Kind.TRANSIENT:
                    raise
            else:
                break
            if restarts:
                destination = side.destination(name="in/{name}")
        side.proxy.forget()
        deliver_at_last(destination, parcel)
        shown = [kept for kept in side.kept() if not kept.name.startswith(".inboxd-")]
        expected = [digest(content), *([digest(other)] if taken else [])]
        assert sorted(str(kept.sha256) for kept in shown) == sorted(expected)
