"""Signature Version 4 of requests to S3, by botocore's signer (the extra `s3`)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from botocore.auth import S3SigV4Auth

from daemon.config.destinations import S3DestinationConfig
from daemon.delivery.s3.keys import key_source

_SIGNED: Final = ("content-type", "x-amz-")
"""What has to be signed beside the host; other headers may be changed on the way."""
_SERVICE: Final = "s3"
logging.getLogger("botocore.auth").setLevel(logging.INFO)  # below it says what it signs, tokens too


@dataclass(slots=True)
class _Unsigned:
    """A request in the shape that botocore's signer takes."""

    method: str
    url: str
    headers: dict[str, str]
    context: dict[str, Any]
    params: Mapping[str, str] = field(default_factory=dict)


class _Signature(S3SigV4Auth):  # type: ignore[misc]  # botocore ships no types
    """botocore's signature, told the digest of a body that it does not see."""

    def payload(self, request: _Unsigned) -> str:
        """The digest that is signed."""
        digest: str = request.context["payload"]
        return digest


class Signer:
    """Signs requests to one bucket; raises ConfigError where its key cannot be read."""

    def __init__(self, config: S3DestinationConfig, where: str) -> None:
        self._region = config.region
        self._keys = key_source(config, where)

    def sign(self, request: requests.PreparedRequest, payload: str) -> None:
        """Add the headers that prove who sends a request; raises DeliveryError for want of a key.

        Args: `payload` is the body's sha256 in hexadecimal, or what S3 takes in its place.
        """
        url = request.url or ""
        headers = {n: v for n, v in request.headers.items() if n.lower().startswith(_SIGNED)}
        headers["Host"] = urlsplit(url).netloc
        unsigned = _Unsigned(request.method or "GET", url, headers, {"payload": payload})
        _Signature(self._keys.key(), _SERVICE, self._region).add_auth(unsigned)
        del headers["Host"]
        request.headers.update(headers)

    def secrets(self) -> tuple[str, ...]:
        """The texts that no answer may bring to a log or a sidecar."""
        key = self._keys.key()
        return (key.secret_key, *filter(None, [key.token]))
