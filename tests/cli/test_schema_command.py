"""`inboxd schema`."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Command


@pytest.mark.parametrize(("subject", "key"), [("sidecar", "receipt"), ("config", "inboxes")])
def test_a_schema_is_json_and_nothing_else(inboxd: Command, subject: str, key: str) -> None:
    """It can be piped into a file."""
    result = inboxd("schema", subject)
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert key in found["properties"]
