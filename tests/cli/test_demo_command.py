"""`inboxd demo`: the real daemon on sample receipts."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.cli.demo import show_at_work
from daemon.config.load import load
from daemon.demo import catalogue
from daemon.demo.render import draw
from daemon.demo.samples import Facts, Sample, draw_receipt
from tests.waiting import wait_until


def drawn(trade: catalogue.Trade, name: str) -> Sample:
    """A sample of one trade; drawing all of them takes longer."""
    receipt = draw_receipt(1, trade)
    file = io.BytesIO()
    draw(receipt, trade.language, trade.layout, trade.style).save(file, "PNG")
    facts = Facts(receipt.shop.name, receipt.moment.date(), receipt.total, receipt.currency)
    return Sample(name, facts, file.getvalue(), "done")


def test_samples_go_through_the_daemon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are uploaded, read and filed; a broken one is rejected with its reason."""
    good = drawn(catalogue.DINER, "diner.png")
    broken = Sample("cut.png", None, good.data[: len(good.data) // 2], "rejected")
    assert show_at_work([good, broken], tmp_path) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert good.facts is not None
    (row,) = (line for line in output.out.splitlines() if "diner.png" in line)
    assert good.facts.merchant in row
    assert f"{good.facts.total} {good.facts.currency}" in row
    assert good.facts.date.isoformat() in row
    assert (tmp_path / "received" / "files" / "diner.png").read_bytes() == good.data
    sidecar = json.loads((tmp_path / "done" / "diner.png.json").read_text())
    assert sidecar["deliveries"][0]["location"].endswith("/files/diner.png")
    assert (tmp_path / "rejected" / "cut.png.json").exists()
    assert load(tmp_path / "inboxd.yaml").inboxes["receipts"].path == tmp_path / "inbox"


def test_what_is_read_wrongly_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The demonstration does not pass by itself: it knows what stands on its samples."""
    good = drawn(catalogue.DINER, "diner.png")
    assert good.facts is not None
    wrong = replace(good, facts=replace(good.facts, merchant="Somebody Else"))
    unread = Sample("words.txt", None, b"no receipt", "done")
    assert show_at_work([wrong, unread], tmp_path) == 1
    errors = capsys.readouterr().err
    assert "diner.png: the merchant should be Somebody Else, read was " in errors
    assert "words.txt: should be done and is rejected" in errors


def test_a_signal_ends_it_and_blames_no_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was not through by then is not called late."""
    never = Sample("never.part", None, b"left alone for its name", "done")

    def end_it() -> None:
        wait_until((tmp_path / "inbox" / never.name).exists, "the daemon to be up")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=end_it)
    thread.start()
    assert show_at_work([never], tmp_path) == 130
    thread.join()
    assert capsys.readouterr().err == "inboxd: ended before all were through\n"
