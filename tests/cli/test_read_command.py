"""`inboxd read`: single files, without a configuration."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from daemon.demo import catalogue
from daemon.demo.facts import Receipt
from daemon.demo.render import draw
from daemon.demo.samples import draw_receipt
from tests.cli.conftest import Command, Process


def drawn(path: Path) -> Receipt:
    """Draw a receipt as a JPEG; what stands on it is known."""
    trade = catalogue.GROCER
    receipt = draw_receipt(1, trade)
    draw(receipt, trade.language, trade.layout, trade.style).save(path, "JPEG")
    return receipt


def test_files_are_read_in_the_order_given(process: Process, tmp_path: Path) -> None:
    """Facts of the file, its text, the receipt; and for what cannot be read, why."""
    picture, empty = tmp_path / "r.jpg", tmp_path / "empty.jpg"
    receipt = drawn(picture)
    empty.touch()
    result = process("read", empty, picture, tmp_path / "none.pdf", "--json")
    assert (result.returncode, result.stderr) == (1, "")
    first, second, third = json.loads(result.stdout)
    assert [first["error"]["code"], second["error"], third["error"]["code"]] == [
        "empty",
        None,
        "unreadable",
    ]
    assert second["receipt"]["total"]["value"] == str(receipt.total)
    assert second["receipt"]["date"]["value"] == receipt.moment.date().isoformat()
    assert second["ocr"]["engine"] == "rapid"
    assert second["ocr"]["text"]
    assert second["file"]["sha256"] == hashlib.sha256(picture.read_bytes()).hexdigest()
    assert second["file"]["media_type"] == "image/jpeg"
    assert set(second["file"]) == {
        "name",
        "path",
        "size",
        "sha256",
        "media_type",
        "received",
        "modified",
    }


def test_people_get_a_table(inboxd: Command, tmp_path: Path) -> None:
    """Also of what could not be read; the reason stands on stderr."""
    (tmp_path / "words.txt").write_text("no receipt")
    result = inboxd("read", tmp_path / "words.txt", tmp_path)
    assert result.exit_code == 1
    assert "merchant" in result.stdout
    assert "no_reader_for_type" in result.stdout
    assert "this is a folder; name the files in it" in result.stderr


def test_a_file_that_is_far_too_large_is_not_even_hashed(inboxd: Command, tmp_path: Path) -> None:
    """A terabyte of nothing would keep a machine busy for an hour."""
    with (tmp_path / "tera.jpg").open("wb") as hole:
        hole.truncate(1 << 40)
    result = inboxd("read", tmp_path / "tera.jpg", "--json")
    (found,) = json.loads(result.stdout)
    assert (result.exit_code, found["error"]["code"]) == (1, "too_large")


def test_any_name_can_be_read(inboxd: Command, tmp_path: Path) -> None:
    """A name that is not text is escaped in the answer, and one that looks like a tag stays."""
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff[red]\n.jpg")
    Path(odd).touch()
    result = inboxd("read", odd, "--json")
    (found,) = json.loads(result.stdout)
    assert found["file"]["name"] == "\\xff[red]\\n.jpg"
    assert found["error"]["code"] == "empty"
    assert "\\xff[red]\\n.jpg" in inboxd("read", odd).stdout
