"""Whether a file looks finished."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from daemon.watching.ending import HEAD, TAIL, Ending, judge_ending


def judge(content: bytes) -> Ending:
    return judge_ending(len(content), content[:HEAD], content[-TAIL:])


def picture(kind: str) -> bytes:
    image = Image.effect_noise((64, 64), 50).convert("RGB")
    data = io.BytesIO()
    image.save(data, kind)
    return data.getvalue()


class TestJudgeEnding:
    def test_empty(self) -> None:
        """A file without content is empty."""
        assert judge(b"") is Ending.EMPTY

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "PDF"])
    def test_whole_and_cut(self, kind: str) -> None:
        """A whole file is complete, and each beginning of it that shows its kind is cut."""
        content = picture(kind)
        assert judge(content) is Ending.COMPLETE
        assert judge(content[: len(content) // 2]) is Ending.CUT
        assert judge(content[:HEAD]) is Ending.CUT

    def test_padding(self) -> None:
        """A scanner's padding after the end does not make a file cut."""
        assert judge(picture("JPEG") + bytes(512)) is Ending.COMPLETE

    @pytest.mark.parametrize("order", ["little", "big"])
    def test_tiff(self, order: str) -> None:
        """A TIFF whose directory is not there yet is cut; once it is, its end says no more."""
        assert order in ("little", "big")
        mark = b"II*\0" if order == "little" else b"MM\0*"
        offset = (1000).to_bytes(4, "little" if order == "little" else "big")
        assert judge(mark + offset + bytes(500)) is Ending.CUT
        assert judge(mark + offset + bytes(2000)) is Ending.UNKNOWN
        assert judge(mark) is Ending.CUT
        assert judge(mark + bytes(4) + bytes(2000)) is Ending.CUT

    def test_streamed_riff(self) -> None:
        """A RIFF whose writer could not go back to note the length says nothing."""
        assert judge(b"RIFF\xff\xff\xff\xffWAVE" + bytes(50)) is Ending.UNKNOWN
        assert judge(b"RIFF") is Ending.CUT

    def test_other_content(self) -> None:
        """Content of no known kind says nothing about its end."""
        assert judge(b"hello") is Ending.UNKNOWN

    @given(st.binary(max_size=3000))
    def test_any_content(self, content: bytes) -> None:
        """No content is an error, and only an empty file is empty."""
        assert (judge(content) is Ending.EMPTY) == (not content)
