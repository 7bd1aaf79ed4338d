"""The shape of a configuration once it is read; every key of the contract, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from daemon.config.units import Count, Duration, LocalPath, Pixels, Rate, Size, Wait, WorkerCount
from daemon.config.words import (
    AnswerPath,
    HeaderName,
    HeaderValue,
    Listen,
    MediaRange,
    Template,
    Url,
)

DEFAULT_ACCEPT = (
    "image/jpeg",
    "image/png",
    "image/tiff",
    "image/webp",
    "image/heic",
    "application/pdf",
)


class Section(BaseModel):
    """Base of all sections: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_counts_as_absent(cls, data: Any) -> Any:
        """A key whose values are all commented out keeps its default."""
        if not isinstance(data, dict):
            return data
        return {
            key: value
            for key, value in data.items()
            if value is not None or key not in cls.model_fields
        }


class InboxConfig(Section):
    """One watched folder and what becomes of its files."""

    path: LocalPath
    done: LocalPath | None = Field(None, description="where finished originals go; default ../done")
    rejected: LocalPath | None = Field(
        None, description="where refused originals go; default ../rejected"
    )
    work: LocalPath | None = Field(
        None, description="where claimed files wait, on the inbox's mount; default ../work"
    )
    recursive: bool = False
    watch: Literal["auto", "native", "polling"] = "auto"
    settle: Duration = 1.0
    include: tuple[str, ...] = Field(("*",), min_length=1)
    exclude: tuple[str, ...] = (".*", "*.part", "*.tmp", "~$*")
    accept: tuple[MediaRange, ...] = Field(DEFAULT_ACCEPT, min_length=1)
    max_size: Size = 25_000_000
    max_pages: Count = 500
    max_pixels: Pixels = 100_000_000
    allow_empty: bool = False
    originals: Literal["move", "keep", "delete"] = "move"
    duplicates: Literal["skip", "process", "reject"] = "skip"
    deliver: tuple[str, ...] = ()
    read: Literal["receipt", "text", "none"] = "receipt"

    @property
    def done_folder(self) -> Path:
        """Where finished originals and their sidecars go."""
        return self.done or self.path.parent / "done"

    @property
    def rejected_folder(self) -> Path:
        """Where refused originals and their sidecars go."""
        return self.rejected or self.path.parent / "rejected"

    @property
    def work_folder(self) -> Path:
        """Where claimed originals wait."""
        return self.work or self.path.parent / "work"


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret is read from, exactly one of three; never the secret itself."""

    file: Path | None = None
    env: str | None = None
    credential: str | None = None


class NoAuth(Section):
    """No authentication."""

    type: Literal["none"] = "none"


class SecretAuth(Section):
    """Base of the kinds of authentication that need a secret."""

    credential: str | None = Field(
        None, description="the name given to LoadCredential= in the unit"
    )

    @property
    def secret(self) -> SecretSource:
        """Where the secret is read from."""
        return SecretSource(credential=self.credential)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        source = self.secret
        given = [at for at in (source.file, source.env, source.credential) if at is not None]
        if len(given) != 1:
            keys = [key for key in type(self).model_fields if key.endswith(("_file", "_env"))]
            count = "no source" if not given else f"{len(given)} sources"
            raise ValueError(
                f"the secret has {count}; give exactly one of {', '.join(keys)} and credential"
            )
        return self


class TokenAuth(SecretAuth):
    """Base of what is authenticated by a token."""

    token_file: LocalPath | None = None
    token_env: str | None = None

    @property
    def secret(self) -> SecretSource:
        """Where the token is read from."""
        return SecretSource(self.token_file, self.token_env, self.credential)


class BearerAuth(TokenAuth):
    """`Authorization: Bearer TOKEN` (RFC 6750)."""

    type: Literal["bearer"]


class BasicAuth(SecretAuth):
    """User name and password (RFC 7617)."""

    type: Literal["basic"]
    username: str
    password_file: LocalPath | None = None
    password_env: str | None = None

    @property
    def secret(self) -> SecretSource:
        """Where the password is read from."""
        return SecretSource(self.password_file, self.password_env, self.credential)


class HeaderAuth(TokenAuth):
    """A secret in a header of the server's choosing."""

    type: Literal["header"]
    name: HeaderName = "X-API-Key"


Auth = Annotated[NoAuth | BearerAuth | BasicAuth | HeaderAuth, Field(discriminator="type")]


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


class OcrConfig(Section):
    """Which engine reads, and in how many processes."""

    engine: str = "rapid"
    processes: Count = 2
    timeout: Wait = 60.0


class LogConfig(Section):
    """How log events are written to stderr."""

    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class MetricsConfig(Section):
    """Where /metrics, /healthz and /readyz answer."""

    listen: Listen


class Config(Section):
    """A whole configuration, checked, with absolute paths."""

    state: LocalPath
    workers: WorkerCount = 4
    inboxes: dict[str, InboxConfig]
    destinations: dict[str, DestinationConfig] = Field(default_factory=dict)
    ocr: OcrConfig = OcrConfig()
    log: LogConfig = LogConfig()
    metrics: MetricsConfig | None = None
