"""How a destination is told who we are; where a secret is read from, never the secret itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from daemon.config.section import Section
from daemon.config.units import LocalPath
from daemon.config.words import HeaderName


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret is read from, exactly one of three; never the secret itself."""

    file: Path | None = None
    env: str | None = None
    credential: str | None = None


class NoAuth(Section):
    """No authentication."""

    type: Literal["none"] = "none"


class SecretAuth(Section):
    """Base of the kinds of authentication that need a secret."""

    credential: str | None = Field(
        None, description="the name given to LoadCredential= in the unit"
    )

    @property
    def secret(self) -> SecretSource:
        """Where the secret is read from."""
        return SecretSource(credential=self.credential)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        source = self.secret
        given = [at for at in (source.file, source.env, source.credential) if at is not None]
        if len(given) != 1:
            keys = [key for key in type(self).model_fields if key.endswith(("_file", "_env"))]
            count = "no source" if not given else f"{len(given)} sources"
            raise ValueError(
                f"the secret has {count}; give exactly one of {', '.join(keys)} and credential"
            )
        return self


class TokenAuth(SecretAuth):
    """Base of what is authenticated by a token."""

    token_file: LocalPath | None = None
    token_env: str | None = None

    @property
    def secret(self) -> SecretSource:
        """Where the token is read from."""
        return SecretSource(self.token_file, self.token_env, self.credential)


class BearerAuth(TokenAuth):
    """`Authorization: Bearer TOKEN` (RFC 6750)."""

    type: Literal["bearer"]


class PasswordAuth(SecretAuth):
    """Base of what is authenticated by a user name and a password."""

    username: str
    password_file: LocalPath | None = None
    password_env: str | None = None

    @property
    def secret(self) -> SecretSource:
        """Where the password is read from."""
        return SecretSource(self.password_file, self.password_env, self.credential)


class BasicAuth(PasswordAuth):
    """User name and password (RFC 7617)."""

    type: Literal["basic"]


class DigestAuth(PasswordAuth):
    """A proof of user name and password that does not show the latter (RFC 7616)."""

    type: Literal["digest"]


class HeaderAuth(TokenAuth):
    """A secret in a header of the server's choosing."""

    type: Literal["header"]
    name: HeaderName = "X-API-Key"


Auth = Annotated[
    NoAuth | BearerAuth | BasicAuth | DigestAuth | HeaderAuth, Field(discriminator="type")
]
