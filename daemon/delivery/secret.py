"""A secret: read once at start, shown to no one."""

from __future__ import annotations

import os
from pathlib import Path

from daemon.config.auth import SecretSource
from daemon.errors import ConfigError, Problem

_MOST = 16 * 1024


class Secret:
    """A text that neither repr, str nor a log line gives away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself, to be put into a request and nowhere else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    __str__ = __repr__


def read_secret(source: SecretSource, where: str) -> Secret:
    """The secret that a section of the configuration points to.

    A file, a variable of the environment, or a systemd credential ($CREDENTIALS_DIRECTORY/NAME).
    Raises ConfigError, naming `where` the section stands, if it is missing, empty or not one line.
    """
    if source.file is not None:
        text = _read(source.file, where)
    elif source.env is not None:
        text = os.environ.get(source.env, "")
        if not text:
            raise _problem(where, f"the variable {source.env} is not set; set it, or use a file")
    else:
        name = source.credential or ""
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise _problem(
                where,
                f"there is no credential {name} outside systemd; "
                "add LoadCredential= to the unit, or use a file",
            )
        text = _read(Path(folder) / name, where)
    text = text.rstrip("\r\n")
    if not text:
        raise _problem(where, "the secret is empty")
    if not text.isprintable():
        raise _problem(where, "the secret must be one line of printable text")
    return Secret(text)


def _read(path: Path, where: str) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST).decode()
    except OSError as error:
        raise _problem(where, f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _problem(where, f"{path} is not text") from error


def _problem(where: str, message: str) -> ConfigError:
    return ConfigError([Problem(where, message)])
