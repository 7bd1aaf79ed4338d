"""Measuring a destination: how fast it takes files of some sizes with some numbers of workers."""

from __future__ import annotations

import collections
import hashlib
import math
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol, TypeVar, runtime_checkable

from daemon.delivery.destination import Abandoning, Acknowledgement, Destination, Parcel
from daemon.delivery.reach import never_reached
from daemon.errors import DeliveryError, EnvironmentFaultError, InboxdError, StoppedError
from daemon.files import environment_fault, free_space
from daemon.limits import DEFAULT, MIB

PREFIX: Final = "inboxd-bench-"
"""What the names of all generated files begin with."""

_NOT_TAKEN: Final = frozenset({501, 503, 505, 507})
"""Answers of a server that fails before it has taken a file (RFC 9110 section 15.6, RFC 4918)."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Row:
    """One size with one number of workers; times in seconds, rates per second.

    `answer_p95` is from the last byte sent to the answer, where the destination measures that.
    """

    size: int
    workers: int
    files: int
    seconds: float
    p50: float
    p95: float
    cpu_seconds: float
    errors: Mapping[str, int]
    answer_p95: float | None = None

    @property
    def delivered(self) -> int:
        """Files that arrived."""
        return self.files - sum(self.errors.values())

    @property
    def files_per_second(self) -> float:
        """Files that arrived in a second."""
        return self.delivered / self.seconds

    @property
    def bytes_per_second(self) -> float:
        """Bytes of files that arrived in a second."""
        return self.files_per_second * self.size


@dataclass(slots=True)
class Report:
    """What was measured, filled as it is known.

    `left_behind` are the places of files that we could not take away; `unsure` the names of those
    of which no answer says whether they arrived. `messages` has a sentence for each code of an
    error. `fault` is what ended it early, apart from a stop.
    """

    run: str
    rows: list[Row] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    messages: dict[str, str] = field(default_factory=dict)
    fault: InboxdError | None = None

    @property
    def pattern(self) -> str:
        """What the names of all files of this run match."""
        return f"{PREFIX}{self.run}-*"


@runtime_checkable
class Discarding(Protocol):
    """A destination that can take away again what it was just given."""

    def discard(self, acknowledgement: Acknowledgement) -> bool:
        """Remove one file that a benchmark delivered; tells whether it is gone.

        Raises DeliveryError where the server did not do it.
        """
        ...


def new_report() -> Report:
    """A report for a run of its own."""
    return Report(secrets.token_hex(4))


def measure(
    destination: Destination,
    sizes: Sequence[int],
    workers: Sequence[int],
    repeats: int,
    *,
    report: Report,
    stop: threading.Event,
    on_row: Callable[[Row], None] = lambda _: None,
    scratch: Path | None = None,
) -> None:
    """Deliver generated files, `repeats` of each of `sizes` (bytes) for each number of `workers`.

    What is found out goes into `report`, and `on_row` is called with each row as it is known. What
    was delivered is taken away again, also after `stop` is set, which ends a benchmark soon. One
    file goes first and is not counted; nothing is measured where it does not arrive. Errors of
    deliveries are counted, not raised. The content is written to `scratch`, the system's folder for
    temporary files by default.
    """
    try:
        with _content(min(sizes), scratch, stop) as content:
            if not _arrives(destination, content, report, stop):
                return
        for size in sizes:
            with _content(size, scratch, stop) as content:
                for count in workers:
                    if stop.is_set():
                        return
                    series = _Series(destination, report, stop, count)
                    row = series.run(content, max(repeats, 1))
                    if row is not None:
                        report.rows.append(row)
                        on_row(row)
    except StoppedError:
        return
    except EnvironmentFaultError as error:
        report.fault = error
    except OSError as error:
        report.fault = environment_fault(error, "writing the files to send")


def quantile(values: Sequence[float], part: float) -> float:
    """The nearest-rank quantile of some values, 0.0 of none; pure."""
    ordered = sorted(values)
    return ordered[max(math.ceil(part * len(ordered)) - 1, 0)] if ordered else 0.0


@dataclass(frozen=True, slots=True)
class _Content:
    """A file to send, under many names."""

    path: Path
    size: int
    sha256: str

    def parcel(self, tail: str) -> Parcel:
        name = f"{PREFIX}{tail}.bin"
        return Parcel(
            job=f"{PREFIX}{tail}",
            inbox="bench",
            name=name,
            path=name,
            size=self.size,
            sha256=self.sha256,
            media_type="application/octet-stream",
            received=datetime.now(UTC),
            idempotency_key=f"{PREFIX}{tail}",
            open=lambda: os.open(self.path, os.O_RDONLY | os.O_CLOEXEC),
        )


@dataclass(slots=True)
class _Series:
    """Files of one size, sent by one number of workers; all that came of them."""

    destination: Destination
    report: Report
    stop: threading.Event
    workers: int
    taken: list[tuple[Parcel, Acknowledgement]] = field(default_factory=list)
    failed: list[Parcel] = field(default_factory=list)
    lasted: list[float] = field(default_factory=list)
    errors: collections.Counter[str] = field(default_factory=collections.Counter)
    met: list[DeliveryError] = field(default_factory=list)

    def run(self, content: _Content, files: int) -> Row | None:
        """Send the files and take them away again; None where it was stopped on the way."""
        tails = (f"{self.report.run}-{content.size}-{self.workers}-{n}" for n in range(files))
        parcels = [content.parcel(tail) for tail in tails]
        began, cpu = time.perf_counter(), time.process_time()
        try:
            self._each(self.deliver, parcels)
            seconds, used = time.perf_counter() - began, time.process_time() - cpu
            whole = not self.stop.is_set()
        except KeyboardInterrupt:  # by who does not want to wait any more
            raise
        except BaseException:
            self.clean_up()
            raise
        self.clean_up()
        if not whole:
            return None
        trips = [got.round_trip for _, got in self.taken if got.round_trip is not None]
        return Row(
            size=content.size,
            workers=self.workers,
            files=files,
            seconds=max(seconds, 1e-9),
            p50=quantile(self.lasted, 0.5),
            p95=quantile(self.lasted, 0.95),
            cpu_seconds=used,
            errors=dict(self.errors),
            answer_p95=quantile(trips, 0.95) if trips else None,
        )

    def deliver(self, parcel: Parcel) -> None:
        """Make one attempt; what fails is counted."""
        if self.stop.is_set():
            return
        began = time.perf_counter()
        try:
            acknowledgement = self.destination.deliver(parcel, lambda _: None, self.stop)
        except DeliveryError as error:
            self.errors[error.code] += 1
            self.met.append(error)
            self.report.messages.setdefault(error.code, error.message)
            self.failed.append(parcel)
            if _may_have_arrived(error):
                self.report.unsure.append(parcel.name)
        except (StoppedError, EnvironmentFaultError) as error:
            self.failed.append(parcel)
            self.report.unsure.append(parcel.name)
            if not isinstance(error, StoppedError):
                raise
        else:
            self.lasted.append(time.perf_counter() - began)
            self.taken.append((parcel, acknowledgement))

    def clean_up(self) -> None:
        """Take away what was delivered, or begun, where the destination can do that."""
        if isinstance(self.destination, Abandoning):
            self._each(self._abandon, self.failed)
        gone = self._each(self._discard, [got for _, got in self.taken])
        self.report.left_behind += [
            got.location or parcel.name
            for (parcel, got), is_gone in zip(self.taken, gone, strict=True)
            if not is_gone
        ]

    def _abandon(self, parcel: Parcel) -> None:
        if isinstance(self.destination, Abandoning):
            with suppress(InboxdError):  # the server clears away what nobody finishes
                self.destination.abandon(parcel.resume)

    def _discard(self, acknowledgement: Acknowledgement) -> bool:
        if not isinstance(self.destination, Discarding):
            return False
        try:
            return self.destination.discard(acknowledgement)
        except InboxdError:
            return False

    def _each(self, function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
        """The results of calls by all workers, in order; when one raises, no further begins.

        Whoever interrupts the wait does not wait for calls under way.
        """
        results: dict[int, _Result] = {}
        failures: list[BaseException] = []
        numbers = iter(range(len(items)))
        lock = threading.Lock()

        def work() -> None:
            while not failures:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                try:
                    results[number] = function(items[number])
                except BaseException as error:  # noqa: BLE001  # raised again by who waits
                    failures.append(error)

        threads = [
            threading.Thread(target=work, name=f"bench-{number}", daemon=True)
            for number in range(min(self.workers, len(items)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return [results[number] for number in range(len(items))]


def _arrives(
    destination: Destination, content: _Content, report: Report, stop: threading.Event
) -> bool:
    """Whether one file arrives, which opens the first connection too."""
    series = _Series(destination, report, stop, 1)
    try:
        series.deliver(content.parcel(f"{report.run}-first"))
    finally:
        series.clean_up()
    for error in series.met:
        report.fault = error
    return bool(series.taken)


def _may_have_arrived(error: DeliveryError) -> bool:
    """Whether the far side may have the file although it did not say so."""
    if error.http_status is None:
        return not never_reached(error)
    return error.http_status >= 500 and error.http_status not in _NOT_TAKEN


@contextmanager
def _content(size: int, scratch: Path | None, stop: threading.Event) -> Iterator[_Content]:
    """A file of random bytes, as nothing on the way can make smaller."""
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(prefix=PREFIX, dir=scratch) as file:
        folder = os.path.dirname(os.fsencode(file.name))
        if free_space(folder) < size + DEFAULT.reserve_space:
            raise EnvironmentFaultError(
                "disk_full",
                f"{os.fsdecode(folder)} has no room for a file of {size} bytes to send; name "
                "another folder in TMPDIR",
            )
        left = size
        while left:
            if stop.is_set():
                raise StoppedError
            block = os.urandom(min(left, MIB))
            digest.update(block)
            file.write(block)
            left -= len(block)
        file.flush()
        yield _Content(Path(file.name), size, digest.hexdigest())
