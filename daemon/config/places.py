"""YAML as plain data that remembers where each key and value stands in the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from daemon.errors import ConfigError, Problem

Trail = tuple[str | int, ...]
"""The keys and list positions that lead to a value."""

_MOST_VALUES = 50_000
_PREFIX = "tag:yaml.org,2002:"
_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{")


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the file, counted from 1."""

    line: int
    column: int


def dotted(trail: Trail) -> str:
    """A trail as people write it: `inboxes.receipts.accept[2]`."""
    text = ""
    for step in trail:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text


@dataclass(slots=True)
class Document:
    """A parsed file: its data, the places of keys and values, and what is wrong with it so far."""

    file: str
    data: dict[str, Any] = field(default_factory=dict)
    keys: dict[Trail, Place] = field(default_factory=dict)
    values: dict[Trail, Place] = field(default_factory=dict)
    substituted: set[Trail] = field(default_factory=set)
    _problems: dict[Trail, tuple[Place | None, str]] = field(default_factory=dict)

    def complain(self, trail: Trail, message: str, *, key: bool = False) -> None:
        """Note a problem with the value at a trail, or with its key; the first one counts.

        Where the trail leads to nothing, the nearest thing above it is named.
        """
        if trail not in self._problems:
            self._problems[trail] = (self._place(trail, key=key), message)

    def where(self, text: str) -> str:
        """FILE:LINE:COLUMN of a dotted trail, or of the nearest thing above it."""
        place = self._place(tuple(text.split(".")), key=True)
        return f"{self.file}:{place.line}:{place.column}" if place else self.file

    def problems(self) -> list[Problem]:
        """All that was noted, in the order of the file."""
        in_order = sorted(
            self._problems.items(),
            key=lambda item: (item[1][0].line, item[1][0].column) if item[1][0] else (0, 0),
        )
        return [
            Problem(
                f"{self.file}:{place.line}:{place.column}" if place else self.file,
                f"{dotted(trail)}: {message}" if trail else message,
            )
            for trail, (place, message) in in_order
        ]

    def _place(self, trail: Trail, *, key: bool) -> Place | None:
        first = self.keys if key else self.values
        while trail:
            place = first.get(trail) or self.keys.get(trail) or self.values.get(trail)
            if place is not None:
                return place
            trail, first = trail[:-1], self.keys
        return self.values.get(())


def parse(text: str, file: str, environment: Mapping[str, str]) -> Document:
    """Plain data from YAML text, with `${NAME}` filled in from the environment.

    Only mappings, lists, text, whole and decimal numbers, true, false and null exist (the core
    schema of YAML 1.2, section 10.3.2), so `no` and `12:30` stay what they look like. A key that
    stands twice, an unknown tag or a variable that is not set is noted as a problem.

    Raises ConfigError where the text is not YAML at all.
    """
    document = Document(file)
    root = _compose(text, file)
    if root is None:
        raise ConfigError([Problem(file, "the file is empty; config.example.yaml shows what fits")])
    data = _Builder(document, environment).build(root, ())
    if not isinstance(data, dict):
        document.complain((), "the file must hold keys such as `inboxes:`, one to a line")
        raise ConfigError(document.problems())
    document.data = data
    return document


class _Loader(yaml.SafeLoader):
    """Parses; the tags of plain values follow YAML 1.2, where only true and false are truths."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  # filled below, for this class alone


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("int", r"[-+]?[0-9]{1,18}", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]{1,3})?",
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(_PREFIX + _tag, re.compile(rf"^(?:{_pattern})$"), list(_first))
_Loader.add_implicit_resolver(_PREFIX + "null", re.compile(r"^$"), [""])


def _compose(text: str, file: str) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"the character U+{error.character:04X} is not allowed in YAML"
        raise ConfigError([Problem(f"{file}:{line}", message)]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        unquoted = mark is not None and text[mark.index - 1 : mark.index + 1] == "${"
        message = _UNQUOTED if unquoted else _plainly(error)
        raise ConfigError([Problem(where, message)]) from None
    except RecursionError:
        raise ConfigError([Problem(file, "the file is nested too deeply")]) from None


_UNQUOTED = 'between brackets, put quotes around a value with a variable: "${NAME}"'
_PLAINLY = (
    ("'\\t'", "a tab stands where only spaces may; indent with spaces"),
    ("another document", "a second document begins here; keep everything in one, without `---`"),
    (
        "mapping values are not allowed",
        "a colon stands where no key can be; check the indentation or put quotes around the text",
    ),
    (
        "could not find expected ':'",
        "a colon is missing after a key just above, or the indentation is off",
    ),
    ("undefined alias", "an alias (*name) stands here that is not defined above it with &name"),
    ("block end", "this does not fit what is above; check the indentation"),
    ("expected ',' or", "a list or section in brackets is not closed above"),
    ("unexpected end of stream", "a quote is opened and never closed"),
    ("that cannot start any token", "put quotes around text that begins with a special character"),
)


def _plainly(error: yaml.MarkedYAMLError) -> str:
    """What a YAML error means to the person who typed it."""
    problem = error.problem or "it cannot be read"
    found = (meaning for words, meaning in _PLAINLY if words in problem)
    return next(found, f"this is not YAML: {problem}")


class _Builder:
    """Turns nodes into data and notes where each stood."""

    def __init__(self, document: Document, environment: Mapping[str, str]) -> None:
        self._document = document
        self._environment = environment
        self._open: set[int] = set()
        self._count = 0

    def build(self, node: yaml.Node, trail: Trail) -> Any:
        """The data of a node and of all below it."""
        self._count += 1
        self._document.values.setdefault(trail, _place(node))
        if id(node) in self._open or self._count > _MOST_VALUES:
            self._document.complain(trail, "an alias leads back to itself or multiplies too far")
            raise ConfigError(self._document.problems())
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, trail)
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*trail, at)) for at, item in enumerate(node.value)]
            return self._scalar(node, trail)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, trail: Trail) -> dict[str, Any]:
        inherited: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _PREFIX + "merge":
                inherited.update(self._inherited(value_node, trail))
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._document.complain(trail, "a key must be a single word")
            elif key_node.tag != _PREFIX + "merge":
                self._entry(own, key_node, value_node, trail)
        return {**inherited, **own}

    def _entry(
        self, own: dict[str, Any], key_node: yaml.ScalarNode, value_node: yaml.Node, trail: Trail
    ) -> None:
        here = (*trail, str(key_node.value))
        if here[-1] in own:
            again = key_node.start_mark.line + 1
            self._document.complain(
                here, f"is given twice, here and on line {again}; keep one of them", key=True
            )
            return
        self._document.keys[here] = _place(key_node)
        own[key_node.value] = self.build(value_node, here)

    def _inherited(self, node: yaml.Node, trail: Trail) -> dict[str, Any]:
        """What `<<: *name` brings in."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for source in reversed(nodes):
            if isinstance(source, yaml.MappingNode):
                merged.update(self.build(source, trail))
            else:
                self._document.complain((*trail, "<<"), "<< takes an alias of a section")
        return merged

    def _scalar(self, node: yaml.Node, trail: Trail) -> Any:
        text = str(node.value)
        match node.tag.removeprefix(_PREFIX):
            case "str":
                return self._substitute(text, trail)
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" if text.lstrip("+-").isdigit():
                return int(text)
            case "float":
                return float(text)
        self._document.complain(trail, f"the tag {node.tag} is not known here; leave it out")
        return None

    def _substitute(self, text: str, trail: Trail) -> str:
        def fill(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            if match[1] is None:
                self._document.complain(
                    trail, "${ begins a variable such as ${NAME}; write $${ for the plain text"
                )
            elif match[1] not in self._environment:
                self._document.complain(
                    trail, f"${{{match[1]}}} is not set in the environment; set it, "
                    "or write $${ for the plain text"
                )  # fmt: skip
            else:
                self._document.substituted.add(trail)
                return self._environment[match[1]]
            return ""

        return _VARIABLE.sub(fill, text)


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
