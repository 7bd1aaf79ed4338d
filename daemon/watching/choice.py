"""Which watcher fits a folder: native events where they can be trusted, else polling."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from daemon.errors import EnvironmentFaultError
from daemon.watching.filesystem import file_system_of, is_remote
from daemon.watching.polling import PollingWatcher
from daemon.watching.watcher import OnError, Sink, Skip, Watcher

if sys.platform == "linux":
    from daemon.watching.native import NativeWatcher


@dataclass(frozen=True, slots=True)
class Chosen:
    """A started watcher; `reason` says why it polls where events were wanted, else it is None."""

    watcher: Watcher
    reason: str | None


def choose_watcher(
    folder: bytes,
    sink: Sink,
    *,
    watch: Literal["auto", "native", "polling"],
    recursive: bool,
    skip: Skip,
    poll_every: float,
    on_error: OnError,
) -> Chosen:
    """Choose a watcher for `folder` and start it.

    `auto` polls on network and shared file systems, where the platform has no inotify, and where a
    limit of the kernel is reached. Raises EnvironmentFaultError where nothing can watch, or where
    `native` was asked for by name and cannot.
    """
    why = _why_polling(folder, watch)
    if why is None and sys.platform == "linux":
        native = NativeWatcher(folder, sink, recursive=recursive, skip=skip, on_error=on_error)
        try:
            native.start()
        except EnvironmentFaultError as fault:
            if watch == "native":
                raise
            why = fault.message
        else:
            return Chosen(native, None)
    polling = PollingWatcher(
        folder, sink, recursive=recursive, skip=skip, every=poll_every, on_error=on_error
    )
    polling.start()
    return Chosen(polling, None if watch == "polling" else why)


def _why_polling(folder: bytes, watch: Literal["auto", "native", "polling"]) -> str | None:
    if watch == "polling":
        return "the configuration says so"
    if sys.platform != "linux":
        if watch == "native":
            raise EnvironmentFaultError(
                "no_native_events", "watch: native needs Linux; use auto or polling"
            )
        return "this system has no inotify"
    if watch == "native":
        return None
    file_system = file_system_of(folder)
    return f"{file_system} sends no events" if is_remote(file_system) else None
