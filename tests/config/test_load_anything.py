"""Whatever stands in a configuration file, it is a configuration or a list of plain complaints."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.config.load import load
from daemon.config.model import Config
from daemon.errors import ConfigError

EXAMPLE: dict[str, Any] = {
    "state": "state",
    "workers": 2,
    "inboxes": {
        "box": {
            "path": "inbox",
            "settle": "1s",
            "include": ["*"],
            "max_size": "25MB",
            "deliver": ["web"],
            "read": "receipt",
        }
    },
    "destinations": {
        "web": {
            "type": "http",
            "url": "https://example.com/{name}",
            "data": {"source": "{inbox}"},
            "auth": {"type": "none"},
            "retry": {"attempts": 3, "initial": "1s"},
        }
    },
    "ocr": {"engine": "rapid"},
    "log": {"format": "json"},
}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=12),
    st.sampled_from(["-1s", "25 MB", "{nosuch}", "${NOSUCH}", "..", "/", "a/../b", "\0", "http"]),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


def _load(text: str) -> Config | ConfigError:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inboxd.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            return load(path, environment={})
        except ConfigError as error:
            return error


def _is_plain(outcome: Config | ConfigError) -> bool:
    """Each complaint names the file and uses no word of the library that found it."""
    if isinstance(outcome, Config):
        return True
    words = ("pydantic", "Value error", "validation error", "Traceback")
    return bool(outcome.problems) and all(
        "inboxd.yaml" in problem.where and not any(word in problem.message for word in words)
        for problem in outcome.problems
    )


@given(st.text(max_size=200))
@settings(max_examples=100)
def test_any_text_is_a_configuration_or_complained_of(text: str) -> None:
    """Including text that is no YAML at all."""
    assert _is_plain(_load(text))


@given(st.data())
@settings(max_examples=150)
def test_any_value_at_any_key_is_taken_or_complained_of(data: st.DataObject) -> None:
    """A person mistypes one thing in a configuration that was good."""
    config = copy.deepcopy(EXAMPLE)
    section: Any = config
    while True:
        key = data.draw(st.sampled_from(sorted(section)))
        if not isinstance(section[key], dict) or data.draw(st.booleans()):
            break
        section = section[key]
    match data.draw(st.sampled_from(["value", "name", "gone", "more"])):
        case "value":
            section[key] = data.draw(values)
        case "name":
            section[data.draw(st.text(max_size=8))] = section.pop(key)
        case "gone":
            del section[key]
        case _:
            section[data.draw(st.text(min_size=1, max_size=8))] = data.draw(values)
    assert _is_plain(_load(yaml.safe_dump(config, allow_unicode=True)))


def test_a_destination_type_that_is_no_word_is_complained_of() -> None:
    """Found by the test above; kept so that it is looked at every time."""
    config = copy.deepcopy(EXAMPLE)
    config["destinations"]["web"]["type"] = []
    outcome = _load(yaml.safe_dump(config))
    assert isinstance(outcome, ConfigError)
    assert "is not a word; known are" in str(outcome)
