"""What a configuration allows and should not be left unsaid: it works, and it lets others in,
or loses what was delivered before.
"""

from __future__ import annotations

import ipaddress
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from daemon.children import confinement
from daemon.config import template
from daemon.config.auth import DigestAuth, NoAuth
from daemon.config.destinations import (
    CloudinaryDestinationConfig,
    DestinationConfig,
    FolderDestinationConfig,
    HttpDestinationConfig,
    S3DestinationConfig,
    ServerDestinationConfig,
)
from daemon.config.model import Config
from daemon.config.section import Section


@dataclass(frozen=True, slots=True)
class Unsafe:
    """One such thing: its code, what to do about it, and the key that it is about."""

    code: str
    message: str
    key: str
    destination: str | None = None


def unsafe(config: Config) -> Iterator[Unsafe]:
    """All that is unsafe about a configuration, this user and this machine."""
    if os.geteuid() == 0:
        yield Unsafe(
            "runs_as_root",
            "this is root, whose rights a mistake of ours would have; run it as a user of its own",
            "state",
        )
    for lack in confinement.missing():
        message = f"parsers cannot be confined as they should: {lack}; use a newer kernel"
        yield Unsafe("unconfined", message, "state")
    if config.ocr.engine == "ocrspace" and _in_clear(config.ocr.endpoint):
        yield _secret_in_clear(config.ocr.endpoint, "ocr.endpoint", None)
    yield from _secrets_for_all(config.ocr, "ocr", None)
    for name, destination in config.destinations.items():
        yield from _of_destination(name, destination)
        yield from _one_name(name, destination)
        yield from _secrets_for_all(destination, f"destinations.{name}", name)


def _of_destination(name: str, destination: DestinationConfig) -> Iterator[Unsafe]:
    if not isinstance(destination, ServerDestinationConfig):
        return
    if destination.verify is False:
        yield Unsafe(
            "tls_unverified",
            "certificates are not verified, so that anyone on the way can read and answer; "
            "name a CA file in verify",
            f"destinations.{name}.verify",
            name,
        )
    url = getattr(destination, "url", None)
    # Digest authentication proves that we know the secret without telling it.
    shown = not isinstance(getattr(destination, "auth", NoAuth()), NoAuth | DigestAuth)
    if shown and isinstance(url, str) and _in_clear(url):
        yield _secret_in_clear(url, f"destinations.{name}.url", name)


def _one_name(name: str, destination: DestinationConfig) -> Iterator[Unsafe]:
    """A destination where files replace each other, because all of them get the same name."""
    match destination:
        case HttpDestinationConfig(method="PUT", url=pattern):
            key = "url"
        case S3DestinationConfig(create_once=False | None, key=pattern):
            key = "key"
        case FolderDestinationConfig(collision="overwrite", name=pattern):
            key = "name"
        case CloudinaryDestinationConfig(overwrite=True, public_id=pattern) if pattern:
            key = "public_id"
        case _:
            return
    if pattern.endswith("/") or template.tells_files_apart(pattern):
        return
    yield Unsafe(
        "one_name_for_all",
        "each file replaces the one before, since all get the same name; put a field such as "
        "{name} or {sha256} into it",
        f"destinations.{name}.{key}",
        name,
    )


def _secrets_for_all(section: Section, key: str, destination: str | None) -> Iterator[Unsafe]:
    """Files with secrets that every user of the machine may read."""
    for name, value in section:
        if isinstance(value, Section):
            yield from _secrets_for_all(value, f"{key}.{name}", destination)
        elif name.endswith("_file") and isinstance(value, Path) and _is_for_all(value):
            message = f"everyone on this machine may read {value}; chmod o-r it"
            yield Unsafe("secret_readable", message, f"{key}.{name}", destination)


def _is_for_all(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False  # whoever reads it says what is the matter


def _secret_in_clear(url: str, key: str, destination: str | None) -> Unsafe:
    return Unsafe(
        "secret_in_clear",
        f"the secret goes to {urlsplit(url).hostname} without TLS, where anyone on the way can "
        "read it; use https",
        key,
        destination,
    )


def _in_clear(url: str) -> bool:
    """Whether what is sent to a URL leaves this machine without TLS."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True
