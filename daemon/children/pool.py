"""A bounded set of warm children that answer requests, each at its own risk."""

from __future__ import annotations

import threading

from daemon import turns
from daemon.children.asking import Answerer
from daemon.children.child import Child, ChildOrder
from daemon.children.confinement import Profile
from daemon.children.frames import JSON
from daemon.children.limits import ChildLimits
from daemon.errors import InboxdError, StoppedError

_STOP_LOOK = 0.1
"""Seconds between two looks at the stop event while all children are busy."""


class ChildPool:
    """Up to `size` processes that run one target; any thread may ask.

    `target` is `package.module:factory`; the factory is called in the child with `setup` and
    returns what is called with each request and, where one is passed, an open descriptor.
    Children are fresh interpreters, started when first needed, kept, and replaced when they die or
    after `limits.tasks` requests. They die with this process, whatever ends it. `profile` says what
    they give up before the first request.
    """

    def __init__(
        self,
        target: str,
        *,
        name: str,
        size: int,
        limits: ChildLimits,
        setup: JSON = None,
        profile: Profile = Profile.SEALED,
    ) -> None:
        self._order = ChildOrder(target, name, setup, limits, profile)
        self._size = size
        self._changed = threading.Condition()
        self._places = size  # a taker holds one; children = places held + idle, so never over size
        self._idle: list[Child] = []
        self._held: set[Child] = set()
        self._closed = False

    def run(
        self,
        request: JSON,
        descriptor: int | None = None,
        *,
        timeout: float,
        stop: threading.Event | None = None,
        answerer: Answerer | None = None,
    ) -> JSON:
        """The target's answer to one request; `timeout` in seconds runs from when a child is free.

        The child gets its own copy of the descriptor, which shares its position with ours. What it
        asks meanwhile goes to `answerer`, in this thread; that time does not count.
        Raises ChildTimeoutError, ChildDiedError, ChildFailedError (see their docstrings),
        EnvironmentFaultError where no child can be started, StoppedError on `stop` or `close`.
        """
        with turns.waiting():
            return self._run(request, descriptor, timeout, stop, answerer)

    def _run(
        self,
        request: JSON,
        descriptor: int | None,
        timeout: float,
        stop: threading.Event | None,
        answerer: Answerer | None,
    ) -> JSON:
        child = self._take(stop)
        try:
            return child.run(request, descriptor, timeout, stop, answerer)
        except InboxdError:
            if self._closed:
                raise StoppedError from None
            raise
        finally:
            self._give_back(child)

    def close(self) -> None:
        """Kill all children at once; requests under way and later ones raise StoppedError."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            for child in self._held:
                child.interrupt()
            self._changed.notify_all()
        for child in idle:
            child.kill()

    def _take(self, stop: threading.Event | None) -> Child:
        """A child of our own: an idle one, or a new one where there is room."""
        self._take_place(stop)
        try:
            while True:
                with self._changed:
                    child = self._idle.pop() if self._idle else None
                    if child is not None:
                        self._held.add(child)
                if child is None:
                    return self._start(stop)
                if not child.hung_up():
                    return child
                self._drop(child)
        except BaseException:
            self._free_place()
            raise

    def _take_place(self, stop: threading.Event | None) -> None:
        """Wait for one of the places; raises StoppedError on `stop` or `close`."""
        with self._changed:
            while not self._places and not self._closed:
                if stop is not None and stop.is_set():
                    raise StoppedError
                self._changed.wait(_STOP_LOOK)
            if self._closed:
                raise StoppedError
            self._places -= 1

    def _free_place(self) -> None:
        """Let the next one in."""
        with self._changed:
            self._places += 1
            self._changed.notify()

    def _start(self, stop: threading.Event | None) -> Child:
        """A new child that is ready for its first request."""
        child = Child(self._order)
        with self._changed:
            self._held.add(child)
            closed = self._closed
        try:
            if closed:
                raise StoppedError
            child.make_ready(stop)
        except BaseException:
            self._drop(child)
            if self._closed:
                raise StoppedError from None
            raise
        return child

    def _give_back(self, child: Child) -> None:
        """Keep a child for the next request if it can take one, and free its place."""
        with self._changed:
            keep = child.alive and not self._closed and child.tasks < self._order.limits.tasks
            if keep:
                self._held.discard(child)
                self._idle.append(child)
        if not keep:
            self._drop(child)
        self._free_place()

    def _drop(self, child: Child) -> None:
        """End a child that is not to be used again."""
        child.kill()
        with self._changed:
            self._held.discard(child)
