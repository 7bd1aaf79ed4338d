"""The example configuration and the schema, held against the models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon.config.auth import BasicAuth, BearerAuth, DigestAuth, HeaderAuth
from daemon.config.destinations import (
    OWN,
    ClientCertificate,
    RetryConfig,
    TimeoutConfig,
)
from daemon.config.links import LinksConfig
from daemon.config.load import load
from daemon.config.model import Config, InboxConfig, LogConfig, MetricsConfig, OcrConfig
from daemon.config.schema import schema
from daemon.config.section import Section
from daemon.config.units import (
    parse_duration,
    parse_size,
    written_duration,
    written_size,
)
from daemon.config.virus_scan import VirusScanConfig

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"


def test_the_example_loads() -> None:
    """What we show works as it stands, without anything in the environment."""
    config = load(EXAMPLE, environment={})
    assert set(config.inboxes) == {"receipts", "scans"}
    assert config.inboxes["receipts"].deliver == ("archive",)


@pytest.mark.parametrize(
    "model",
    [
        Config,
        InboxConfig,
        *OWN.values(),
        ClientCertificate,
        BearerAuth,
        BasicAuth,
        DigestAuth,
        HeaderAuth,
        TimeoutConfig,
        RetryConfig,
        OcrConfig,
        LogConfig,
        MetricsConfig,
        VirusScanConfig,
        LinksConfig,
    ],
)
def test_every_key_stands_in_the_example(model: type[Section]) -> None:
    """A key that the models know and nobody shows would not be found by anyone."""
    text = EXAMPLE.read_text()
    assert [key for key in model.model_fields if f"{key}:" not in text] == []


@pytest.mark.parametrize("key", sorted(set(InboxConfig.model_fields) - {"path", "deliver"}))
def test_the_example_shows_the_defaults_of_an_inbox(key: str) -> None:
    """Who copies it whole changes nothing."""
    config = load(EXAMPLE, environment={})
    shown = getattr(config.inboxes["receipts"], key)
    bare = InboxConfig.model_validate({"path": "/srv/inboxd/inbox"})
    folders = {"done", "rejected", "work"}
    assert shown == (getattr(bare, f"{key}_folder") if key in folders else getattr(bare, key))


def test_the_schema_knows_every_key_and_no_other() -> None:
    """An editor underlines what `check` refuses."""
    found = schema()
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    definitions = found["$defs"]
    assert set(found["properties"]) == set(Config.model_fields)
    for model in (InboxConfig, *OWN.values(), OcrConfig):
        shown = definitions[model.__name__]
        assert set(shown["properties"]) == set(model.model_fields)
        assert shown["additionalProperties"] is False


def test_the_schema_shows_defaults_as_they_are_written() -> None:
    """Nobody has to count zeros."""
    definitions = schema()["$defs"]

    def default(section: str, key: str) -> Any:
        return definitions[section]["properties"][key]["default"]

    assert default("InboxConfig", "max_size") == "25MB"
    assert default("InboxConfig", "max_pixels") == "100MP"
    assert default("InboxConfig", "settle") == "1s"
    assert default("RetryConfig", "give_up_after") == "24h"
    assert default("TimeoutConfig", "slowest") == "1KB/s"


@pytest.mark.parametrize("text", ["25MB", "4096B", "1TB", "0B"])
def test_sizes_are_written_as_they_are_read(text: str) -> None:
    """Both directions agree."""
    assert written_size(parse_size(text)) == text


@pytest.mark.parametrize("text", ["24h", "500ms", "1s", "90s", "1.5s", "5m", "0ms"])
def test_times_are_written_as_they_are_read(text: str) -> None:
    """Both directions agree."""
    assert written_duration(parse_duration(text)) == text
