"""How long it takes to get a connection to the server of a destination."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import urlsplit

from daemon.config.destinations import (
    CloudinaryDestinationConfig,
    DestinationConfig,
    S3DestinationConfig,
    ServerDestinationConfig,
)
from daemon.delivery.s3.bucket import Bucket
from daemon.delivery.transport.connecting import Origin, Patience, connect
from daemon.delivery.transport.trust import trust_of
from daemon.errors import InboxdError

_TIMES: Final = 5
_PORTS: Final = {"http": 80, "https": 443}


def connect_seconds(name: str, config: DestinationConfig) -> float | None:
    """The longest of a few connects, name and TLS included; None where none can be measured.

    That is so for what has no server, or is reached by a proxy, and where a connect fails.
    """
    if not isinstance(config, ServerDestinationConfig) or config.proxy is not None:
        return None
    parts = urlsplit(_address(config))
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    origin = Origin(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme])
    longest = 0.0
    try:
        trust = trust_of(name, config, parts.scheme)
        context = trust.context() if parts.scheme == "https" else None
        for _ in range(_TIMES):
            began = time.perf_counter()
            connect(origin, context, Patience(config.timeout.connect)).close()
            longest = max(longest, time.perf_counter() - began)
    except (OSError, InboxdError):
        return None
    return longest


def _address(config: ServerDestinationConfig) -> str:
    if isinstance(config, S3DestinationConfig):
        return Bucket(config).url
    if isinstance(config, CloudinaryDestinationConfig):
        return config.endpoint
    return str(getattr(config, "url", ""))
