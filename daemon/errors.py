"""Every fault that inboxd names: a stable code, a kind, and a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a fault calls for: another try, a verdict on the file, or patience with our machine."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as it is recorded: in the ledger, in a sidecar, in a log event."""

    code: str
    message: str
    kind: Kind

    @property
    def facts(self) -> dict[str, str]:
        """This fault as it stands in JSON."""
        return {"code": self.code, "message": self.message, "kind": self.kind.value}


def escaped(text: str) -> str:
    """Text as UTF-8 can hold it: lone surrogates (PEP 383), as in a name of bytes, are escaped."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


class InboxdError(Exception):
    """Base of all errors that inboxd raises on purpose."""

    kind = Kind.PERMANENT

    def __init__(self, code: str, message: str, *, kind: Kind | None = None) -> None:
        message = escaped(message)
        super().__init__(message)
        self.code = code
        self.message = message
        if kind is not None:
            self.kind = kind

    @property
    def fault(self) -> Fault:
        """This error as a fact."""
        return Fault(self.code, self.message, self.kind)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration: where it stands and what to do about it."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class ConfigError(InboxdError):
    """The configuration cannot be used; `problems` lists all that was found, with file and line."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("config", "\n".join(map(str, problems)))
        self.problems = problems


class UsageError(InboxdError):
    """A command was given something that it cannot work with."""


class AlreadyRunningError(InboxdError):
    """Another instance holds the state folder."""


class EnvironmentFaultError(InboxdError):
    """Our disk, our rights or our limits stand in the way; no file is to blame."""

    kind = Kind.ENVIRONMENT


class LedgerError(EnvironmentFaultError):
    """The ledger cannot be opened, read or written."""


class RefusedError(InboxdError):
    """A file is not acceptable; the code is one of those in docs/codes.md."""


class DeliveryError(InboxdError):
    """One attempt to deliver failed.

    `kind` tells whether another attempt can help. `http_status` is the server's, where it gave one;
    `retry_after` is in seconds, where the server asked for a pause; `response` is what it said in
    JSON. `crowded` tells that we had more under way than it takes, which is not the file's fault.
    """

    kind = Kind.TRANSIENT

    def __init__(
        self,
        code: str,
        message: str,
        *,
        kind: Kind | None = None,
        http_status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, message, kind=kind)
        self.http_status = http_status
        self.retry_after = retry_after
        self.response: Mapping[str, Any] = {}
        self.crowded = False


class StoppedError(InboxdError):
    """Work was given up because the daemon stops or the job was cancelled; it is not a failure."""

    kind = Kind.TRANSIENT

    def __init__(self) -> None:
        super().__init__("stopped", "stopped before it was finished")


class ReadingError(InboxdError):
    """A file could not be read by OCR; what was validated is still delivered."""
