"""From a file to a configuration, or to everything that is wrong with it at once."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from daemon.config import consistency, plugins
from daemon.config.destinations import DestinationConfig, PluginDestinationConfig
from daemon.config.explain import did_you_mean, explain
from daemon.config.model import Config, InboxConfig
from daemon.config.places import Document, Trail, parse
from daemon.config.rights import writers
from daemon.errors import ConfigError, Problem

_LARGEST = 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_Model = TypeVar("_Model", bound=BaseModel)


def load(path: str | os.PathLike[str], *, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration in a YAML file, with absolute paths and `${NAME}` filled in.

    Raises ConfigError naming every problem that was found, each with file, line and column.
    """
    return load_with_places(path, environment=environment)[0]


def load_with_places(
    path: str | os.PathLike[str], *, environment: Mapping[str, str] = os.environ
) -> tuple[Config, Document]:
    """As `load`, with the document that tells where each key stands."""
    file = os.fspath(path)
    document = parse(_text(file), file, environment)
    context = {"folder": os.path.dirname(os.path.abspath(file))}
    inboxes = {
        name: inbox
        for name in _named(document, "inboxes")
        if (inbox := _validate(document, InboxConfig, ("inboxes", name), context))
    }
    destinations = {
        name: destination
        for name in _named(document, "destinations")
        if (destination := _destination(document, name, context))
    }
    rest = _rest(document, context, environment)
    if "inboxes" not in document.data or document.data["inboxes"] in (None, {}):
        document.complain(("inboxes",), "is missing; name at least one folder to watch")
    consistency.check(document, inboxes, destinations, rest)
    problems = document.problems()
    if problems or rest is None:
        raise ConfigError(problems)
    return rest.model_copy(update={"inboxes": inboxes, "destinations": destinations}), document


def _text(file: str) -> str:
    """The text of a file; whatever keeps us from it is one ConfigError."""
    try:
        with open(file, "rb") as stream:
            status = os.fstat(stream.fileno())
            data = stream.read(_LARGEST + 1)
    except FileNotFoundError:
        message = "there is no such file; config.example.yaml is one to begin with"
    except PermissionError:
        message = f"no rights to read it; give them to user {os.geteuid()}"
    except IsADirectoryError:
        message = "this is a folder; name the configuration file in it"
    except (OSError, ValueError) as error:
        message = f"it cannot be read: {getattr(error, 'strerror', None) or error}"
    else:
        if len(data) > _LARGEST:
            message = "it is larger than 1 MB; this is no configuration"
        elif not (message := _open_to_others(file, status)):
            return _decoded(data, file)
    raise ConfigError([Problem(file, message)])


def _open_to_others(file: str, status: os.stat_result) -> str:
    """What is to be said of a file that others may change; empty where they may not."""
    if not stat.S_ISREG(status.st_mode):
        return ""
    if who := writers(status):
        return (
            f"{who} may write it, and with that say where files and secrets go; "
            f"chmod go-w {os.path.basename(file)}"
        )
    folder = os.path.dirname(os.path.realpath(file))
    mode = os.stat(folder).st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        return f"everyone may put another file in its place; chmod o-w {folder}"
    return ""


def _decoded(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise ConfigError(
            [Problem(f"{file}:{line}:{column}", "this is not UTF-8 text; save the file as UTF-8")]
        ) from None


def _at(data: Any, trail: Trail) -> Any:
    for step in trail:
        data = data[step]
    return data


def _validate(
    document: Document, model: type[_Model], trail: Trail, context: Mapping[str, Any]
) -> _Model | None:
    """What stands at a trail as a model; None, with the reasons noted, where it is not valid."""
    try:
        return model.model_validate(_at(document.data, trail), context=dict(context))
    except ValidationError as error:
        explain(document, error, model, trail)
        return None


def _named(document: Document, section: str) -> list[str]:
    """The names in `inboxes` or `destinations`; what cannot be a name is noted."""
    entries = document.data.get(section)
    if entries is None:
        return []
    if not isinstance(entries, dict):
        document.complain((section,), "write a name and, indented below it, its keys")
        return []
    for name in entries:
        if _NAME.fullmatch(name) is None:
            document.complain(
                (section, name), "a name has up to 64 letters, digits, - _ or .", key=True
            )
    return list(entries)


def _destination(
    document: Document, name: str, context: Mapping[str, Any]
) -> DestinationConfig | None:
    trail = ("destinations", name)
    entry = _at(document.data, trail)
    kind = entry.get("type") if isinstance(entry, dict) else "folder"
    known = plugins.destination_types()
    if kind is None:
        document.complain((*trail, "type"), f"is missing; known are {', '.join(known)}")
        return None
    if not isinstance(kind, str):
        document.complain((*trail, "type"), f"is not a word; known are {', '.join(known)}")
        return None
    if kind not in known:
        document.complain(
            (*trail, "type"),
            f"there is no destination type {kind[:40]!r}; {did_you_mean(kind, known)}",
        )
        return None
    found = _validate(document, plugins.destination_model(kind), trail, context)
    if isinstance(found, PluginDestinationConfig):
        _plugin_options(document, trail, found)
    return found


def _plugin_options(document: Document, trail: Trail, found: PluginDestinationConfig) -> None:
    """Let the package's own model check its options."""
    try:
        options = plugins.plugin_options(found.type)
    except ImportError as error:
        document.complain(
            (*trail, "type"), f"the package that provides {found.type} is broken: {error}"
        )
        return
    if options is not None:
        entry = _at(document.data, trail)
        entry["options"] = entry.get("options") or {}
        _validate(document, options, (*trail, "options"), {})


def _rest(
    document: Document, context: Mapping[str, Any], environment: Mapping[str, str]
) -> Config | None:
    """All that is neither an inbox nor a destination."""
    data = {**document.data, "inboxes": {}, "destinations": {}}
    if data.get("state") is None:
        folder = environment.get("STATE_DIRECTORY", "").partition(":")[0]
        data["state"] = folder or None
        if not folder:
            document.complain(
                ("state",), "is missing; name a folder for the ledger (or set $STATE_DIRECTORY)"
            )
    try:
        config = Config.model_validate(data, context=dict(context))
    except ValidationError as error:
        explain(document, error, Config)
        return None
    if config.ocr.engine not in plugins.engines():
        document.complain(
            ("ocr", "engine"),
            f"there is no engine {config.ocr.engine!r}; "
            + did_you_mean(config.ocr.engine, plugins.engines()),
        )
    return config
