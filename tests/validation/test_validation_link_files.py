"""The address in a link file is found, and nothing in such a file does any harm."""

from __future__ import annotations

import plistlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import RefusedError
from daemon.validation.link_files import address_in

URL = "https://example.com/a.pdf?x=1"
GOOD = {
    "url": [
        f"[InternetShortcut]\r\nURL={URL}\r\nIconIndex=0\r\n".encode(),
        f"\ufeff[InternetShortcut]\nurl = {URL}".encode(),
        f"[InternetShortcut]\r\nURL={URL}\r\n".encode("utf-16"),
        f"[Other]\nURL=https://evil.net/\n[InternetShortcut]\nURL={URL}\n".encode(),
    ],
    "webloc": [plistlib.dumps({"URL": URL}, fmt=form) for form in plistlib.PlistFormat],
    "desktop": [f"[Desktop Entry]\nType=Link\nName=x\nURL={URL}\n".encode()],
}
ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>
<plist version="1.0"><dict><key>URL</key><string>https://example.com/&b;</string></dict></plist>"""
BAD = {
    "url": [b"", b"URL=https://example.com/", b"[InternetShortcut]\nURL=", b"\xff\xfe\x00"],
    "webloc": [
        *(b"", b"bplist00", b"<plist>", ENTITIES, plistlib.dumps({"URL": 1})),
        *(plistlib.dumps(["URL"]), plistlib.dumps({"URL": "a\nb"})),
        b"<plist><dict><key>URL</key>" + b"<array>" * 5000,
        b"bplist00" + b"\xff" * 64,
    ],
    "desktop": [
        b"[Desktop Entry]\nType=Application\nExec=rm -rf /\nURL=https://example.com/\n",
        b"[Desktop Entry]\nType=Link\n",
    ],
}


@pytest.mark.parametrize(("kind", "data"), [(kind, data) for kind in GOOD for data in GOOD[kind]])
def test_the_address_is_found(kind: str, data: bytes) -> None:
    """As the programs that make such files write it."""
    assert address_in(data, kind) == URL


@pytest.mark.parametrize(("kind", "data"), [(kind, data) for kind in BAD for data in BAD[kind]])
def test_what_holds_no_address_is_damaged(kind: str, data: bytes) -> None:
    """Whatever it is instead."""
    with pytest.raises(RefusedError) as caught:
        address_in(data, kind)
    assert caught.value.code == "damaged"
    assert "Error" not in caught.value.message


@given(st.sampled_from(sorted(GOOD)), st.binary(max_size=400))
def test_noise_ends_in_a_verdict(kind: str, data: bytes) -> None:
    """Never in another error."""
    try:
        found = address_in(data, kind)
    except RefusedError:
        return
    assert found
