"""The parts of one file on their way, several at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event

from daemon import turns
from daemon.delivery.destination import Parcel
from daemon.delivery.s3.operations import ObjectRequests
from daemon.delivery.s3.parts import Part, UnderWay
from daemon.delivery.transport.body import Envelope
from daemon.errors import DeliveryError, Kind, StoppedError


@dataclass(frozen=True, slots=True)
class PartSender:
    """Sends parts of a parcel to one upload, each thread reading its own range of the file."""

    requests: ObjectRequests
    key: str
    upload: str
    parcel: Parcel
    descriptor: int
    under_way: UnderWay
    stop: Event

    def send(self, parts: Sequence[Part], workers: int) -> dict[int, str]:
        """Send all of these parts, at most `workers` at once; returns their ETags by number.

        When one fails no further part begins, and those under way are let through. Raises the
        failure that says most.
        """
        waiting = deque(parts)
        etags: dict[int, str] = {}
        failed = Event()

        def work() -> None:
            while waiting and not failed.is_set():
                try:
                    part = waiting.popleft()
                except IndexError:
                    return
                try:
                    etags[part.number] = self._send(part)
                except BaseException:
                    failed.set()
                    raise

        with ThreadPoolExecutor(workers, "part") as threads:
            running = [threads.submit(work) for _ in range(workers)]
            with turns.waiting():
                wait(running)
        _raise_worst(running)
        return etags

    def _send(self, part: Part) -> str:
        body = self.requests.client.body(
            self.descriptor,
            self.parcel,
            Envelope(),
            stop=self.stop,
            progress=lambda at: self.under_way.went_on(part, at - part.offset, self.stop),
            offset=part.offset,
            length=part.size,
        )
        arrived = False
        try:
            self.under_way.begin(part, self.stop)
            etag = self.requests.upload_part(self.key, self.upload, part.number, body, self.stop)
            arrived = True
        finally:
            self.under_way.end(part, arrived=arrived)
        return etag


def _raise_worst(ended: Sequence[Future[None]]) -> None:
    """Raise the failure that decides most: a stop, then what is for good, then any."""
    failures = [failure for future in ended if (failure := future.exception()) is not None]
    if failures:
        raise min(failures, key=_weight)


def _weight(failure: BaseException) -> int:
    if isinstance(failure, StoppedError):
        return 0
    return 2 if isinstance(failure, DeliveryError) and failure.kind is Kind.TRANSIENT else 1
