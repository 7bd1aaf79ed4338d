"""A WebDAV share: written under a temporary name, then moved, never over another file."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from dataclasses import replace
from typing import Final

from daemon import turns
from daemon.config.destinations import WebdavDestinationConfig
from daemon.delivery.destination import Acknowledgement, Finding, Parcel, Progress, Resume
from daemon.delivery.transport.adapter import round_trip_of
from daemon.delivery.transport.body import Envelope, open_parcel
from daemon.delivery.transport.client import Client
from daemon.delivery.transport.credentials import credentials_of
from daemon.delivery.webdav.check import check_share
from daemon.delivery.webdav.place import Memory, Place
from daemon.delivery.webdav.share import Share
from daemon.errors import DeliveryError, EnvironmentFaultError, Kind, StoppedError
from daemon.limits import DEFAULT, Limits

_NOTHING_SENT: Final = frozenset(
    {
        "dns_failed",
        "connection_refused",
        "connect_timeout",
        "unreachable",
        "tls_certificate",
        "tls_timeout",
        "too_many_requests",
        "server_unavailable",
    }
)
"""What a server fails with that is down or busy, maybe for hours; it keeps nothing."""
_MAYBE_MOVED: Final = frozenset({403, 404, 409})
"""What servers answer to a MOVE of a file that is no longer there."""
_TRIES: Final = 5
_NEVER: Final = threading.Event()
_PAUSE: Final = 0.1
"""Seconds between two tries to remove a file."""
_MOST_FOLDERS: Final = 10_000
"""Folders that are remembered as made."""


class WebdavDestination:
    """Delivers to a folder, made where it is missing; what lies there is never replaced.

    Raises ConfigError on construction where the secret or a certificate cannot be read.
    """

    def __init__(
        self, name: str, config: WebdavDestinationConfig, *, limits: Limits = DEFAULT
    ) -> None:
        self.name = name
        self._config = config
        self._limits = limits
        self._client = Client(
            name,
            config,
            config.url,
            headers=config.headers,
            credentials=credentials_of(config.auth, f"destinations.{name}.auth"),
            limits=limits,
        )
        self._share = Share(self._client, config.folder)
        self._made: set[str] = set()
        self._making = threading.Lock()

    def deliver(self, parcel: Parcel, progress: Progress, stop: threading.Event) -> Acknowledgement:
        """Make one attempt; errors as the seam says."""
        if stop.is_set():
            raise StoppedError
        memory = Memory(parcel.resume)
        place = Place(self._share.root, self._config.below, parcel, memory.attempts)
        there = self._finish_earlier(place, memory, parcel, stop)
        if there is not None:
            progress(parcel.size)
        else:
            there = self._attempt(place, memory, parcel, progress, stop)
        for url in memory.left:
            self._remove(url, stop)
        return there

    def check(self) -> list[Finding]:
        """Reach the server and its folder, and try our rights there; leaves nothing behind."""
        return check_share(self._share)

    def abandon(self, resume: Resume) -> None:
        """Remove what unfinished attempts left under their temporary names."""
        memory = Memory(resume)
        for url in memory.urls:
            if url.startswith(self._share.root) and not self._remove(url, _NEVER):
                self._share.remove(url)  # raises what stands in the way
        memory.forget()

    def discard(self, acknowledgement: Acknowledgement) -> bool:
        """Remove one file that a benchmark delivered; tells whether it is gone."""
        self._share.remove(acknowledgement.location or "")
        return True

    def close(self) -> None:
        """Close the kept connections."""
        self._client.close()

    def _attempt(
        self,
        place: Place,
        memory: Memory,
        parcel: Parcel,
        progress: Progress,
        stop: threading.Event,
    ) -> Acknowledgement:
        try:
            round_trip = self._upload(place, memory, parcel, progress, stop)
            named = self._name(place, place.temporary, memory, parcel, stop)
            return replace(named, round_trip=round_trip)
        except DeliveryError as error:
            if error.code in _NOTHING_SENT:
                raise
            refused = error.http_status is not None
            self._look_back(
                place, memory, stop, last=error.kind is not Kind.TRANSIENT, refused=refused
            )
            raise
        except StoppedError:
            self._look_back(place, memory, stop, last=memory.whole is None, refused=False)
            raise

    def _look_back(
        self, place: Place, memory: Memory, stop: threading.Event, *, last: bool, refused: bool
    ) -> None:
        """Take away what a failed attempt left, where it was the last; else note it.

        A server that did not answer may still be at it, or not even have begun.
        """
        if not place.is_begun or (memory.whole and not last):
            return
        if not (last and self._remove(place.temporary, stop, is_there=not refused)):
            memory.keep_left(place.temporary)

    def _upload(
        self,
        place: Place,
        memory: Memory,
        parcel: Parcel,
        progress: Progress,
        stop: threading.Event,
    ) -> float | None:
        """Write the temporary file; of a large one it is looked up, and kept, what is there.

        Returns the seconds from the last byte to the answer.
        """
        descriptor = open_parcel(parcel)
        try:
            self._make_folders(place, stop)
            body = self._client.body(
                descriptor, parcel, Envelope(), stop=stop, progress=progress, once=True
            )
            place.is_begun = True
            try:
                response = self._share.put(place.temporary, body, parcel.media_type)
            except DeliveryError as error:
                if error.code == "target_missing":
                    self._made.clear()  # somebody removed folders that we made
                raise
        finally:
            os.close(descriptor)
        if parcel.size <= self._limits.answer_body:
            return round_trip_of(response)
        found = self._share.look(place.temporary, stop)
        if found is None or found.size not in (None, parcel.size):
            raise DeliveryError("upload_lost", "the server does not have all that it took")
        memory.keep_whole(place.temporary, found.tag)
        return round_trip_of(response)

    def _finish_earlier(
        self, place: Place, memory: Memory, parcel: Parcel, stop: threading.Event
    ) -> Acknowledgement | None:
        """End a delivery whose large file an earlier attempt brought there whole."""
        if memory.whole is None or not place.holds(memory.whole):
            return None
        found = self._share.look(memory.whole, stop)
        if found is None:
            return self._find(place, memory, parcel, stop)
        if (found.tag, found.size) != (memory.tag, parcel.size):
            return None
        return self._name(place, memory.whole, memory, parcel, stop)

    def _name(
        self, place: Place, temporary: str, memory: Memory, parcel: Parcel, stop: threading.Event
    ) -> Acknowledgement:
        """Move the temporary file to the first name that is free, or find it there already."""
        for url in place.names:
            try:
                moved = self._share.move(temporary, url, stop)
            except DeliveryError as error:
                if error.http_status not in _MAYBE_MOVED or self._share.look(temporary, stop):
                    raise
                there = self._find(place, memory, parcel, stop)
                if there is None:
                    raise DeliveryError(
                        "upload_lost", "the server no longer has the file that it took"
                    ) from error
                return there
            if moved is not None:
                return Acknowledgement(
                    bytes=parcel.size, location=url, http_status=moved.status_code
                )
            if self._is_ours(url, memory, parcel, stop):
                self._remove(temporary, stop)
                return Acknowledgement(bytes=parcel.size, location=url)
        raise DeliveryError(
            "name_taken", "every name for this file is taken on the share", kind=Kind.PERMANENT
        )

    def _find(
        self, place: Place, memory: Memory, parcel: Parcel, stop: threading.Event
    ) -> Acknowledgement | None:
        """The name under which the file is there already."""
        for url in place.names:
            if self._is_ours(url, memory, parcel, stop):
                return Acknowledgement(bytes=parcel.size, location=url)
        return None

    def _is_ours(self, url: str, memory: Memory, parcel: Parcel, stop: threading.Event) -> bool:
        """Whether a name has our file, as after an answer that was lost.

        A small file is known by its content, a large one by the tag that its temporary one had.
        """
        if parcel.size <= self._limits.answer_body:
            content = self._share.content(url, stop)
            return content is not None and hashlib.sha256(content).hexdigest() == parcel.sha256
        if memory.tag is None:
            return False
        found = self._share.look(url, stop)
        return found is not None and (found.tag, found.size) == (memory.tag, parcel.size)

    def _make_folders(self, place: Place, stop: threading.Event) -> None:
        """Make the folders that are not known to be there, one thread at a time.

        A server may have a folder locked while it makes it.
        """
        wanted = [self._share.root, *place.folders]
        if self._made.issuperset(wanted):
            return
        with turns.waiting():
            while not self._making.acquire(timeout=_PAUSE):
                if stop.is_set():
                    raise StoppedError
        try:
            if len(self._made) > _MOST_FOLDERS:
                self._made.clear()
            for url in wanted:
                if url not in self._made:
                    self._make_folder(url, stop)
                    self._made.add(url)
        finally:
            self._making.release()

    def _make_folder(self, url: str, stop: threading.Event) -> None:
        if url == self._share.root:
            self._share.make_root(stop)
        else:
            self._share.make_folder(url, stop)

    def _remove(self, url: str, stop: threading.Event, *, is_there: bool = False) -> bool:
        """Remove a file that a server may have locked for a moment; tells whether it is gone.

        Where it `is_there`, or will be soon, it is waited for.
        """
        gone = False
        for number in range(_TRIES):
            if number:
                with turns.waiting():
                    time.sleep(_PAUSE)
            try:
                found = self._share.remove(url, stop)
            except DeliveryError as error:
                gone = False
                if error.code != "server_locked":
                    break
            except (StoppedError, EnvironmentFaultError):
                return False
            else:
                gone = True
                if found or not is_there:
                    break
        return gone
