"""The key for a bucket comes from where the configuration says, or from the usual places."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from daemon.config.destinations import S3DestinationConfig
from daemon.delivery.s3.keys import Key, key_source
from daemon.errors import ConfigError, DeliveryError, Kind
from tests.exchange import Exchange
from tests.receiver import Receiver, raw

USUAL = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment that knows of no key."""
    for name in USUAL:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def config(**options: object) -> S3DestinationConfig:
    section = {"type": "s3", "bucket": "receipts", **options}
    return S3DestinationConfig.model_validate(section)


def key(**options: object) -> Key:
    return key_source(config(**options), "destinations.bucket").key()


def test_key_from_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part of a key has a source of its own."""
    monkeypatch.setenv("ID", "AK1")
    monkeypatch.setenv("SECRET", "sk1")
    monkeypatch.setenv("TOKEN", "t1")
    assert key(access_key_env="ID", secret_key_env="SECRET") == Key("AK1", "sk1")
    found = key(access_key_env="ID", secret_key_env="SECRET", session_token_env="TOKEN")
    assert found == Key("AK1", "sk1", "t1")
    assert "sk1" not in repr(found)
    assert "t1" not in repr(found)


def test_key_from_files_and_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file and what systemd hands over may be mixed."""
    (tmp_path / "id").write_text("AK2\n")
    (tmp_path / "handed").write_text("sk2\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert key(access_key_file=tmp_path / "id", secret_key_credential="handed") == Key("AK2", "sk2")


def test_secret_that_is_missing() -> None:
    """A source that does not exist is an error at the start, with its place."""
    with pytest.raises(ConfigError) as caught:
        key(access_key_env="NO_SUCH", secret_key_env="NO_SUCH")
    assert caught.value.problems[0].where == "destinations.bucket.access_key"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"access_key_env": "A"}, "give both"),
        ({"secret_key_env": "A"}, "give both"),
        ({"session_token_env": "A"}, "belongs to an access_key"),
        (
            {"access_key_env": "A", "access_key_file": "/a", "secret_key_env": "B"},
            "several sources",
        ),
        ({"access_key_env": "A", "secret_key_env": "B", "profile": "p"}, "not both"),
        ({"kms_key": "k"}, "kms_key needs"),
        ({"endpoint": "https://{name}.example.com/"}, "must name a server"),
        ({"endpoint": "https://example.com/{name}"}, "one address"),
        ({"part_size": "4MiB"}, "greater than or equal"),
        ({"part_size": "6GiB"}, "less than or equal"),
        ({"bucket": "a/b"}, "is no bucket"),
        ({"storage_class": "a\nb"}, "one line"),
        ({"metadata": {"a b": "x"}}, "metadata"),
    ],
)
def test_sections_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    """What cannot work is refused when the configuration is read."""
    with pytest.raises(ValidationError, match=message):
        config(**options)


def test_usual_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word in the configuration the environment is asked."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK3")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sk3")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t3")
    assert key() == Key("AK3", "sk3", "t3")


def test_profiles(tmp_path: Path) -> None:
    """The usual files are read, the default profile or the one that is named."""
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = AK4\naws_secret_access_key = sk4\n"
        "[backup]\naws_access_key_id = AK5\naws_secret_access_key = sk5\n"
    )
    assert key() == Key("AK4", "sk4")
    assert key(profile="backup") == Key("AK5", "sk5")
    with pytest.raises(ConfigError, match="there is default, backup"):
        key(profile="backups")


def test_profile_without_files() -> None:
    """A profile is named, and there is no file with any."""
    with pytest.raises(ConfigError, match="none at all"):
        key(profile="backup")


def test_no_key_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no place knows a key the delivery waits, and takes one that appears."""
    source = key_source(config(), "destinations.bucket")
    with pytest.raises(DeliveryError) as caught:
        source.key()
    assert (caught.value.code, caught.value.kind) == ("no_credentials", Kind.TRANSIENT)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK6")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sk6")
    assert source.key() == Key("AK6", "sk6")


class Service:
    """A service of a container that gives temporary keys, each with the next number."""

    def __init__(self) -> None:
        self.given = 0
        self.lasts = timedelta(hours=1)

    def __call__(self, exchange: Exchange) -> None:
        self.given += 1
        body = {
            "AccessKeyId": f"AK-{self.given}",
            "SecretAccessKey": f"canary-{self.given}",
            "Token": f"token-{self.given}",
            "Expiration": (datetime.now(UTC) + self.lasts).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        exchange.answer(200, {"Content-Type": "application/json"}, json.dumps(body).encode())


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    made = Service()
    with Receiver(otherwise=made) as receiver:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{receiver.url}key")
        yield made


def test_temporary_keys(service: Service) -> None:
    """A temporary key is used while it is good, and renewed before it is not."""
    source = key_source(config(), "destinations.bucket")
    assert source.key() == source.key() == Key("AK-1", "canary-1", "token-1")
    service.lasts = timedelta(seconds=30)
    short = key_source(config(), "destinations.bucket")
    assert short.key() != short.key()
    service.lasts = timedelta(hours=1)
    assert short.key() == short.key() != source.key()


def test_service_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that gives no key is an error that passes, and nothing secret is in it."""
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    with Receiver(otherwise=raw(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ncanary")) as receiver:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{receiver.url}key")
        with pytest.raises(DeliveryError) as caught:
            key()
    assert (caught.value.code, caught.value.kind) == ("no_credentials", Kind.TRANSIENT)
    assert "canary" not in caught.value.message


def test_secrets_in_the_log(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """What botocore says of its work reaches no log, at no level."""
    service.lasts = timedelta(seconds=30)
    with caplog.at_level(logging.DEBUG):
        source = key_source(config(), "destinations.bucket")
        source.key()
        source.key()
    assert "canary" not in caplog.text
    assert "token-" not in caplog.text
