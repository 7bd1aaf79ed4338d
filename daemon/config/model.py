"""The shape of a configuration once it is read; every key of the contract, nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from daemon.config.bandwidth import Rates
from daemon.config.destinations import DestinationConfig
from daemon.config.links import LinksConfig
from daemon.config.ocr import OcrConfig
from daemon.config.section import Section
from daemon.config.units import Count, Duration, LocalPath, Pixels, Size, WorkerCount
from daemon.config.virus_scan import VirusScanConfig
from daemon.config.words import Listen, MediaRange, NamePattern

DEFAULT_ACCEPT = (
    "image/jpeg",
    "image/png",
    "image/tiff",
    "image/webp",
    "image/heic",
    "application/pdf",
)


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
    include: tuple[NamePattern, ...] = Field(("*",), min_length=1)
    exclude: tuple[NamePattern, ...] = (
        ".*",
        "*~",
        "*.crdownload",
        "*.part",
        "*.partial",
        "*.tmp",
        "~$*",
    )
    accept: tuple[MediaRange, ...] = Field(DEFAULT_ACCEPT, min_length=1)
    max_size: Size = Field(25_000_000, gt=0)
    max_pages: Count = 500
    max_pixels: Pixels = 100_000_000
    allow_empty: bool = False
    originals: Literal["move", "keep", "delete"] = "move"
    duplicates: Literal["skip", "process", "reject"] = "skip"
    deliver: tuple[str, ...] = ()
    read: Literal["receipt", "text", "none"] = "receipt"
    links: LinksConfig | None = Field(
        None, description="allows files that hold an address: what it leads to is fetched"
    )

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
    bandwidth: Rates | None = Field(None, description="of all destinations together")
    ocr: OcrConfig = OcrConfig()
    virus_scan: VirusScanConfig | None = None
    log: LogConfig = LogConfig()
    metrics: MetricsConfig | None = None
