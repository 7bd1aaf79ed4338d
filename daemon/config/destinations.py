"""The sections of the destinations: what all can be told, and what each type can be told."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from daemon.config.auth import Auth, NoAuth
from daemon.config.section import Section
from daemon.config.units import Count, Duration, LocalPath, Rate, Wait
from daemon.config.words import AnswerPath, HeaderName, HeaderValue, Template, Url


class TimeoutConfig(Section):
    """How long to wait for a connection, and for the next byte."""

    connect: Wait = 5.0
    read: Wait = 30.0


class RetryConfig(Section):
    """How failed attempts are spaced: a run of attempts, then parked until the next run."""

    attempts: Count = 5
    initial: Duration = 1.0
    max: Wait = 60.0
    give_up_after: Duration = 86_400.0


class ConcurrencyConfig(Section):
    """How many deliveries to one destination may be under way."""

    max: Count = 8
    adaptive: bool = True


class DestinationConfig(Section):
    """What every destination can be told, whatever its type."""

    type: str
    retry: RetryConfig = RetryConfig()
    concurrency: ConcurrencyConfig = ConcurrencyConfig()
    bandwidth: Rate | None = None


class HttpDestinationConfig(DestinationConfig):
    """An HTTP server that takes a multipart POST or a raw PUT."""

    type: Literal["http"]
    url: Url
    method: Literal["POST", "PUT"] = "POST"
    field: str = "file"
    data: dict[str, Template] = Field(default_factory=dict)
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    auth: Auth = NoAuth()
    timeout: TimeoutConfig = TimeoutConfig()
    location: AnswerPath | None = Field(
        None, description="where a JSON answer names the file, such as $.url"
    )
    verify: bool | LocalPath = Field(
        default=True, description="a CA file; false is refused unless allow_insecure says so"
    )
    allow_insecure: bool = False

    @model_validator(mode="after")
    def _verified(self) -> Self:
        if self.verify is False and not self.allow_insecure:
            raise ValueError(
                "verify: false lets anyone read and answer; name a CA file instead, "
                "or add allow_insecure: true"
            )
        return self


class FolderDestinationConfig(DestinationConfig):
    """A folder on a disk or mount."""

    type: Literal["folder"]
    path: LocalPath
    name: Template = Field("{name}", description="template of the name in the folder")


class PluginDestinationConfig(DestinationConfig):
    """A destination from another package; its own class checks the options."""

    options: dict[str, Any] = Field(default_factory=dict)
