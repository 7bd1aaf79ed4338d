"""The shape of a configuration once it is read; every key of the contract, nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from daemon.config.units import Duration, Pixels, Rate, Size

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

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class InboxConfig(Section):
    """One watched folder and what becomes of its files."""

    path: Path
    done: Path | None = Field(None, description="where finished originals go; default ../done")
    rejected: Path | None = Field(
        None, description="where refused originals go; default ../rejected"
    )
    work: Path | None = Field(
        None, description="where claimed files wait, on the inbox's mount; default ../work"
    )
    recursive: bool = False
    watch: Literal["auto", "native", "polling"] = "auto"
    settle: Duration = 1.0
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = (".*", "*.part", "*.tmp", "~$*")
    accept: tuple[str, ...] = DEFAULT_ACCEPT
    max_size: Size = 25_000_000
    max_pages: int = Field(500, gt=0)
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


class SecretSource(Section):
    """Where a secret is read from; never the secret itself."""

    file: Path | None = None
    env: str | None = None
    credential: str | None = None


class NoAuth(Section):
    """No authentication."""

    type: Literal["none"] = "none"


class BearerAuth(Section):
    """`Authorization: Bearer TOKEN`."""

    type: Literal["bearer"]
    token_file: Path | None = None
    token_env: str | None = None
    credential: str | None = None


class BasicAuth(Section):
    """RFC 7617 user name and password."""

    type: Literal["basic"]
    username: str
    password_file: Path | None = None
    password_env: str | None = None
    credential: str | None = None


class HeaderAuth(Section):
    """A secret in a header of the server's choosing."""

    type: Literal["header"]
    name: str = "X-API-Key"
    token_file: Path | None = None
    token_env: str | None = None
    credential: str | None = None


Auth = Annotated[NoAuth | BearerAuth | BasicAuth | HeaderAuth, Field(discriminator="type")]


class TimeoutConfig(Section):
    """How long to wait for a connection, and for the next byte."""

    connect: Duration = 5.0
    read: Duration = 30.0


class RetryConfig(Section):
    """How failed attempts are spaced: a run of attempts, then parked until the next run."""

    attempts: int = Field(5, gt=0)
    initial: Duration = 1.0
    max: Duration = 60.0
    give_up_after: Duration = 86_400.0


class ConcurrencyConfig(Section):
    """How many deliveries to one destination may be under way."""

    max: int = Field(8, gt=0)
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
    url: str
    method: Literal["POST", "PUT"] = "POST"
    field: str = "file"
    data: dict[str, str] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    auth: Auth = NoAuth()
    timeout: TimeoutConfig = TimeoutConfig()
    location: str | None = Field(
        None, description="where a JSON answer names the file, such as $.url"
    )
    verify: bool | Path = Field(
        default=True, description="a CA file; false is refused unless allow_insecure says so"
    )
    allow_insecure: bool = False


class FolderDestinationConfig(DestinationConfig):
    """A folder on a disk or mount."""

    type: Literal["folder"]
    path: Path
    name: str = Field("{name}", description="template of the name in the folder")


class PluginDestinationConfig(DestinationConfig):
    """A destination from another package; its own class checks the options."""

    options: dict[str, Any] = Field(default_factory=dict)


class OcrConfig(Section):
    """Which engine reads, and in how many processes."""

    engine: str = "rapid"
    processes: int = Field(2, gt=0)
    timeout: Duration = 60.0


class LogConfig(Section):
    """How log events are written to stderr."""

    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class MetricsConfig(Section):
    """Where /metrics, /healthz and /readyz answer."""

    listen: str


class Config(Section):
    """A whole configuration, checked, with absolute paths."""

    state: Path
    workers: int = Field(4, gt=0, le=256)
    inboxes: dict[str, InboxConfig]
    destinations: dict[str, DestinationConfig] = Field(default_factory=dict)
    ocr: OcrConfig = OcrConfig()
    log: LogConfig = LogConfig()
    metrics: MetricsConfig | None = None
