"""TLS on our side: whom we trust, and what we show of ourselves."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Final

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from daemon.config.destinations import ClientCertificate, ServerDestinationConfig
from daemon.errors import ConfigError, Problem

_MISMATCHES: Final = frozenset({"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"})


@dataclass(frozen=True, slots=True)
class Trust:
    """What the connections of one destination are made with.

    `verify` is True, a file of certificate authorities, or False; `certificate` and `key` are the
    files of our own certificate, if any.
    """

    verify: bool | str = True
    certificate: str | None = None
    key: str | None = None

    @property
    def shown(self) -> tuple[str, str] | str | None:
        """Our certificate as requests takes it."""
        if self.certificate is None or self.key is None:
            return self.certificate
        return self.certificate, self.key

    def context(self) -> ssl.SSLContext:
        """A context for connections; raises OSError (ssl.SSLError too) where a file is no good."""
        context = ssl.create_default_context(cafile=self._authorities())
        context.set_alpn_protocols(["http/1.1"])
        if self.verify is False:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key, password=_nobody_to_ask)
        return context

    def _authorities(self) -> str | None:
        if self.verify is False:
            return None
        return DEFAULT_CA_BUNDLE_PATH if self.verify is True else self.verify


class EncryptedKeyError(Exception):
    """A private key needs a password, and nobody is there to type it."""


def _nobody_to_ask() -> str:
    raise EncryptedKeyError


def trust_of(name: str, config: ServerDestinationConfig, scheme: str) -> Trust:
    """What a destination's section says about TLS.

    Raises ConfigError where a file is missing or cannot be used, all of them tried now rather than
    with the first file to deliver.
    """
    shown = config.client_certificate
    verify = config.verify if isinstance(config.verify, bool) else str(config.verify)
    if shown is None:
        trust = Trust(verify)
    else:
        key = None if shown.key is None else str(shown.key)
        trust = Trust(verify, str(shown.certificate), key)
    if scheme != "https":
        if shown is not None:
            message = "a certificate is shown by TLS only; the URL must begin with https://"
            raise _problem(name, "client_certificate", message)
        return trust
    try:
        Trust(verify).context()
    except OSError as error:
        message = f"{verify} holds no certificates that can be read: {error.strerror}"
        raise _problem(name, "verify", message) from error
    if shown is not None:
        _try_certificate(name, shown, trust)
    return trust


def _try_certificate(name: str, shown: ClientCertificate, trust: Trust) -> None:
    where = "client_certificate"
    holder = shown.key or shown.certificate
    try:
        trust.context()
    except EncryptedKeyError as error:
        message = (
            f"the key in {holder} has a password, which nobody could type; "
            "write it without one: openssl pkey -in KEY -out NEWKEY"
        )
        raise _problem(name, where, message) from error
    except ssl.SSLError as error:
        if error.reason in _MISMATCHES:
            message = f"the key in {holder} does not belong to {shown.certificate}"
        elif shown.key is None:
            message = f"{holder} must hold a certificate and its key, both as PEM; or name `key`"
        else:
            message = f"{shown.certificate} and {shown.key} must be a certificate and its key (PEM)"
        raise _problem(name, where, message) from error
    except OSError as error:
        message = f"the certificate or its key cannot be read: {_unreadable(shown)}"
        raise _problem(name, where, message) from error


def _unreadable(shown: ClientCertificate) -> str:
    """Which of the two files cannot be read, and why; OpenSSL does not say."""
    for path in (shown.certificate, shown.key):
        if path is None:
            continue
        try:
            path.open("rb").close()
        except OSError as error:
            return f"{path}: {error.strerror}"
    return str(shown.certificate)


def _problem(name: str, key: str, message: str) -> ConfigError:
    return ConfigError([Problem(f"destinations.{name}.{key}", message)])
