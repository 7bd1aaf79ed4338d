"""What can come of a request to a child instead of an answer."""

from __future__ import annotations

from daemon.errors import EnvironmentFaultError, Fault, InboxdError


class ChildError(InboxdError):
    """Base of all that keeps a child from answering."""


class ChildTimeoutError(ChildError):
    """The child had no answer within its wall time and was killed."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__("child_timeout", f"{name}: no answer within {seconds:g} s")
        self.seconds = seconds


class ChildDiedError(ChildError):
    """The child ended in the middle of a request.

    `reason` is `memory` (its limit was met), `cpu` (the same), `signal N` or `exit N`.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__("child_died", f"{name}: the child ended in the middle of it ({reason})")
        self.reason = reason


class ChildFailedError(ChildError):
    """The target raised an exception, or gave an answer that cannot be carried.

    `type` is the name of the exception's class, `detail` its text. `origin` is the fault that the
    target raised, where it raised one of ours.
    """

    def __init__(self, name: str, type_name: str, detail: str, origin: Fault | None = None) -> None:
        super().__init__("child_failed", f"{name}: {type_name}: {detail}")
        self.type = type_name
        self.detail = detail
        self.origin = origin


class ChildStartError(EnvironmentFaultError):
    """A child did not get as far as its first request; no request is to blame."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__("child_cannot_start", f"{name}: the child cannot start: {detail}")
        self.detail = detail
