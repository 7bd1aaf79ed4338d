"""The headers that say who we are, and the texts in them that nobody else may see."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from daemon.config.auth import Auth, BasicAuth, BearerAuth, DigestAuth, HeaderAuth, NoAuth
from daemon.delivery.secret import read_secret
from daemon.delivery.transport.digest import DigestProof
from daemon.errors import ConfigError, Problem

_SHORTEST = 8
"""Characters; what is shorter is no secret, and would be found everywhere."""
_SECRET_WORDS: Final = ("key", "token", "secret", "pass", "auth", "signature", "credential")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The header that carries the secret, or what makes it; and the texts that give it away."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    proof: DigestProof | None = None

    def spellings(self) -> tuple[bytes, ...]:
        """The secrets as a server may repeat them, plain or inside a JSON text."""
        plain = [text.encode() for text in self.secrets]
        return tuple({*plain, *(json.dumps(text)[1:-1].encode() for text in self.secrets)})


def private_texts(headers: Mapping[str, str], url: str) -> tuple[bytes, ...]:
    """What else of a configuration a server may repeat and nobody need see again.

    Values of headers and of the address's query, where variables of the environment put secrets;
    short ones and templates cannot be any.
    """
    values = [*headers.values(), *(value for _, value in parse_qsl(urlsplit(url).query))]
    pieces = urlsplit(url).query.replace("&", "=").split("=")
    found = {text for text in (*values, *pieces) if len(text) >= _SHORTEST and "{" not in text}
    return tuple({text.encode() for text in found} | {json.dumps(t)[1:-1].encode() for t in found})


def private_fields(fields: Mapping[str, str]) -> tuple[str, ...]:
    """The values of form fields that are secrets by their names, as in `{api_key: ...}`.

    Many forms have their key so. A template is none, nor is what is short.
    """
    return tuple(
        text
        for name, text in fields.items()
        if any(word in name.lower() for word in _SECRET_WORDS)
        and len(text) >= _SHORTEST
        and "{" not in text
    )


def credentials_of(auth: Auth, where: str) -> Credentials:
    """What a section `auth` stands for; raises ConfigError where its secret cannot be read."""
    if isinstance(auth, NoAuth):
        return Credentials()
    text = read_secret(auth.secret, where).reveal()
    if isinstance(auth, BasicAuth):
        pair = base64.b64encode(f"{auth.username}:{text}".encode()).decode()
        return Credentials({"Authorization": f"Basic {pair}"}, (text, pair))
    if isinstance(auth, DigestAuth):
        return Credentials(secrets=(text,), proof=DigestProof(auth.username, text))
    if not text.isascii():
        raise ConfigError([Problem(where, "a token must be plain ASCII text")])
    if isinstance(auth, BearerAuth):
        return Credentials({"Authorization": f"Bearer {text}"}, (text,))
    assert isinstance(auth, HeaderAuth)
    return Credentials({auth.name: text}, (text,))
