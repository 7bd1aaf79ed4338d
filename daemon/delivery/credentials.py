"""The headers that say who we are, and the texts in them that nobody else may see."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from daemon.config.auth import Auth, BasicAuth, BearerAuth, DigestAuth, HeaderAuth, NoAuth
from daemon.delivery.digest import DigestProof
from daemon.delivery.secret import read_secret
from daemon.errors import ConfigError, Problem


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
