"""The JSON Schema of a sidecar."""

from __future__ import annotations

from typing import Any

from daemon.sidecar.model import Sidecar

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a sidecar of this version."""
    found = Sidecar.model_json_schema(by_alias=True)
    return {"$schema": DIALECT, "$id": "inboxd/sidecar/1", **found}
