"""Which links an inbox may follow is said exactly, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config.links import LinksConfig
from tests.config.writing import complaints, loaded

TEXT = """
state: state
inboxes:
  box: {path: inbox, %s}
"""


def test_links_are_off_by_default(tmp_path: Path) -> None:
    """Nothing is fetched that nobody asked for."""
    assert loaded(tmp_path, TEXT % "read: none").inboxes["box"].links is None


def test_hosts_are_taken_in_any_case(tmp_path: Path) -> None:
    """With a star for all below one; https only, unless said otherwise."""
    links = loaded(tmp_path, TEXT % 'links: {hosts: [Example.COM., "*.example.org"]}').inboxes[
        "box"
    ]
    assert links.links == LinksConfig(hosts=("example.com", "*.example.org"))
    assert links.links.http is False


@pytest.mark.parametrize(
    "hosts",
    ["[]", '["*"]', '["https://example.com"]', '["example.com:80"]', '["a.*.com"]', "['-a.com']"],
)
def test_what_is_no_host_is_refused(tmp_path: Path, hosts: str) -> None:
    """A star alone would be every host that there is."""
    (found,) = complaints(tmp_path, TEXT % f"links: {{hosts: {hosts}}}")
    assert "hosts" in found


def test_originals_that_stay_leave_no_place_for_what_is_fetched(tmp_path: Path) -> None:
    """It is said, with what to do."""
    (found,) = complaints(tmp_path, TEXT % "links: {hosts: [example.com]}, originals: keep")
    assert "set originals to move or delete" in found
