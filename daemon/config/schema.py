"""The JSON Schema of a configuration, for editors that complete and check while one types."""

from __future__ import annotations

import functools
import operator
from typing import Any

from pydantic import Field, create_model

from daemon.config.destinations import OWN, PluginDestinationConfig
from daemon.config.model import Config, InboxConfig
from daemon.config.units import (
    LocalPath,
    written_duration,
    written_pixels,
    written_rate,
    written_size,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"


_IN_UNITS = {
    "size": written_size,
    "duration": written_duration,
    "pixels": written_pixels,
    "rate": written_rate,
}


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a configuration file; sizes and times are text with a unit."""
    kinds: Any = functools.reduce(operator.or_, OWN.values(), PluginDestinationConfig)
    where = "folder of the ledger; $STATE_DIRECTORY when absent"
    written = create_model(
        "inboxd",
        __base__=Config,
        __doc__="A configuration of inboxd.",
        state=(LocalPath | None, Field(None, description=where)),
        inboxes=(dict[str, InboxConfig], Field(min_length=1)),
        destinations=(dict[str, kinds], Field(default_factory=dict)),
    )
    found = _as_written(written.model_json_schema())
    own = {"type": "string", "not": {"enum": list(OWN)}}
    found["$defs"]["PluginDestinationConfig"]["properties"]["type"] = own
    return {"$schema": DIALECT, "$id": "inboxd/config/1", **found}


def _as_written(part: Any) -> Any:
    """Defaults as a person writes them; a section's own default is that of its keys."""
    if isinstance(part, list):
        return [_as_written(item) for item in part]
    if not isinstance(part, dict):
        return part
    part = {key: _as_written(value) for key, value in part.items()}
    default = part.get("default")
    form = part.get("format")
    if isinstance(form, str) and form in _IN_UNITS and isinstance(default, int | float):
        part["default"] = _IN_UNITS[form](default)
    if "$ref" in part or "discriminator" in part:
        part.pop("default", None)
    return part
