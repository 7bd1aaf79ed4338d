"""Whose name requests to a bucket are signed with: a key given to us, or found in the usual chain.

Needs botocore (the extra `s3`).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final, Protocol

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from daemon.config.destinations import S3DestinationConfig
from daemon.delivery.secret import read_secret
from daemon.errors import ConfigError, DeliveryError, Problem

_CHAIN_FAILS: Final = (BotoCoreError, ClientError, OSError, RuntimeError, ValueError, KeyError)
"""What botocore's providers raise; a refreshed key that has expired already is a RuntimeError."""


@dataclass(frozen=True, slots=True)
class Key:
    """The halves of a key and, for a temporary one, its token."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class KeySource(Protocol):
    """Gives the key to sign with."""

    def key(self) -> Key:
        """The key that is valid now; raises DeliveryError where there is none."""
        ...


class GivenKey:
    """A key from the configuration, read once; raises ConfigError where it cannot be read."""

    def __init__(self, config: S3DestinationConfig, where: str) -> None:
        texts = {}
        for part in ("access_key", "secret_key", "session_token"):
            source = config.source(part)
            texts[part] = read_secret(source, f"{where}.{part}").reveal() if source else ""
        if not f"{texts['access_key']}{texts['session_token']}".isascii():
            raise ConfigError([Problem(where, "an access key and its token are plain ASCII text")])
        self._key = Key(texts["access_key"], texts["secret_key"], texts["session_token"] or None)

    def key(self) -> Key:
        """The key that was read."""
        return self._key


class UsualChain:
    """The key that botocore finds: environment, files, role, container, instance.

    It is looked for when first needed, renewed before it expires, and looked for again where there
    was none. Raises ConfigError on construction for a profile that does not exist.
    """

    def __init__(self, profile: str | None, where: str) -> None:
        self._session = botocore.session.Session(profile=profile)
        self._lock = threading.Lock()
        self._found: botocore.credentials.Credentials | None = None
        if profile is not None:
            try:
                known = self._session.available_profiles
            except _CHAIN_FAILS as error:
                raise ConfigError([Problem(where, f"the profiles cannot be read: {error}")]) from (
                    error
                )
            if profile not in known:
                names = ", ".join(known) or "none at all"
                message = f"there is no profile {profile!r}; there is {names}"
                raise ConfigError([Problem(where, message)])

    def key(self) -> Key:
        """The key that is valid now."""
        try:
            with self._lock:
                self._found = self._found or self._session.get_credentials()
            frozen = self._found.get_frozen_credentials() if self._found else None
        except _CHAIN_FAILS as error:
            raise DeliveryError(
                "no_credentials",
                f"the key for the bucket could not be had ({type(error).__name__}); see to the "
                "profile, role or service that gives it",
            ) from error
        if frozen is None:
            raise DeliveryError(
                "no_credentials",
                "there is no key for the bucket in the environment, the usual files, a container "
                "or an instance; set access_key_... and secret_key_..., or a profile",
            )
        return Key(frozen.access_key, frozen.secret_key, frozen.token)


def key_source(config: S3DestinationConfig, where: str) -> KeySource:
    """Where a destination's key comes from; raises ConfigError, naming what is `where`."""
    if config.source("access_key") is not None:
        return GivenKey(config, where)
    return UsualChain(config.profile, f"{where}.profile")
