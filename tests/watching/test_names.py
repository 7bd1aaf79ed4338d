"""Which names are ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.model import InboxConfig
from daemon.watching.names import CANARY_NAME, Selection

DEFAULT = Selection(
    InboxConfig.model_fields["include"].default, InboxConfig.model_fields["exclude"].default
)
EVERYTHING = Selection(["*"], [])


class TestSelection:
    @pytest.mark.parametrize(
        "name", [b"a.pdf", b"a", b"a b.JPG", b"\xff\xfe", b"new\nline", "ü.png".encode(), b"~a"]
    )
    def test_default_takes(self, name: bytes) -> None:
        """By default every ordinary name is taken, whatever its bytes."""
        assert DEFAULT.takes(name)

    @pytest.mark.parametrize("name", [b".hidden", b"a.part", b"a.tmp", b"~$a.docx", b".a.pdf.X1"])
    def test_default_leaves(self, name: bytes) -> None:
        """By default what programs write beside their files is left alone."""
        assert not DEFAULT.takes(name)
        assert DEFAULT.excludes(name)

    @pytest.mark.parametrize("name", [CANARY_NAME, b".inboxd-x", b".nfs00000000012345670000abcd"])
    def test_never(self, name: bytes) -> None:
        """Our own files and an NFS client's leftovers are never taken, whatever is configured."""
        assert not EVERYTHING.takes(name)
        assert EVERYTHING.excludes(name)

    def test_nfs_is_only_a_beginning(self) -> None:
        """A name that only begins like an NFS leftover is an ordinary one."""
        assert EVERYTHING.takes(b".nfs-settings.pdf")

    def test_case(self) -> None:
        """Patterns are case sensitive."""
        selection = Selection(["*.pdf"], ["X*"])
        assert selection.takes(b"x.pdf")
        assert not selection.takes(b"x.PDF")
        assert not selection.takes(b"X.pdf")

    def test_include_is_about_files(self) -> None:
        """A folder need not match what files must match, but may not match what is excluded."""
        selection = Selection(["*.pdf"], [".*"])
        assert selection.takes(b"2026/may/x.pdf")
        assert not selection.takes(b"2026/.git/x.pdf")
        assert not selection.takes(b".git/x.pdf")
        assert not selection.takes(b"2026/x.jpg")

    def test_path(self) -> None:
        """A pattern with a slash is about the path from the inbox."""
        selection = Selection(["*.pdf", "scans/*.jpg"], ["old/*", "2026/drafts/"])
        assert selection.takes(b"x.pdf")
        assert selection.takes(b"scans/x.jpg")
        assert selection.takes(b"scans/2026/x.jpg")
        assert selection.takes(b"very/old/x.pdf")
        assert not selection.takes(b"x.jpg")
        assert not selection.takes(b"more/scans/x.jpg")
        assert not selection.takes(b"old/x.pdf")
        assert not selection.takes(b"old/2026/x.pdf")
        assert not selection.takes(b"2026/drafts/x.pdf")

    def test_only_paths(self) -> None:
        """Where every pattern has a slash, what lies at the top of the inbox is left alone."""
        selection = Selection(["scans/*"], [])
        assert selection.takes(b"scans/x.pdf")
        assert not selection.takes(b"x.pdf")

    def test_one_character(self) -> None:
        """A question mark stands for one character, not one byte of it."""
        selection = Selection(["?.pdf"], [])
        assert selection.takes("ü.pdf".encode())
        assert selection.takes(b"\xff.pdf")
        assert not selection.takes(b"ab.pdf")

    def test_no_include(self) -> None:
        """With no include pattern nothing is taken."""
        assert not Selection([], []).takes(b"a.pdf")

    @given(st.binary(min_size=1, max_size=255).filter(lambda name: b"/" not in name))
    def test_any_name(self, name: bytes) -> None:
        """What is excluded is never taken, and no name is an error."""
        assert EVERYTHING.takes(name) != EVERYTHING.excludes(name)
