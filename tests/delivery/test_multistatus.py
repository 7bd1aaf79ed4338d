"""What a WebDAV server tells about a resource is read, and nothing in it does harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.delivery.webdav.multistatus import Resource, resource_of

FILE = b"""<?xml version="1.0"?>
<d:multistatus xmlns:d="DAV:" xmlns:x="urn:other"><d:response><d:href>/a</d:href><d:propstat>
<d:prop><d:resourcetype/><d:getcontentlength> 12 </d:getcontentlength><x:getetag>no</x:getetag>
<d:getetag>&quot;a&amp;b&quot;</d:getetag></d:prop><d:status>HTTP/1.1 200 OK</d:status>
</d:propstat><d:propstat><d:prop><d:quota-available-bytes/></d:prop>
<d:status>HTTP/1.1 404 Not Found</d:status></d:propstat></d:response></d:multistatus>"""
FOLDER = b"""<multistatus xmlns="DAV:"><response><href>/</href><propstat><prop>
<resourcetype><collection/></resourcetype><quota-available-bytes>5000</quota-available-bytes>
</prop></propstat></response><response><href>/b</href><propstat><prop><getetag>other</getetag>
</prop></propstat></response></multistatus>"""
LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>
<d:multistatus xmlns:d="DAV:"><d:response><d:getetag>&b;</d:getetag></d:response></d:multistatus>"""


def test_file_and_folder() -> None:
    """Sizes, tags and room are found whatever the prefixes; only the first resource counts."""
    assert resource_of(FILE) == Resource(size=12, tag='"a&b"')
    assert resource_of(FOLDER) == Resource(is_folder=True, room=5000)


@pytest.mark.parametrize(
    "content",
    [b"", b"<html><body>Welcome</body></html>", b"<multistatus/>", FILE[:200], LAUGHS],
    ids=["nothing", "page", "no namespace", "cut off", "entities"],
)
def test_what_is_no_answer(content: bytes) -> None:
    """Pages, halves, and documents that define entities are no answer."""
    assert resource_of(content) is None


@given(st.binary(max_size=300), st.integers(0, len(FILE)), st.integers(0, 50))
def test_damaged(data: bytes, at: int, cut: int) -> None:
    """Any bytes are read or refused."""
    resource_of(data)
    found = resource_of(FILE[:at] + data + FILE[at + cut :])
    assert found is None or found.size is None or found.size >= 0
